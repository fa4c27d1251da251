"""What margins look like on the wire."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

import msgspec

from corebilling.kernel.decimals import plain
from corebilling.kernel.money import EXACT, from_minor, to_minor

MarginGroup = Literal["customer", "plan", "meter", "month"]

_RATIO = Decimal("0.0001")


class MarginOut(msgspec.Struct, frozen=True):
    """What a customer, plan, meter or month brought in and cost, in one currency.

    `key` is the customer's or plan's id, the meter's code or the month (`2026-01`, in the tenant's time zone); null stands
    for what no meter counted, by meter. `cost` is exact in major units, `cost_minor` is it rounded once, `margin_minor` the
    revenue less that, `margin_ratio` the margin's share of the revenue, to four digits (null without revenue).
    `uncosted_minor` is how much of the revenue comes from usage whose cost nobody stated: the true margin is lower.
    """

    key: str | None
    label: str
    currency: str
    revenue_minor: int
    cost: str
    cost_minor: int
    margin_minor: int
    margin_ratio: str | None
    uncosted_minor: int
    charges: int


def shown_margin(
    key: str | None, label: str, currency: str, revenue_minor: int, cost: Decimal, uncosted_minor: int, charges: int
) -> MarginOut:
    """A row on the wire."""
    cost_minor = to_minor(cost, currency)
    revenue = from_minor(revenue_minor, currency)
    ratio = None
    if revenue:
        ratio = plain(
            EXACT.divide(EXACT.subtract(revenue, cost), revenue).quantize(_RATIO, rounding=ROUND_HALF_UP, context=EXACT)
        )
    return MarginOut(
        key=key,
        label=label,
        currency=currency,
        revenue_minor=revenue_minor,
        cost=plain(cost),
        cost_minor=cost_minor,
        margin_minor=revenue_minor - cost_minor,
        margin_ratio=ratio,
        uncosted_minor=uncosted_minor,
        charges=charges,
    )
