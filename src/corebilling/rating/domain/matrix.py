"""`matrix`: the properties of an event choose its price per unit."""

from collections.abc import Iterator
from decimal import Decimal
from functools import cached_property
from typing import ClassVar

import msgspec

from corebilling.kernel.charge import DerivationStep
from corebilling.kernel.errors import FieldError
from corebilling.kernel.money import EXACT
from corebilling.kernel.usage import Detail, UsageFigures, UsageGroup
from corebilling.rating.domain.amounts import ZERO, faults
from corebilling.rating.domain.groups import Values, grouped, without_first
from corebilling.rating.domain.modifiers import Modifiers

MAX_DIMENSIONS = 8
MAX_CELLS = 1_000


class Cell(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Units whose properties have these values, in the order of the dimensions (null: the property is absent)."""

    values: Values
    unit_amount: Decimal


class Matrix(Modifiers, frozen=True, forbid_unknown_fields=True, tag_field="model", tag="matrix"):
    """Units that no cell names cost `default_unit_amount`. Included units come off in the order of the cells, then the rest."""

    MODEL: ClassVar[str] = "matrix"
    PRICES_USAGE: ClassVar[bool] = True

    dimensions: tuple[str, ...]
    cells: tuple[Cell, ...]
    default_unit_amount: Decimal

    @property
    def detail(self) -> Detail:
        """A quantity for each combination of values."""
        return "groups"

    @property
    def group_by(self) -> tuple[str, ...]:
        """The dimensions."""
        return self.dimensions

    def faults(self, at: str, currency: str | None) -> Iterator[FieldError]:
        """What is wrong with this definition."""
        if not 1 <= len(self.dimensions) <= MAX_DIMENSIONS:
            yield FieldError(f"{at}/dimensions", f"must hold between 1 and {MAX_DIMENSIONS} names of properties")
        for number, name in enumerate(self.dimensions):
            if not name or name in self.dimensions[:number]:
                yield FieldError(f"{at}/dimensions/{number}", "must name a property, each only once")
        if len(self.cells) > MAX_CELLS:
            yield FieldError(f"{at}/cells", f"must hold at most {MAX_CELLS} cells")
        seen = set()
        for number, cell in enumerate(self.cells):
            if len(cell.values) != len(self.dimensions):
                yield FieldError(
                    f"{at}/cells/{number}/values", "must hold one value for each dimension, in their order"
                )
            elif cell.values in seen:
                yield FieldError(f"{at}/cells/{number}/values", "has a price already; leave one of the two cells out")
            seen.add(cell.values)
            yield from faults(cell.unit_amount, f"{at}/cells/{number}/unit_amount")
        yield from faults(self.default_unit_amount, f"{at}/default_unit_amount")

    def beyond_included(self, used: UsageFigures) -> UsageFigures:
        """The groups that are left to price."""
        if not self.included_units:
            return used
        return without_first(self.included_units, sorted(self._groups(used), key=self._place))

    def steps(self, used: UsageFigures) -> tuple[DerivationStep, ...]:
        """One step for each cell that was used, in the order of the cells; what no cell names comes last."""
        found: dict[int, Decimal] = {}
        for group in self._groups(used):
            place = self._places.get(group.values, len(self.cells))
            found[place] = EXACT.add(found.get(place, ZERO), group.quantity)
        return tuple(self._step(place, found[place]) for place in sorted(found)) or (self._step(len(self.cells), ZERO),)

    def _step(self, place: int, quantity: Decimal) -> DerivationStep:
        if place == len(self.cells):
            label, unit_amount = "any other", self.default_unit_amount
        else:
            label, unit_amount = self._labels[place], self.cells[place].unit_amount
        return DerivationStep(label, quantity, unit_amount, ZERO, EXACT.multiply(quantity, unit_amount))

    def _groups(self, used: UsageFigures) -> tuple[UsageGroup, ...]:
        return grouped(used, len(self.dimensions))

    def _place(self, group: UsageGroup) -> int:
        return self._places.get(group.values, len(self.cells))

    @cached_property
    def _places(self) -> dict[Values, int]:
        return {cell.values: place for place, cell in enumerate(self.cells)}

    @cached_property
    def _labels(self) -> tuple[str, ...]:
        return tuple(
            ", ".join(
                f"{name} {value}" if value is not None else f"no {name}"
                for name, value in zip(self.dimensions, cell.values, strict=True)
            )
            for cell in self.cells
        )
