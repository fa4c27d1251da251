"""Lines of an invoice against what they were made of: charges of ratings, or what a caller wrote."""

from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

import msgspec

from corebilling.invoice.domain.document import CREDITED, ONE_OFF_VERSION, Document, Line, one_off_line
from corebilling.invoice.domain.findings import Difference, compared
from corebilling.kernel.charge import BilledCharge, ChargeFinding
from corebilling.kernel.errors import DomainError

Rated = Sequence[tuple[UUID, UUID]]
"""The ratings of an invoice with their subscriptions, in the order of its lines."""

_FIGURES = (
    "kind", "description", "quantity", "unit", "amount_minor", "period_start", "period_end", "price_id", "meter_code",
    "discount_minor",
)  # fmt: skip


def of_charges(
    document: Document, ratings: Rated, charges: Mapping[UUID, Sequence[BilledCharge]]
) -> Iterator[Difference]:
    """Whether the lines are the charges of the ratings, one by one."""
    wanted = list(_billed(ratings, charges))
    yield from compared("lines", len(document.lines), len(wanted))
    for no, (line, (subscription_id, charge)) in enumerate(zip(document.lines, wanted, strict=False), 1):
        for figure in _FIGURES:
            yield from compared(figure, getattr(line, figure), getattr(charge, figure), no)
        if line.derivation != charge.derivation:
            yield from _of_derivation(line, charge, no)
        if line.subscription_id is not None:
            yield from compared("subscription_id", line.subscription_id, subscription_id, no)


def of_findings(
    ratings: Rated, charges: Mapping[UUID, Sequence[BilledCharge]], found: Sequence[ChargeFinding]
) -> Iterator[Difference]:
    """What rating finds wrong with the charges, by the lines that they are on; others are of a credit note."""
    places: dict[tuple[UUID, int], int] = {}
    for rating_id, _ in ratings:
        for charge in charges.get(rating_id, ()):
            if charge.kind != CREDITED:
                places[rating_id, charge.charge_no] = len(places) + 1
    for one in found:
        line_no = places.get((one.rating_id, one.charge_no)) if one.charge_no is not None else None
        off = "" if line_no is not None or one.charge_no is None else f" of charge {one.charge_no}, which is credited"
        yield Difference(line_no, f"rating: {one.figure}{off}", one.stored, one.computed)


def of_caller(document: Document) -> Iterator[Difference]:
    """Whether lines that a caller wrote are quantity x unit amount, rounded once."""
    for no, line in enumerate(document.lines, 1):
        how = line.derivation
        yield from compared("engine_version", how.engine_version, ONE_OFF_VERSION, no)
        yield from compared("steps", len(how.steps), 1, no)
        if not how.steps:
            continue
        step = how.steps[0]
        try:
            made = one_off_line(step.label, line.quantity, line.unit, step.unit_amount, document.currency)
        except DomainError as error:
            yield Difference(no, "amount_minor", str(line.amount_minor), error.message)
            continue
        yield from compared("description", line.description, step.label, no)
        yield from compared("amount_minor", line.amount_minor, made.amount_minor, no)
        yield from compared("quantity", how.quantity, line.quantity, no)
        yield from compared("step 1", _step(line), _step(made), no)
        yield from compared("exact_amount", how.amount, made.derivation.amount, no)


def _billed(ratings: Rated, charges: Mapping[UUID, Sequence[BilledCharge]]) -> Iterator[tuple[UUID, BilledCharge]]:
    for rating_id, subscription_id in ratings:
        for charge in charges.get(rating_id, ()):
            if charge.kind != CREDITED:
                yield subscription_id, charge


def _of_derivation(line: Line, charge: BilledCharge, no: int) -> Iterator[Difference]:
    ours, theirs = msgspec.structs.asdict(line.derivation), msgspec.structs.asdict(charge.derivation)
    for name, value in ours.items():
        yield from compared(f"derivation: {name}", value, theirs[name], no)


def _step(line: Line) -> str:
    step = line.derivation.steps[0]
    return f"{step.quantity.normalize():f} x {step.unit_amount.normalize():f} = {step.amount.normalize():f}"
