"""Quotes are kept as they were answered, by the card of their customer; margins add up what was billed and what it cost."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest

from billing_world import DAY, FEBRUARY, GRACE, MARCH, START, World
from corebilling.events.rating import RatingCompleted
from corebilling.kernel.errors import Invalid, NotFound
from corebilling.pricing.schemas import OperatorCostCreate, RateCardCreate
from corebilling.rating.margins import MarginQuestion
from corebilling.rating.quotes import QuoteFilter
from corebilling.rating.schemas.margins import MarginGroup, MarginOut
from corebilling.rating.schemas.quotes import QuoteOut, QuoteRequest


async def quote(world: World, tenant_id: UUID, customer: str | None = None, **order: str) -> QuoteOut:
    values = {metric: msgspec.Raw(msgspec.json.encode(value)) for metric, value in order.items()}
    async with world.db.tenant(tenant_id) as tx:
        return await world.quotes.quote(tx, tenant_id, QuoteRequest(values, customer))


async def card(world: World, tenant_id: UUID, **wanted: Any) -> None:
    body = {
        "code": "special",
        "name": "Special",
        "currency": "EUR",
        "rules": [{"metric": "weight", "base_amount": "1"}],
    }
    async with world.db.tenant(tenant_id) as tx:
        made = msgspec.json.decode(msgspec.json.encode({**body, **wanted}), type=RateCardCreate)
        await world.pricing.create_rate_card(tx, tenant_id, made)


async def test_a_quote_is_kept_as_answered_and_seen_by_its_tenant_alone(world: World) -> None:
    ours, theirs = [await world.tenant() for _ in range(2)]
    made = await quote(world, ours, weight="10.5", distance="15.2")
    assert (made.total, made.order) == ("71.60", {"weight": "10.5", "distance": "15.2"})
    async with world.db.tenant(ours) as tx:
        assert await world.quotes.get(tx, ours, made.id) == made
        assert await world.quotes.find(tx, ours, QuoteFilter(), after=None, limit=10) == [made]
    async with world.db.tenant(theirs) as tx:
        assert await world.quotes.find(tx, theirs, QuoteFilter(), after=None, limit=10) == []
        with pytest.raises(NotFound):
            await world.quotes.get(tx, theirs, made.id)


async def test_a_customer_is_quoted_by_its_own_card_for_as_long_as_that_is_valid(world: World) -> None:
    tenant_id = await world.tenant(clock_at=START)
    await world.subscribe(tenant_id, ["a", "b"])
    await card(world, tenant_id, customer_id="a", valid_from=START.isoformat(), valid_until=FEBRUARY.isoformat())
    own = await quote(world, tenant_id, "a", weight="5")
    assert (own.total, own.rate_card.code) == ("1.00", "special")
    assert (await quote(world, tenant_id, "b", weight="5")).total == "25.50"
    assert (await quote(world, tenant_id, weight="5")).total == "25.50"
    await world.set_clock(tenant_id, FEBRUARY)
    assert (await quote(world, tenant_id, str(own.customer_id), weight="5")).total == "25.50"
    async with world.db.tenant(tenant_id) as tx:
        of_a = await world.quotes.find(tx, tenant_id, QuoteFilter(customer="a"), after=None, limit=10)
        by_card = QuoteFilter(rate_card_id=own.rate_card.id)
        assert [found.id for found in await world.quotes.find(tx, tenant_id, by_card, after=None, limit=10)] == [own.id]
        early = QuoteFilter(start=START, end=FEBRUARY)
        assert len(await world.quotes.find(tx, tenant_id, early, after=None, limit=10)) == 3
        assert await world.quotes.find(tx, tenant_id, QuoteFilter(customer="z"), after=None, limit=10) == []
    assert [found.total for found in of_a] == ["25.50", "1.00"]


async def test_a_customer_that_is_not_there_is_named(world: World) -> None:
    ours, theirs = [await world.tenant() for _ in range(2)]
    await world.subscribe(theirs, ["a"])
    with pytest.raises(Invalid) as caught:
        await quote(world, ours, "a", weight="5")
    assert caught.value.fields[0].pointer == "/customer_id"


async def test_metrics_that_could_not_be_priced_are_warned_of(world: World) -> None:
    tenant_id = await world.tenant()
    made = await quote(world, tenant_id, weight="5", volume="2")
    assert made.warnings == [
        "the order states no distance: the card's rules for it were not applied",
        "the rate card has no rule for volume: it was not priced",
    ]


async def margins(
    world: World, tenant_id: UUID, group_by: MarginGroup, *, currency: str | None = None, limit: int = 100
) -> list[MarginOut]:
    found, after = [], None
    while True:
        async with world.db.tenant(tenant_id) as tx:
            asked = MarginQuestion(group_by, START, MARCH, currency)
            rows = await world.margins.margins(tx, tenant_id, asked, after=after, limit=limit)
        found += [row for row, _ in rows]
        if len(rows) < limit:
            return found
        after = rows[-1][1]


async def costs(world: World, tenant_id: UUID, **unit_costs: str) -> None:
    async with world.db.tenant(tenant_id) as tx:
        for meter, unit_cost in unit_costs.items():
            wanted = OperatorCostCreate(meter=meter, currency="EUR", unit_cost=Decimal(unit_cost))
            await world.pricing.create_operator_cost(tx, tenant_id, wanted)


async def test_margins_are_revenue_less_cost_by_customer_plan_meter_and_month(world: World) -> None:
    """`a` uses 120 GB in January: 49.90 + 110.00, which cost 120 x 0.30 = 36.00; `b` pays its fee. 1000 calls: 1.00.

    In February `a` uses 10 GB: 49.90 + 10.00, cost 3.00, and `b` pays its fee again.
    """
    ours, theirs = [await world.tenant(clock_at=START) for _ in range(2)]
    for tenant_id in (ours, theirs):
        await world.subscribe(tenant_id, ["a", "b"])
        await costs(world, tenant_id, data="0.30")
        await world.deliver()
    await world.set_clock(ours, START + 20 * DAY)
    await world.use(ours, "a", START + DAY, gb="120", calls=1000)
    assert await margins(world, ours, "month") == [], "an open period has no margin yet"
    for end in (FEBRUARY, MARCH):
        await world.set_clock(ours, end + GRACE)
        if end == MARCH:
            await world.use(ours, "a", FEBRUARY + DAY, gb="10")
        await world.close_all()
    await world.deliver()

    january, february = await margins(world, ours, "month")
    assert (january.key, january.revenue_minor, january.cost, january.margin_minor) == ("2026-01", 21080, "36", 17480)
    assert (january.margin_ratio, january.uncosted_minor) == ("0.8292", 100)
    assert (february.key, february.revenue_minor, february.cost_minor) == ("2026-02", 10980, 300)

    a, b = sorted(await margins(world, ours, "customer"), key=lambda row: row.label)
    assert (a.label, a.revenue_minor, a.cost_minor) == ("a", 16090 + 5990, 3900)
    assert (b.label, b.revenue_minor, b.cost_minor, b.margin_ratio) == ("b", 2 * 4990, 0, "1")

    fees, calls, data = await margins(world, ours, "meter")
    assert (fees.key, fees.revenue_minor, fees.cost_minor) == (None, 4 * 4990, 0)
    assert (calls.key, calls.revenue_minor, calls.uncosted_minor) == ("calls", 100, 100)
    assert (data.key, data.revenue_minor, data.cost, data.uncosted_minor) == ("data", 12000, "39", 0)

    (plan,) = await margins(world, ours, "plan")
    assert (plan.label, plan.revenue_minor) == ("pro@1", 21080 + 10980)
    billed = sum(event.payload.total_minor for event in await world.events(RatingCompleted, ours))
    assert plan.revenue_minor == billed

    assert await margins(world, theirs, "month") == []
    assert await margins(world, ours, "month", currency="USD") == []
    assert await margins(world, ours, "meter", limit=1) == [fees, calls, data], "page by page they are the same"


async def test_late_usage_belongs_to_its_own_month_with_the_cost_that_came_on_top(world: World) -> None:
    """80 GB billed at 80.00, cost 24.00; 40 more come late: 30.00 on top, cost 12.00 more."""
    tenant_id = await world.tenant(clock_at=START)
    await world.subscribe(tenant_id, ["a"])
    await costs(world, tenant_id, data="0.30")
    await world.deliver()
    await world.set_clock(tenant_id, START + 20 * DAY)
    await world.use(tenant_id, "a", START + DAY, gb="80")
    await world.set_clock(tenant_id, FEBRUARY + GRACE)
    await world.close_all()
    await world.use(tenant_id, "a", START + 2 * DAY, gb="40")
    await world.set_clock(tenant_id, MARCH + GRACE)
    await world.close_all()
    await world.deliver()
    january, february = await margins(world, tenant_id, "month")
    assert (january.revenue_minor, january.cost) == (4990 + 8000 + 3000, "36")
    assert (february.revenue_minor, february.cost) == (4990, "0")


async def test_margins_may_add_up_to_more_than_one_document_holds(world: World) -> None:
    """Twice 150 x 10^15 GB at 0.50, the first 100 at 1.00, and the fees: more than 2^63 minor units."""
    tenant_id = await world.tenant(clock_at=START)
    await world.subscribe(tenant_id, ["a", "b"])
    await world.deliver()
    await world.set_clock(tenant_id, START + 20 * DAY)
    for name in ("a", "b"):
        for hour in range(150):
            await world.use(tenant_id, name, START + hour * DAY / 24, gb="1000000000000000")
    await world.set_clock(tenant_id, FEBRUARY + GRACE)
    await world.close_all()
    await world.deliver()
    (january,) = await margins(world, tenant_id, "month")
    assert january.revenue_minor == 2 * (150 * 10**15 * 50 + 100 * 50 + 4990) > 2**63
    assert january.uncosted_minor == 2 * (150 * 10**15 * 50 + 100 * 50)


async def test_a_span_that_is_none_is_refused(world: World) -> None:
    tenant_id = await world.tenant()
    async with world.db.tenant(tenant_id) as tx:
        with pytest.raises(Invalid) as caught:
            await world.margins.margins(tx, tenant_id, MarginQuestion("month", MARCH, START), after=None, limit=10)
    assert [fault.pointer for fault in caught.value.fields] == ["/query/from", "/query/to"]
