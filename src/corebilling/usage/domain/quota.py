"""Quotas: how much may be sent in a period, and what happens to what is beyond it."""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import ceil
from typing import Literal
from uuid import UUID

import msgspec

from corebilling.kernel.decimals import plain
from corebilling.kernel.money import EXACT
from corebilling.kernel.period import zone
from corebilling.usage.domain.event import Refusal
from corebilling.usage.domain.normalise import UsageRow
from corebilling.usage.domain.sums import exact_sum

QuotaScope = Literal["tenant", "customer"]
QuotaPeriod = Literal["hour", "day", "month"]
QuotaMode = Literal["hard", "soft"]

QUOTA_EXCEEDED = "quota_exceeded"
SUMMED = frozenset({"sum", "count"})
"""Aggregations whose quantities add up: quotas on other meters count events."""

_ONE = Decimal(1)


class Span(msgspec.Struct, frozen=True):
    """The period of a quota, `[start, end)` in UTC."""

    start: datetime
    end: datetime


def span_of(period: QuotaPeriod, time_zone: str, at: datetime) -> Span:
    """The period that holds the instant: a calendar month or day of the zone, or an hour of UTC.

    A day is as long as the clocks make it; midnight that they skip or repeat is read as its first instant. Hours are those of UTC
    everywhere, so none is skipped or repeated.
    """
    if period == "hour":
        start = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        return Span(start, start + timedelta(hours=1))
    local = at.astimezone(zone(time_zone))
    first = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if period == "month":
        first = first.replace(day=1)
        after = (first + timedelta(days=31)).replace(day=1)
    else:
        after = first + timedelta(days=1)
    return Span(first.astimezone(UTC), after.astimezone(UTC))


class Quota(msgspec.Struct, frozen=True):
    """A limit on what is sent. `tenant` quotas count every accepted event, `customer` ones what the customer used of a meter.

    `warn_at` are fractions of the limit, ascending. `counts_quantity`: quantities are counted instead of events.
    """

    id: UUID
    scope: QuotaScope
    customer_id: UUID | None
    meter_id: UUID | None
    meter: str | None
    counts_quantity: bool
    period: QuotaPeriod
    time_zone: str
    limit: Decimal
    warn_at: tuple[Decimal, ...]
    mode: QuotaMode

    def amount(self, row: UsageRow) -> Decimal:
        """What an event takes of the quota; nothing if it isn't about it."""
        if self.scope == "tenant":
            return _ONE
        if row.owner.attribution.customer_id != self.customer_id or row.reading.meter.id != self.meter_id:
            return Decimal(0)
        if not row.counted:
            return Decimal(0)
        return row.quantity if self.counts_quantity else _ONE

    def concerns(self, row: UsageRow) -> bool:
        """Whether the event is one that this quota limits."""
        return self.scope == "tenant" or (
            row.owner.attribution.customer_id == self.customer_id and row.reading.meter.id == self.meter_id
        )


class Used(msgspec.Struct):
    """What a quota's present period holds, as a transaction finds and leaves it. `exceeded`: that was told already."""

    quota: Quota
    span: Span
    used: Decimal
    refused: int
    exceeded: bool
    used_before: Decimal
    refused_before: int

    @property
    def is_moved(self) -> bool:
        """Whether anything was taken or refused."""
        return (self.used, self.refused) != (self.used_before, self.refused_before)

    def crosses_limit(self) -> bool:
        """Whether the limit is crossed for the first time: something was refused (hard), or too much was taken (soft)."""
        if self.exceeded:
            return False
        if self.quota.mode == "hard":
            return self.refused > self.refused_before
        return self.used > self.quota.limit

    def crossed(self) -> list[Decimal]:
        """The thresholds that what was taken has crossed."""
        return [
            at for at in self.quota.warn_at if not self._reached(at, self.used_before) and self._reached(at, self.used)
        ]

    def _reached(self, threshold: Decimal, used: Decimal) -> bool:
        return used >= EXACT.multiply(threshold, self.quota.limit)


def crossed_by_change(before: Quota, after: Quota, used: Decimal) -> list[Decimal]:
    """The thresholds that a change of the quota, instead of usage, puts below what is used already."""

    def reached(quota: Quota) -> set[Decimal]:
        return {at for at in quota.warn_at if used > 0 and used >= EXACT.multiply(at, quota.limit)}

    return sorted(reached(after) - reached(before))


class Gate:
    """Decides for the events of one batch what the quotas leave room for. The counters are held while it does."""

    def __init__(self, counters: Iterable[Used], present: datetime) -> None:
        self.counters = list(counters)
        self.refusals: dict[str, Refusal] = {}
        self.over: set[str] = set()
        self._present = present
        self._admitted: dict[str, list[tuple[Used, Decimal]]] = {}

    def has_room(self, rows: Collection[UsageRow]) -> bool:
        """Whether all of it fits, be it known or not: then nobody has to look which events came before."""
        return all(
            EXACT.add(counter.used, exact_sum(counter.quota.amount(row) for row in rows)) <= counter.quota.limit
            for counter in self.counters
        )

    def judge(self, rows: Iterable[UsageRow], known: Collection[str]) -> None:
        """Admit or refuse each event in order; those whose keys are known were counted when they came first.

        An event that doesn't fit is refused as a whole, and a later one that is small enough may still fit.
        """
        for row in rows:
            if row.key in known:
                continue
            amounts = [(counter, amount) for counter in self.counters if (amount := counter.quota.amount(row)) > 0]
            over = [c for c, amount in amounts if EXACT.add(c.used, amount) > c.quota.limit]
            closed = [counter for counter in over if counter.quota.mode == "hard"]
            if closed:
                for counter in closed:
                    counter.refused += 1
                self.refusals[row.key] = self._refusal(max(closed, key=lambda counter: counter.span.end))
                continue
            for counter, amount in amounts:
                counter.used = EXACT.add(counter.used, amount)
            self._admitted[row.key] = amounts
            if over:
                self.over.add(row.key)

    def forget(self, stored: Collection[str]) -> None:
        """Count back what was admitted and turned out to be there already."""
        for key in self._admitted.keys() - set(stored):
            self.over.discard(key)
            for counter, amount in self._admitted[key]:
                counter.used = EXACT.subtract(counter.used, amount)

    def _refusal(self, counter: Used) -> Refusal:
        quota, span = counter.quota, counter.span
        whose = "the tenant" if quota.scope == "tenant" else f"the customer's '{quota.meter}'"
        unit = "" if quota.counts_quantity else " events"
        detail = (
            f"the quota of {whose} is {plain(quota.limit)}{unit} a {quota.period}, of which {plain(counter.used)} are used; "
            f"send it again after {span.end.isoformat()} or have the quota raised"
        )
        return Refusal(QUOTA_EXCEEDED, detail, "", max(1, ceil((span.end - self._present).total_seconds())))


def by_concern(quotas: Sequence[Quota], rows: Iterable[UsageRow]) -> list[Quota]:
    """Those of the quotas that some of the events are about."""
    left = list(quotas)
    found: list[Quota] = []
    for row in rows:
        hit = [quota for quota in left if quota.concerns(row)]
        if hit:
            found += hit
            left = [quota for quota in left if quota not in hit]
            if not left:
                break
    return sorted(found, key=lambda quota: quota.id)
