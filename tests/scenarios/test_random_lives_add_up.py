"""Subscriptions that lead random lives, against an oracle that knows nothing of invoices.

Plans, seats and pauses change at random instants, billed at once or later; usage comes in between; then it is canceled.
However it went, the lines of all invoices add up to what the timeline says was due, each preview said what its change
would cost, no invoice is below zero, and the ledger agrees. The oracle is a page of arithmetic over spans of time.
"""

import random
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest

from corebilling.kernel.period import Period, period
from factories import NewSeller, Seller, event, hours, metered, per_unit, recurring

ACME = "/v1/subscriptions/acme"
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")


class Plan(NamedTuple):
    """Whole cents: a seat a month ahead, a fee a month in arrears, a GB."""

    seat: int
    fee: int
    gb: int


class Span(NamedTuple):
    """What was subscribed to from an instant on; no plan: paused or over."""

    start: datetime
    plan: Plan | None
    seats: int


class Life:
    """The timeline of one subscription, and what it makes due."""

    def __init__(self, anchor: datetime, time_zone: str, plan: Plan) -> None:
        self._anchor, self._zone = anchor, time_zone
        self.spans = [Span(anchor, plan, 1)]
        self.used: list[tuple[datetime, int]] = []

    @property
    def now(self) -> Span:
        return self.spans[-1]

    def changed(self, span: Span) -> "Life":
        """The same life with another span at its end."""
        other = Life(self._anchor, self._zone, self.spans[0].plan or Plan(0, 0, 0))
        other.spans, other.used = [*self.spans, span], self.used
        return other

    def ahead(self, until: datetime) -> int:
        """What seats owe for all months begun by an instant."""
        return sum(self._owed(month, "seat") for month in self._months(until))

    def due(self, end: datetime) -> int:
        """Everything, once it is over."""
        months = self._months(end)
        fees = sum(self._owed(month, "seat") + self._owed(month, "fee") for month in months)
        return fees + sum(self._plan_at(at).gb * gb for at, gb in self.used if self._plan_at(at) is not None)  # type: ignore[union-attr]

    def _plan_at(self, at: datetime) -> Plan | None:
        return next(span.plan for span in reversed(self.spans) if span.start <= at)

    def _months(self, until: datetime) -> list[Period]:
        found = [period(self._anchor, self._zone, "month", 1, 0)]
        while found[-1].end <= until:
            found.append(period(self._anchor, self._zone, "month", 1, found[-1].index + 1))
        return found

    def _owed(self, month: Period, what: str) -> int:
        owed = 0
        for number, span in enumerate(self.spans):
            end = self.spans[number + 1].start if number + 1 < len(self.spans) else month.end
            first, last = max(span.start, month.start), min(end, month.end)
            if span.plan is not None and first < last:
                price = span.plan.seat * span.seats if what == "seat" else span.plan.fee
                owed += _until(price, month, last) - _until(price, month, first)
        return owed


