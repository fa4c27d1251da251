"""What a subscription owes when it is over: arithmetic over spans of time that knows nothing of ratings and invoices."""

import itertools
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

import msgspec

from corebilling.kernel.period import Interval, boundary

MONTHS = {"month": 1, "quarter": 3, "year": 12}


class Price(msgspec.Struct, frozen=True):
    """`minor` for one, in minor units; `origin` is the plan that sells it."""

    origin: str
    code: str
    kind: str
    minor: int
    ahead: bool = False
    every: int = 1


class Sold(msgspec.Struct, frozen=True):
    """An item: a price in a quantity, with an own amount where `minor` isn't the price's."""

    price: Price
    quantity: Decimal
    minor: int


class State(msgspec.Struct, frozen=True):
    """What is subscribed to."""

    plan: str
    interval: Interval
    items: tuple[Sold, ...]
    commitment: int = 0


class Span(msgspec.Struct, frozen=True):
    """A state from an instant on. `gives_back` False keeps what was paid ahead for what ends there."""

    start: datetime
    state: State
    gives_back: bool = True


class Calendar(msgspec.Struct, frozen=True):
    anchor: datetime
    interval: Interval
    start: datetime
    end: datetime | None


class Oracle:
    """The timeline as it was ordered. `end` is known once it is over."""

    def __init__(self, zone: str, by_day: bool, calendar_aligned: bool, start: datetime, anchor: datetime) -> None:
        self.zone, self.by_day, self.aligned = zone, by_day, calendar_aligned
        self.start, self.anchor = start, anchor
        self.spans: list[Span] = []
        self.pauses: list[tuple[datetime, datetime | None]] = []
        self.end: datetime | None = None
        self.gives_back_at_end = True
        self.used: list[tuple[str, datetime, int]] = []

    def total(self) -> int:
        """Everything, in minor units, before discounts."""
        return self.fees() + self.one_offs() + self.usage_between(self.start, self._end) + self.true_ups()

    def fees(self) -> int:
        return sum(
            self._part(sold, calendar, first, last, low, high)
            for low, high, state in self._times()
            for sold in state.items
            for calendar in self.calendars()
            for first, last in self._terms(calendar, sold.price.every)
        ) + sum(
            sign * self._owed(sold.minor * sold.quantity, first, last, low, high)
            for sign, sold, first, last, low, high in self._kept()
        )

    def one_offs(self) -> int:
        """Each once, when it is first there: a pause doesn't make it another one, all else that changes does."""
        total, before = 0, State("", "month", ())
        active = {low: state for low, _, state in self._times()}
        due: set[Sold] = set()
        for number, span in enumerate(self._lasting()):
            if span.state.plan != before.plan:
                gone = {s for s in due if s.price.origin == before.plan}
                due -= gone
                before_items = tuple(s for s in before.items if s.price.origin != before.plan)
            else:
                before_items = before.items
            new = [s for s in span.state.items if s.price.kind == "one_off" and s not in before_items]
            due = {s for s in due if s in span.state.items} | set(new)
            stop = self._lasting()[number + 1].start if number + 1 < len(self._lasting()) else self._end
            if any(span.start <= low < stop for low in active):
                total += sum(_round(s.minor * s.quantity) for s in due)
                due = set()
            before = span.state
        return total

    def usage_between(self, low: datetime, high: datetime) -> int:
        return sum(
            quantity * sold.minor
            for meter, at, quantity in self.used
            if low <= at < high and (state := self._state_at(at)) is not None
            for sold in state.items
            if sold.price.kind == "usage" and sold.price.code == meter
        )

    def true_ups(self) -> int:
        total = 0
        for calendar in self.calendars():
            for first, last in self._terms(calendar, 1):
                low, high = max(first, calendar.start), min(last, calendar.end or last, self._end)
                if low >= high:
                    continue
                committed = sum(
                    self._owed(Decimal(state.commitment), first, last, max(low, a), min(high, b))
                    for a, b, state in self._times()
                    if max(low, a) < min(high, b)
                )
                charged = self.usage_between(low, high) + self._fees_in(calendar, low, high)
                total += max(0, committed - charged)
        return total

    def calendars(self) -> list[Calendar]:
        found: list[tuple[datetime, Interval, datetime]] = []
        for span in self._ordered():
            if not found:
                found.append((self.anchor, span.state.interval, self.start))
            elif span.state.interval != found[-1][1]:
                anchor = self._aligned(span.start, span.state.interval) if self.aligned else span.start
                found.append((anchor, span.state.interval, span.start))
        ends: list[datetime | None] = [*(start for _, _, start in found[1:]), None][-len(found) :] if found else []
        return [Calendar(a, i, s, e) for (a, i, s), e in zip(found, ends, strict=True)]

    @property
    def _end(self) -> datetime:
        assert self.end is not None
        return self.end

    def _ordered(self) -> list[Span]:
        """Spans that count; of several in one instant the last."""
        by_start = {span.start: span for span in self.spans if span.start < self._end}
        return [by_start[start] for start in sorted(by_start)]

    def _lasting(self) -> list[Span]:
        return self._ordered()

    def _times(self) -> Iterator[tuple[datetime, datetime, State]]:
        """The times in which something is paid for."""
        spans = self._ordered()
        for number, span in enumerate(spans):
            stop = spans[number + 1].start if number + 1 < len(spans) else self._end
            cuts = sorted({span.start, stop, *(t for p in self.pauses for t in p if t and span.start < t < stop)})
            for low, high in itertools.pairwise(cuts):
                if not any(a <= low and (b is None or low < b) for a, b in self.pauses):
                    yield low, high, span.state

    def _state_at(self, at: datetime) -> State | None:
        return next((state for low, high, state in self._times() if low <= at < high), None)

    def _terms(self, calendar: Calendar, every: int) -> Iterator[tuple[datetime, datetime]]:
        index, stop = 0, min(calendar.end or self._end, self._end)
        while (first := boundary(calendar.anchor, self.zone, calendar.interval, every, index)) < stop:
            yield first, boundary(calendar.anchor, self.zone, calendar.interval, every, index + 1)
            index += 1

    def _part(
        self, sold: Sold, calendar: Calendar, first: datetime, last: datetime, low: datetime, high: datetime
    ) -> int:
        """What an item owes of a term for the time from low to high."""
        if sold.price.kind != "recurring":
            return 0
        low = max(low, first, calendar.start)
        high = min(high, last, calendar.end or last)
        if low >= high:
            return 0
        return self._owed(sold.minor * sold.quantity, first, last, low, high)

    def _fees_in(self, calendar: Calendar, low: datetime, high: datetime) -> int:
        found = 0
        for a, b, state in self._times():
            for sold in state.items:
                for first, last in self._terms(calendar, sold.price.every):
                    found += self._part(sold, calendar, first, last, max(a, low), min(b, high))
        for sign, sold, first, last, a, b in self._kept():
            if max(a, low) < min(b, high) and a > calendar.start and (calendar.end is None or a < calendar.end):
                found += sign * self._owed(sold.minor * sold.quantity, first, last, max(a, low), min(b, high))
        return found

    def _kept(self) -> Iterator[tuple[int, Sold, datetime, datetime, datetime, datetime]]:
        """What is kept beyond the timeline, and what isn't charged in it (sign, item, its term, the time)."""
        times = list(self._times())
        ends = [span.start for span in self._ordered() if not span.gives_back]
        ends += [] if self.gives_back_at_end else [self._end]
        for at in ends:
            gone = next((state.items for _, high, state in times if high == at), ())
            new = next((state.items for low, _, state in times if low == at), ())
            for sold in {*gone} - {*new} if gone else ():
                for calendar, first, last in self._terms_at(sold, at, before=True):
                    if not self._waited(sold, at, max(first, calendar.start), ends):
                        yield 1, sold, first, last, at, last
            for sold in {*new} - {*gone} if gone else ():
                for calendar, first, last in self._terms_at(sold, at, before=False):
                    if calendar.start < at:
                        stop = min(self._until_gone(sold, at), last, calendar.end or last)
                        yield -1, sold, first, last, at, stop

    def _waited(self, sold: Sold, at: datetime, since: datetime, ends: list[datetime]) -> bool:
        """Whether an item that ends then took the place of one that was kept, in the same term: nothing was paid for it."""
        begun = at
        for low, high, state in reversed(list(self._times())):
            if high == begun and sold in state.items:
                begun = low
        return since < begun and begun in ends and any(high == begun for _, high, _ in self._times())

    def _terms_at(self, sold: Sold, at: datetime, *, before: bool) -> Iterator[tuple[Calendar, datetime, datetime]]:
        """The term of a fee ahead in which an instant lies, not at its ends."""
        if sold.price.kind == "recurring" and sold.price.ahead:
            for calendar in self.calendars():
                if calendar.start < at and (
                    calendar.end is None or at < calendar.end or (before and at == calendar.end)
                ):
                    for first, last in self._terms(calendar, sold.price.every):
                        if max(first, calendar.start) < at < last:
                            yield calendar, first, last

    def _until_gone(self, sold: Sold, at: datetime) -> datetime:
        """When an item that began then ends."""
        end = at
        for low, high, state in self._times():
            if low == end and sold in state.items:
                end = high
        return end

    def _owed(self, minor: Decimal, first: datetime, last: datetime, low: datetime, high: datetime) -> int:
        return self._until(minor, first, last, high) - self._until(minor, first, last, low)

    def _until(self, minor: Decimal, first: datetime, last: datetime, at: datetime) -> int:
        passed, whole = self._passed(first, last, at), self._passed(first, last, last)
        return _round(minor * passed / whole)

    def _passed(self, first: datetime, last: datetime, at: datetime) -> int:
        if self.by_day and at < last:
            return (self._day(at) - self._day(first)).days
        if self.by_day:
            return (self._day(last) - self._day(first)).days
        return (at - first) // timedelta(microseconds=1)

    def _day(self, at: datetime) -> datetime:
        return at.astimezone(ZoneInfo(self.zone)).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)

    def _aligned(self, at: datetime, interval: Interval) -> datetime:
        day = self._day(at)
        if interval == "week":
            day -= timedelta(days=day.weekday())
        else:
            day = day.replace(month=(day.month - 1) // MONTHS[interval] * MONTHS[interval] + 1, day=1)
        return min(day.replace(tzinfo=ZoneInfo(self.zone)).astimezone(at.tzinfo), at)


def _round(minor: Decimal) -> int:
    return int(Decimal(minor).quantize(Decimal(1), rounding=ROUND_HALF_UP))
