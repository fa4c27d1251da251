"""What is to be rated, and what came of it."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec

from corebilling.kernel.charge import BilledCharge
from corebilling.kernel.contract import Contract
from corebilling.kernel.period import Period

NOTHING_BILLED = -1
"""The billed epoch of a subscription that has no final rating yet."""

_HOUR = timedelta(hours=1)
_INSTANT = timedelta(microseconds=1)


class RatingOrder(msgspec.Struct, frozen=True):
    """One period of a subscription to rate, with the usage up to and including `epoch`.

    Every final period of the subscription holds the usage up to `billed_epoch`: what came between the two with a
    timestamp before this period is late usage and lands here. Fees are settled as the contract was known at `settled_at`,
    at the period's end or later. `carried_minor` is the credit of earlier ratings, `interim_at` when the latest rating
    within a period was for. `afterwards`: the period was the last one and is rated itself; only what came since is.
    """

    tenant_id: UUID
    subscription_id: UUID
    period: Period
    epoch: int
    billed_epoch: int = NOTHING_BILLED
    cycle_id: UUID | None = None
    settled_at: datetime | None = None
    carried_minor: int = 0
    interim_at: datetime | None = None
    afterwards: bool = False

    @property
    def late_before(self) -> datetime:
        """Usage with timestamps before this is late."""
        return self.period.end if self.afterwards else self.period.start

    @property
    def key(self) -> tuple[UUID, UUID]:
        """The subscription, as other contexts are asked for it."""
        return (self.tenant_id, self.subscription_id)

    @property
    def as_of(self) -> datetime:
        """Up to when fees are due, and the contract's changes count."""
        return self.settled_at or self.period.end


class Rated(msgspec.Struct, frozen=True):
    """The charges of a period, each rounded once. `total_minor` leaves out what goes on a credit note.

    `carried_minor` is the credit that is left for the next rating.
    """

    order: RatingOrder
    contract: Contract
    charges: tuple[BilledCharge, ...]
    total_minor: int
    carried_minor: int = 0

    @property
    def has_usage(self) -> bool:
        """Whether a charge counts any usage."""
        return any(charge.kind == "usage" and charge.quantity for charge in self.charges)


class Unrateable(msgspec.Struct, frozen=True):
    """A period that can't be rated until someone mends what `reason` names."""

    order: RatingOrder
    reason: str


def periods_between(contract: Contract, first_at: datetime, last_at: datetime) -> list[Period]:
    """The periods of a contract that hold usage of this span; none before billing begins, nor after it ends."""
    if last_at < contract.starts_at or (contract.ends_at is not None and contract.ends_at <= first_at):
        return []
    found = [contract.period_at(max(first_at, contract.starts_at))]
    while found[-1].end <= last_at and found[-1].end != contract.ends_at:
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
