"""Terms: the runs of billing periods that a recurring price is due for, once each."""

from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache

import msgspec

from corebilling.kernel.contract import Calendar, Contract
from corebilling.kernel.period import Period, boundary


class Term(msgspec.Struct, frozen=True):
    """`[start, end)` is what the whole price is for; `[cut_start, cut_end)` the part of it in which the contract runs.

    It begins with the period `index`; `next_index` is where the term after it begins.
    """

    start: datetime
    end: datetime
    cut_start: datetime
    cut_end: datetime
    index: int
    next_index: int


def term_of(contract: Contract, index: int, every: int) -> Term:
    """The term of `every` periods that holds the `index`-th one. Terms are counted from their calendar's first period."""
    calendars = contract.calendars
    place = max(n for n, calendar in enumerate(calendars) if calendar.first_index <= index)
    calendar = calendars[place]
    offset = (index - calendar.first_index) // every * every
    start, end = _boundary(calendar, offset), _boundary(calendar, offset + every)
    cut_end, next_index = end, calendar.first_index + offset + every
    if place + 1 < len(calendars) and calendars[place + 1].starts_at <= cut_end:
        cut_end, next_index = calendars[place + 1].starts_at, calendars[place + 1].first_index
    if contract.ends_at is not None:
        cut_end = min(cut_end, contract.ends_at)
    return Term(start, end, max(start, calendar.starts_at), cut_end, calendar.first_index + offset, next_index)


def terms_until(contract: Contract, index: int, every: int, until: datetime) -> Iterator[Term]:
    """The term that holds the `index`-th period and those after it that have begun by `until`."""
    term = term_of(contract, index, every)
    while term.cut_start <= until and term.cut_start < term.cut_end:
        yield term
        term = term_of(contract, term.next_index, every)


def settled_from(contract: Contract, period: Period) -> int:
    """The first period whose fees a rating of `period` settles: where a new calendar begins, the one that it cut short as well."""
    for calendar in contract.calendars[1:]:
        if calendar.starts_at == period.start:
            return calendar.first_index - 1
    return period.index


@lru_cache(maxsize=20_000)
def _boundary(calendar: Calendar, offset: int) -> datetime:
    return boundary(calendar.anchor_at, calendar.time_zone, calendar.interval, calendar.interval_count, offset)