def _until(price: int, month: Period, at: datetime) -> int:
    microsecond = timedelta(microseconds=1)
    share = Decimal((at - month.start) // microsecond) / Decimal((month.end - month.start) // microsecond)
    return int((price * share).quantize(Decimal(1), rounding=ROUND_HALF_UP))


class Story:
    """Does to a real subscription what it does to the life."""

    def __init__(self, seller: Seller, plans: dict[str, Plan], life: Life, chance: random.Random) -> None:
        self.seller, self.plans, self.life, self.chance = seller, plans, life, chance
        self.at = life.now.start

    async def pass_time(self) -> None:
        """Some days go by, with usage every now and then."""
        self.at += timedelta(seconds=self.chance.randrange(3600, 17 * 86400))
        await self.seller.advance(self.at)
        used = [
            (self.at - timedelta(seconds=self.chance.randrange(1, 3600)), self.chance.randrange(1, 50))
            for _ in range(3)
        ]
        await self.seller.use([event("data", "acme", at, str(gb)) for at, gb in used])
        self.life.used += used

    async def something_happens(self) -> None:
        now = self.life.now
        if now.plan is None:
            before = next(span for span in reversed(self.life.spans) if span.plan is not None)
            await self.seller.api.post(f"{ACME}/resume")
            self.life = self.life.changed(Span(self.at, before.plan, before.seats))
            return
        what = self.chance.choice(("plan", "plan", "seats", "seats", "pause"))
        if what == "pause":
            await self.seller.api.post(f"{ACME}/pause", {"at": "now", "billing": "stop"})
            self.life = self.life.changed(Span(self.at, None, 0))
        elif what == "plan":
            name = self.chance.choice([name for name, plan in self.plans.items() if plan != now.plan])
            await self._change({"plan": name}, Span(self.at, self.plans[name], now.seats))
        else:
            seats = self.chance.choice([n for n in range(1, 12) if n != now.seats])
            await self._change({"items": [{"price": "seat", "quantity": str(seats)}]}, Span(self.at, now.plan, seats))

    async def _change(self, order: dict[str, Any], after: Span) -> None:
        wanted = {**order, "at": "now", "bill": self.chance.choice(("now", "next_invoice"))}
        changed = self.life.changed(after)
        previewed = await self.seller.api.post(f"{ACME}/preview-change", wanted)
        assert previewed["total_minor"] == changed.ahead(self.at) - self.life.ahead(self.at)
        await self.seller.api.post(f"{ACME}/change", wanted)
        self.life = changed


@pytest.mark.parametrize("seed", range(8))
async def test_all_invoices_together_are_what_was_due(new_tenant: NewSeller, seed: int) -> None:
    chance = random.Random(seed)
    zone = chance.choice(ZONES)
    start = datetime(2026, 1, chance.randrange(1, 32), chance.randrange(24), 17, 5, tzinfo=ZoneInfo(zone)).astimezone(
        UTC
    )
    seller = await new_tenant(f"Life {seed}", start, time_zone=zone)
    await seller.meter("data", "sum")
    plans = {
        f"plan{n}": Plan(chance.randrange(1, 9999), chance.randrange(1, 9999), chance.randrange(1, 99))
        for n in range(3)
    }
    for name, plan in plans.items():
        seat = {
            "kind": "recurring",
            "code": "seat",
            "name": "Seats",
            "timing": "advance",
            "price": per_unit(cents(plan.seat)),
        }
        await seller.plan(
            name, seat, recurring("Fee", cents(plan.fee)), metered("Data", "data", per_unit(cents(plan.gb)))
        )
    await seller.customer("acme", time_zone=zone)
    await seller.subscribe("acme", "plan0", external_id="acme")

    story = Story(seller, plans, Life(start, zone, plans["plan0"]), chance)
    for _ in range(8):
        await story.pass_time()
        for _ in range(chance.choice((1, 1, 2))):
            story.at += timedelta(seconds=61)
            await seller.advance(story.at)
            await story.something_happens()
    await story.pass_time()
    await seller.api.post(f"{ACME}/cancel", {"at": "now"})
    life = story.life.changed(Span(story.at, None, 0))
    await seller.advance(story.at + hours(2))

    invoices = await seller.invoices()
    lines = [line for invoice in invoices for line in invoice["lines"]]
    assert sum(line["amount_minor"] for line in lines if line["kind"] != "carried") == life.due(story.at)
    for invoice in invoices:
        assert invoice["total_minor"] == sum(line["amount_minor"] for line in invoice["lines"]) >= 0
    receivable = sum(invoice["total_minor"] for invoice in invoices)
    assert await seller.balances() == {"Accounts receivable": receivable, "Revenue": -receivable}
    assert (await seller.api.get(ACME))["status"] == "canceled"


def cents(amount: int) -> str:
    return f"{amount // 100}.{amount % 100:02d}"
