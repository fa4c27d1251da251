"""What simulations look like on the wire: what is asked for, what a customer's item and the result hold."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class Span(msgspec.Struct, forbid_unknown_fields=True, rename={"start": "from", "end": "to"}):
    """Periods that begin in `[from, to)`; one that still runs is rated with its usage so far."""

    start: Instant
    end: Instant


class PriceChange(msgspec.Struct, forbid_unknown_fields=True):
    """A price with another definition than it has.

    `price` is its id, or `plan/price` by their codes: the plan's latest version, or `plan@3/price`. Where the plan is sold in
    several currencies, `currency` says in which. Subscriptions with a definition of their own keep it.
    """

    price: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
    definition: msgspec.Raw
    currency: Annotated[str, msgspec.Meta(min_length=3, max_length=3)] | None = None


class SimulationRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Changed prices, and the past in which to try them."""

    period: Span
    changes: Annotated[list[PriceChange], msgspec.Meta(min_length=1, max_length=100)]


class ResolvedChange(msgspec.Struct):
    """A change as it was understood."""

    price: str
    price_id: UUID
    currency: str
    definition: msgspec.Raw


class SimulationOrder(msgspec.Struct):
    """A simulation as its job keeps it."""

    period: Span
    changes: list[ResolvedChange]


class Totals(msgspec.Struct):
    """Of one currency: old and new totals in minor units, and of how many.

    `subscriptions` and `periods` pay a changed price; `changed` are the subscriptions whose total becomes another.
    """

    old_total_minor: int = 0
    new_total_minor: int = 0
    difference_minor: int = 0
    customers: int = 0
    subscriptions: int = 0
    periods: int = 0
    changed: int = 0


class CustomerTotals(msgspec.Struct):
    """A customer's old and new totals in one currency."""

    customer_id: UUID
    customer_external_id: str
    currency: str
    old_total_minor: int = 0
    new_total_minor: int = 0
    difference_minor: int = 0
    subscriptions: int = 0
    periods: int = 0


class SimulationResult(msgspec.Struct):
    """`overall` by currency; `customers` are the ten most affected, all are the job's items. `skipped` periods can't be rated.

    `epoch` is the usage watermark that was read: what was recorded later isn't in it.
    """

    overall: dict[str, Totals]
    customers: list[CustomerTotals]
    skipped: int
    epoch: int
