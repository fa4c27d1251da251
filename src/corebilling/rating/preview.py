"""Previews: what a price would charge for usage that is made up. Pure computation over what the caller sent."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import lru_cache

import msgspec

from corebilling.kernel.charge import DerivationStep
from corebilling.kernel.decimals import plain
from corebilling.kernel.errors import FieldError, Invalid, invalid_field
from corebilling.kernel.money import EXACT, exponent, to_minor
from corebilling.kernel.usage import UsageFigures, UsageGroup
from corebilling.rating.domain.amounts import ZERO, faults, sum_of
from corebilling.rating.domain.engine import of_quantity, rate
from corebilling.rating.domain.groups import Values
from corebilling.rating.domain.price import Price, parse
from corebilling.rating.metrics import counted
from corebilling.rating.schemas.preview import PreviewEvent, PreviewOut, PreviewPrior, PreviewRequest
from corebilling.rating.schemas.words import shown_step

_REMEMBERED_BYTES = 4096
"""Definitions up to this size are kept parsed: callers try the same price with one quantity after the other."""


def preview(request: PreviewRequest) -> PreviewOut:
    """What the usage would cost, less what was billed of it. Raises `Invalid` with a pointer for each fault."""
    with counted("preview"):
        price = _price(bytes(request.price), request.currency)
        quantity, prior = request.quantity, request.prior
        if prior is None and request.events is None and quantity is not None:
            _refuse(list(faults(quantity, "/quantity")))
            used, billed = of_quantity(quantity), ZERO
        else:
            used, billed = _used(request, price), prior.billed if prior else ZERO
        return _previewed(request, price, used, billed)


def _previewed(request: PreviewRequest, price: Price, used: UsageFigures, billed: Decimal) -> PreviewOut:
    try:
        derivation = rate(price, used)
    except Invalid as error:
        raise _located(error, request, price) from None
    amount = derivation.amount
    breakdown = [shown_step(step) for step in derivation.steps]
    for label, extra in (("true-up to the minimum", derivation.true_up), ("billed before", EXACT.minus(billed))):
        if extra:
            amount = EXACT.add(amount, extra)
            breakdown.append(shown_step(DerivationStep(label, ZERO, ZERO, extra, extra)))
    try:
        amount_minor = to_minor(amount, request.currency)
    except Invalid as error:
        pointer = "/events" if request.quantity is None else "/quantity"
        raise invalid_field(pointer, error.message, code=error.code) from None
    return PreviewOut(plain(amount), amount_minor, request.currency, breakdown)


def _price(definition: bytes, currency: str) -> Price:
    exponent(currency)
    return (_parsed if len(definition) <= _REMEMBERED_BYTES else parse)(definition, "/price", currency)


_parsed = lru_cache(maxsize=4096)(parse)


def _used(request: PreviewRequest, price: Price) -> UsageFigures:
    """The usage before and the new usage as one, in the order of time."""
    prior = request.prior or PreviewPrior()
    found = [*_choice_faults(request, prior)]
    found += _usage_faults(prior.quantity, prior.events, "/prior")
    found += faults(prior.billed, "/prior/billed")
    found += _usage_faults(request.quantity, request.events, "")
    _refuse(found)
    before = [(event, f"/prior/events/{number}") for number, event in enumerate(_events(prior))]
    after = [(event, f"/events/{number}") for number, event in enumerate(_events(request))]
    amounts = tuple(event.amount for event, _ in (*before, *after))
    groups = _groups(price.group_by, (*before, *after)) if price.group_by else ()
    return UsageFigures(sum_of(amounts), len(amounts), groups, amounts)


def _choice_faults(request: PreviewRequest, prior: PreviewPrior) -> Iterator[FieldError]:
    if request.quantity is None and request.events is None:
        yield FieldError("/quantity", "is missing; send a quantity, or events")
    if request.quantity is not None and request.events is not None:
        yield FieldError("/events", "can't be sent with a quantity; send one of the two")
    if prior.quantity is not None and prior.events is not None:
        yield FieldError("/prior/events", "can't be sent with a quantity; send one of the two")


def _usage_faults(quantity: Decimal | None, events: Sequence[PreviewEvent] | None, at: str) -> Iterator[FieldError]:
    if quantity is not None:
        yield from faults(quantity, f"{at}/quantity")
    for number, event in enumerate(events or ()):
        yield from faults(event.amount, f"{at}/events/{number}/amount")


def _events(usage: PreviewRequest | PreviewPrior) -> list[PreviewEvent]:
    if usage.events is not None:
        return usage.events
    return [PreviewEvent(usage.quantity)] if usage.quantity else []


def _groups(names: Sequence[str], events: Sequence[tuple[PreviewEvent, str]]) -> tuple[UsageGroup, ...]:
    found: dict[Values, Decimal] = {}
    for event, at in events:
        values = tuple(_text(event.properties.get(name), f"{at}/properties", name) for name in names)
        found[values] = EXACT.add(found.get(values, ZERO), event.amount)
    ordered = sorted(found, key=lambda values: [(value is not None, value or "") for value in values])
    return tuple(UsageGroup(values, found[values]) for values in ordered)


def _text(value: msgspec.Raw | None, at: str, name: str) -> str | None:
    """A property as text: strings as they are, numbers and booleans as JSON writes them; null is as good as absent."""
    raw = bytes(value) if value is not None else b"null"
    if raw == b"null":
        return None
    if raw[:1] in (b"{", b"["):
        pointer = f"{at}/{name.replace('~', '~0').replace('/', '~1')}"
        _refuse([FieldError(pointer, "must be text, a number, true, false or null to choose a price")])
    return msgspec.json.decode(raw, type=str) if raw[:1] == b'"' else raw.decode()


def _refuse(found: Sequence[FieldError]) -> None:
    if found:
        first = found[0]
        detail = f"the usage can't be priced: {first.pointer} {first.detail}"
        raise Invalid(detail, code="invalid_usage", fields=found)


def _located(error: Invalid, request: PreviewRequest, price: Price) -> Invalid:
    """An error about the properties of some event, with a pointer to the first event that has it."""
    for part, at in ((request.prior, "/prior"), (request, "")):
        for number, event in enumerate(_events(part) if part else ()):
            here = f"{at}/events/{number}"
            try:
                price.steps(UsageFigures(event.amount, 1, _groups(price.group_by, [(event, here)]), (event.amount,)))
            except Invalid as same:
                fields = [FieldError(here + field.pointer, field.detail) for field in same.fields]
                return Invalid(same.message, code=same.code, fields=fields)
    return error
