"""Which operator costs make sense."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from corebilling.kernel import money
from corebilling.kernel.errors import DomainError, FieldError

_MAX_DIGITS = 12
_MAX_COST = Decimal(10**12)


def cost_faults(
    meter: str,
    dimensions: Sequence[str] | None,
    currency: str,
    unit_cost: Decimal,
    dimension: str | None,
    value: str | None,
) -> Iterator[FieldError]:
    """What is wrong with a cost of a meter that groups usage by `dimensions` (None: there is no such meter)."""
    if dimensions is None:
        yield FieldError("/meter", f"there is no meter '{meter}'; create it with POST /v1/meters first")
    try:
        money.exponent(currency)
    except DomainError as error:
        yield FieldError("/currency", error.message)
    if not unit_cost.is_finite() or not 0 <= unit_cost <= _MAX_COST:
        yield FieldError("/unit_cost", f"must be between 0 and {_MAX_COST}, in major units")
    elif unit_cost != round(unit_cost, _MAX_DIGITS):
        yield FieldError("/unit_cost", f"may have {_MAX_DIGITS} digits after the point; round it")
    if dimension is None and value is not None:
        yield FieldError("/dimension", "name the property that has this value")
    if dimension is not None and value is None:
        yield FieldError("/value", "send the value of the property")
    if dimension is not None and dimensions is not None and dimension not in dimensions:
        known = ", ".join(dimensions) or "nothing"
        yield FieldError("/dimension", f"the meter '{meter}' groups usage by {known}; use what it groups by")
