"""What is to be rated, and what came of it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import msgspec

from corebilling.kernel.charge import BilledCharge
from corebilling.kernel.contract import Contract
from corebilling.kernel.period import Period, zone

NOTHING_BILLED = -1
"""The billed epoch of a subscription that has no final rating yet."""

_HOUR = timedelta(hours=1)
_INSTANT = timedelta(microseconds=1)


class RatingOrder(msgspec.Struct, frozen=True):
    """One period of a subscription to rate, with the usage up to and including `epoch`.

    Every final period of the subscription holds the usage up to `billed_epoch`: what came between the two with a
    timestamp before this period is late usage and lands here.
    """

    tenant_id: UUID
    subscription_id: UUID
    period: Period
    epoch: int
    billed_epoch: int = NOTHING_BILLED
    cycle_id: UUID | None = None

    @property
    def key(self) -> tuple[UUID, UUID]:
        """The subscription, as other contexts are asked for it."""
        return (self.tenant_id, self.subscription_id)


class Rated(msgspec.Struct, frozen=True):
    """The charges of a period, each rounded once."""

    order: RatingOrder
    contract: Contract
    charges: tuple[BilledCharge, ...]
    total_minor: int

    @property
    def has_usage(self) -> bool:
        """Whether a charge counts any usage."""
        return any(charge.kind != "recurring" and charge.quantity for charge in self.charges)


class Unrateable(msgspec.Struct, frozen=True):
    """A period that can't be rated until someone mends what `reason` names."""

    order: RatingOrder
    reason: str


class Billed(msgspec.Struct, frozen=True):
    """What was billed of a price and period so far."""

    amount_minor: int
    quantity: Decimal


def periods_between(contract: Contract, first_at: datetime, last_at: datetime) -> list[Period]:
    """The periods of a contract that hold usage of this span; none before billing begins."""
    if last_at < contract.starts_at:
        return []
    found = [contract.period_at(max(first_at, contract.starts_at))]
    while found[-1].end <= last_at:
        found.append(contract.period(found[-1].index + 1))
    return found


def hour_of(at: datetime) -> datetime:
    """The start of the whole hour in UTC that an instant belongs to."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def periods_of_hours(contract: Contract, first_hour_at: datetime, last_hour_at: datetime) -> list[Period]:
    """The periods that usage of these hours and those between may belong to; hours are named by their start."""
    return periods_between(contract, first_hour_at, last_hour_at + _HOUR - _INSTANT)


def periods_of_hour(contract: Contract, hour_at: datetime, before: datetime) -> list[Period]:
    """The periods, over by `before`, that usage of the hour starting at `hour_at` may belong to: two where one ends within it."""
    return [p for p in periods_of_hours(contract, hour_at, hour_at) if p.end <= before]


def current_period(contract: Contract, at: datetime) -> Period:
    """The period that holds the instant; the first one before the contract starts."""
    return contract.period_at(max(at, contract.starts_at))


def late_description(name: str, late: Period, time_zone: str) -> str:
    """Such as `API calls, late usage of 2026-01-01 to 2026-01-31`, in the contract's calendar."""
    tz = zone(time_zone)
    first, last = late.start.astimezone(tz).date(), (late.end - _INSTANT).astimezone(tz).date()
    return f"{name}, late usage of {first} to {last}"
