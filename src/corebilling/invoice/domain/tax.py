"""Taxes on lines: which rates apply is decided elsewhere (tax_rates.py), here they are worked out.

Every tax is rounded once, half away from zero, for its line or for the whole invoice as the tenant says; what has to be
split goes by largest remainder, so parts always add up. Sources: Directive 2006/112/EC art. 78-79 (what is taxed includes
discounts given at once), EN 16931-1 BR-CO-14 and BR-S-08 (sums by rate).
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Literal, Protocol

import msgspec

from corebilling.invoice.domain.splitting import apportion, rounded, spread, times
from corebilling.kernel.party import TaxRounding

TaxCategory = Literal["S", "Z", "E", "AE", "G", "K", "O"]
"""UNTDID 5305: standard rate, zero rate, exempt, reverse charge, export, supply within the EU, outside the scope."""


class LineTax(msgspec.Struct, frozen=True):
    """One tax on one line. `taxable_minor` is net of every tax; an `inclusive` tax is within the line's amount.

    `rate` is a fraction (`0.2`), `place` a country with its region where the rate is the region's (`FR`, `CA-QC`).
    `reason` says why nothing is due.
    """

    code: str
    name: str
    place: str
    category: TaxCategory
    rate: Decimal
    inclusive: bool
    taxable_minor: int
    tax_minor: int
    reason: str | None = None


class AppliedRate(msgspec.Struct, frozen=True):
    """A rate as it is put on a line: `rate` is 0 where the customer is exempt or accounts for the tax."""

    code: str
    name: str
    place: str
    category: TaxCategory
    rate: Decimal
    inclusive: bool
    reason: str | None = None


class Taxable(Protocol):
    """What must be known of a line."""

    @property
    def kind(self) -> str: ...
    @property
    def amount_minor(self) -> int: ...
    @property
    def discount_minor(self) -> int: ...


class _Cell:
    """A tax of a line while it is being worked out."""

    __slots__ = ("rate", "tax_minor")

    def __init__(self, rate: AppliedRate) -> None:
        self.rate = rate
        self.tax_minor = 0


def bases(lines: Sequence[Taxable]) -> list[int]:
    """What each line is taxed on: its amount less its share of the discounts, and of the credit that is carried.

    Discounts and carried credit have no base of their own. Credit that is carried on isn't given back yet, so it takes from
    the negative lines; credit that arrives takes from the positive ones.
    """
    found = [0 if line.kind in ("discount", "carried") else line.amount_minor + line.discount_minor for line in lines]
    carried = [line.amount_minor for line in lines if line.kind == "carried"]
    _use_up(found, sum(amount for amount in carried if amount > 0), -1)
    _use_up(found, -sum(amount for amount in carried if amount < 0), 1)
    return found


def _use_up(found: list[int], amount: int, sign: int) -> None:
    weights = [max(base * sign, 0) for base in found]
    for n, part in enumerate(spread(min(amount, sum(weights)), weights)):
        found[n] -= part * sign


def assess(
    lines: Sequence[Taxable], rates: Sequence[Sequence[AppliedRate]], rounding: TaxRounding
) -> list[tuple[LineTax, ...]]:
    """The taxes of each line, in the order of its `rates`.

    A line's net is its base / (1 + its inclusive rates), rounded; the rest of the base is split over those rates. Other
    rates are on the net, none on another tax. With `invoice` rounding the bases of equal rates are added up first, and the
    tax on their sum goes back to the lines. Taxes on top never make a total negative: what would is left off.
    """
    grid = [
        [] if line.kind in ("discount", "carried") else [_Cell(rate) for rate in of_line]
        for line, of_line in zip(lines, rates, strict=True)
    ]
    gross = bases(lines)
    nets = (_included_by_line if rounding == "line" else _included_by_invoice)(grid, gross)
    (_added_by_line if rounding == "line" else _added_by_invoice)(grid, nets)
    _limit(grid, sum(line.amount_minor for line in lines))
    return [tuple(_line_tax(cell, net) for cell in cells) for cells, net in zip(grid, nets, strict=True)]


def totals(taxes: Iterable[LineTax]) -> tuple[LineTax, ...]:
    """Summed up by rate, in the order in which the rates first come up."""
    sums: dict[AppliedRate, tuple[int, int]] = {}
    for tax in taxes:
        rate = AppliedRate(tax.code, tax.name, tax.place, tax.category, tax.rate, tax.inclusive, tax.reason)
        taxable, amount = sums.get(rate, (0, 0))
        sums[rate] = (taxable + tax.taxable_minor, amount + tax.tax_minor)
    return tuple(
        LineTax(r.code, r.name, r.place, r.category, r.rate, r.inclusive, taxable, amount, r.reason)
        for r, (taxable, amount) in sums.items()
    )


def _included(cells: Sequence[_Cell]) -> list[_Cell]:
    return [cell for cell in cells if cell.rate.inclusive]


def _added(cells: Sequence[_Cell]) -> list[_Cell]:
    return [cell for cell in cells if not cell.rate.inclusive]


def _split_gross(gross: int, rates: Sequence[Decimal]) -> list[int]:
    """The taxes within an amount: it is net x (1 + all rates), the net rounded once."""
    net = rounded(Decimal(gross), 1 + sum(rates, Decimal(0)))
    return spread(gross - net, rates)


def _included_by_line(grid: Sequence[Sequence[_Cell]], gross: Sequence[int]) -> list[int]:
    nets = []
    for cells, amount in zip(grid, gross, strict=True):
        included = _included(cells)
        taxes = _split_gross(amount, [cell.rate.rate for cell in included]) if included else []
        for cell, tax in zip(included, taxes, strict=True):
            cell.tax_minor = tax
        nets.append(amount - sum(taxes))
    return nets


def _included_by_invoice(grid: Sequence[Sequence[_Cell]], gross: Sequence[int]) -> list[int]:
    groups: dict[tuple[AppliedRate, ...], list[int]] = {}
    for n, cells in enumerate(grid):
        if included := _included(cells):
            groups.setdefault(tuple(cell.rate for cell in included), []).append(n)
    nets = list(gross)
    for rates, places in groups.items():
        whole = 1 + sum((rate.rate for rate in rates), Decimal(0))
        taxes = _split_gross(sum(gross[n] for n in places), [rate.rate for rate in rates])
        for k, (rate, tax) in enumerate(zip(rates, taxes, strict=True)):
            parts = apportion(tax, [(times(gross[n], rate.rate), whole) for n in places])
            for n, part in zip(places, parts, strict=True):
                _included(grid[n])[k].tax_minor = part
                nets[n] -= part
    return nets


def _added_by_line(grid: Sequence[Sequence[_Cell]], nets: Sequence[int]) -> None:
    for cells, net in zip(grid, nets, strict=True):
        for cell in _added(cells):
            cell.tax_minor = rounded(times(net, cell.rate.rate))


def _added_by_invoice(grid: Sequence[Sequence[_Cell]], nets: Sequence[int]) -> None:
    groups: dict[AppliedRate, list[tuple[_Cell, int]]] = {}
    for cells, net in zip(grid, nets, strict=True):
        for cell in _added(cells):
            groups.setdefault(cell.rate, []).append((cell, net))
    for rate, found in groups.items():
        tax = rounded(times(sum(net for _, net in found), rate.rate))
        for (cell, _), part in zip(
            found, apportion(tax, [(times(net, rate.rate), 1) for _, net in found]), strict=True
        ):
            cell.tax_minor = part


def _limit(grid: Sequence[Sequence[_Cell]], subtotal: int) -> None:
    """Credit of a higher rate against sales of a lower one would give more tax back than there is to pay."""
    added = [cell for cells in grid for cell in _added(cells)]
    missing = -(max(subtotal, 0) + sum(cell.tax_minor for cell in added))
    if missing > 0:
        negative = [max(-cell.tax_minor, 0) for cell in added]
        for cell, part in zip(added, spread(min(missing, sum(negative)), negative), strict=True):
            cell.tax_minor += part


def _line_tax(cell: _Cell, net: int) -> LineTax:
    r = cell.rate
    return LineTax(r.code, r.name, r.place, r.category, r.rate, r.inclusive, net, cell.tax_minor, r.reason)
