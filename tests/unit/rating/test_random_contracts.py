"""Whatever becomes of a contract, and whenever it is rated: what is billed is what its timeline owes."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec
from billed_life import Life, Shop, phase
from billed_life import contract as made
from hypothesis import given, settings
from hypothesis import strategies as st

from corebilling.kernel.contract import Calendar, Contract, Phase
from corebilling.rating.domain.proration import owed_minor
from corebilling.rating.domain.terms import term_of

ZONES = ("UTC", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Europe/Berlin")
FEES = {"ahead": ("13.37", "advance", 1), "quarter": ("99.99", "advance", 3), "arrears": ("7.77", "arrears", 1)}
FEES |= {"half year": ("49.49", "arrears", 6)}


def shop() -> Shop:
    sold = Shop()
    for name, (amount, timing, every) in FEES.items():
        sold.fee(name, amount, timing=timing, every=every)
    return sold


@st.composite
def lives(draw: st.DrawFn) -> tuple[Calendar, list[tuple[datetime, dict[str, int]]], datetime, str]:
    """A calendar, what is subscribed to from when (seats by fee), the end, and how parts are counted."""
    zone = draw(st.sampled_from(ZONES))
    anchor = datetime(2026, 1, draw(st.integers(1, 31)), draw(st.integers(0, 23)), tzinfo=ZoneInfo(zone))
    start = anchor + timedelta(hours=draw(st.integers(0, 600)))
    hours = draw(st.lists(st.integers(1, 4000), max_size=5, unique=True))
    seats = st.dictionaries(st.sampled_from(sorted(FEES)), st.integers(0, 9), max_size=4)
    utc = ZoneInfo("UTC")
    starts = [start, *(start + timedelta(hours=n) for n in sorted(hours))]
    end = starts[-1] + timedelta(hours=draw(st.integers(1, 3000)))
    calendar = Calendar(anchor.astimezone(utc), zone, "month", 1, start.astimezone(utc))
    changes = [(when.astimezone(utc), draw(seats)) for when in starts]
    return calendar, changes, end.astimezone(utc), draw(st.sampled_from(["second", "day"]))


def phases(sold: Shop, changes: Sequence[tuple[datetime, dict[str, int]]]) -> list[Phase]:
    return [
        phase(when, *(sold.item(name, seats, number) for name, seats in sorted(wanted.items())))
        for number, (when, wanted) in enumerate(changes)
    ]


def owed(whole: Contract, changes: Sequence[tuple[datetime, dict[str, int]]], end: datetime) -> int:
    """What the timeline owes, term by term."""
    total = 0
    bounds = [*(when for when, _ in changes), end]
    for (_, wanted), (first, last) in zip(changes, pairwise(bounds), strict=True):
        for name, seats in wanted.items():
            amount, _, every = FEES[name]
            for term in {term_of(whole, index, every) for index in range(60)}:
                a, b = max(first, term.start), min(last, term.end)
                if a < b:
                    total += owed_minor(whole, Decimal(amount) * seats, term.start, term.end, a, b)
    return total


@settings(max_examples=150, deadline=None)
@given(lives(), st.randoms(use_true_random=False), st.booleans())
def test_any_life_rated_in_any_order_is_billed_what_it_owes(
    life_of: tuple[Calendar, list[tuple[datetime, dict[str, int]]], datetime, str], chance: object, at_once: bool
) -> None:
    calendar, changes, end, proration = life_of
    sold = shop()
    first = made(phases(sold, changes[:1])[0], calendars=(calendar,), proration=proration)
    life = Life(sold, first)
    life.within(first.starts_at)
    closed = 0
    for number in range(1, len(changes)):
        when = changes[number][0]
        # Periods that are over may be closed before the change, or wait.
        while life.contract.period(closed).end <= when and chance.random() < 0.8:  # type: ignore[attr-defined]
            life.close(closed)
            closed += 1
        life.contract = made(*phases(sold, changes[: number + 1]), calendars=(calendar,), proration=proration)
        if at_once:
            life.within(when)
    last = phases(sold, changes)
    last[-1] = msgspec.structs.replace(last[-1], ends_at=end)
    life.contract = made(*last, calendars=(calendar,), proration=proration, ends_at=end)
    left = []
    while life.contract.period(closed).start < end:
        left.append(closed)
        closed += 1
    chance.shuffle(left)  # type: ignore[attr-defined]
    for index in left:
        life.close(index)
    assert life.billed_minor - life.carried_minor == owed(life.contract, changes, end)
