"""Open periods: their live total follows usage after the debounce, and never touches what is final."""

from datetime import timedelta

import msgspec
import pytest

from billing_world import DAY, FEBRUARY, GRACE, START, World
from corebilling.events.rating import UsageRated
from corebilling.kernel.errors import Conflict, NotFound
from corebilling.kernel.ids import new_id
from corebilling.rating.live import CLAIM_LEASE
from corebilling.rating.schemas.quotes import QuoteRequest

DEBOUNCE = timedelta(seconds=5)


async def rate_what_is_due(world: World) -> None:
    await world.deliver()
    world.wall += DEBOUNCE
    while await world.live_rater.rate_once():
        pass


async def test_the_live_total_follows_usage_and_is_told_only_when_it_moves(world: World) -> None:
    ours, theirs = [await world.tenant(clock_at=START + 10 * DAY) for _ in range(2)]
    for tenant_id in (ours, theirs):
        await world.subscribe(tenant_id, ["a"])
    await world.use(ours, "a", START + DAY, gb="10")
    await world.use(theirs, "a", START + DAY, gb="1")
    await rate_what_is_due(world)
    await world.use(ours, "a", START + DAY, gb="5")
    await world.use(theirs, "a", START + DAY, calls=1)
    await rate_what_is_due(world)
    told = {t: [e.payload.amount_minor for e in await world.events(UsageRated, t)] for t in (ours, theirs)}
    assert told == {ours: [5990, 6490], theirs: [5090]}


async def test_nothing_is_rated_before_the_debounce_is_over(world: World) -> None:
    tenant_id = await world.tenant(clock_at=START + 10 * DAY)
    await world.subscribe(tenant_id, ["a"])
    await world.use(tenant_id, "a", START + DAY, gb="10")
    await world.deliver()
    await world.live_rater.rate_once()
    assert await world.events(UsageRated, tenant_id) == []
    world.wall += DEBOUNCE
    assert await world.live_rater.backlog() >= 1
    await world.live_rater.rate_once()
    assert len(await world.events(UsageRated, tenant_id)) == 1


async def test_what_a_rater_claimed_and_never_finished_falls_due_again(world: World) -> None:
    tenant_id = await world.tenant(clock_at=START + 10 * DAY)
    await world.subscribe(tenant_id, ["a"])
    await world.use(tenant_id, "a", START + DAY, gb="10")
    await world.deliver()
    world.wall += DEBOUNCE
    async with world.db.system() as tx:
        claim = await world.rating.live.claim(tx, 100)
    assert tenant_id in {row.tenant_id for row in claim.rows}
    assert not await world.live_rater.rate_once()
    world.wall += CLAIM_LEASE
    assert await world.live_rater.rate_once() == len(claim.rows)
    assert [e.payload.amount_minor for e in await world.events(UsageRated, tenant_id)] == [5990]


async def test_usage_reported_during_a_rating_is_rated_after_it(world: World) -> None:
    tenant_id = await world.tenant(clock_at=START + 10 * DAY)
    await world.subscribe(tenant_id, ["a"])
    await world.use(tenant_id, "a", START + DAY, gb="10")
    await world.deliver()
    world.wall += DEBOUNCE
    async with world.db.system() as tx:
        claim = await world.rating.live.claim(tx, 100)
    async with world.db.tenants({row.tenant_id for row in claim.rows}) as tx:
        await world.rating.live.rate(tx, claim)
        await world.use(tenant_id, "a", START + DAY, gb="5")
    async with world.db.system() as tx:
        assert not (await world.rating.live.claim(tx, 100)).rows
    await world.use(tenant_id, "a", START + DAY, gb="1")
    await rate_what_is_due(world)
    assert [e.payload.amount_minor for e in await world.events(UsageRated, tenant_id)] == [5990, 6590]


async def test_a_report_takes_a_claim_away_and_another_like_it_writes_nothing(world: World) -> None:
    tenant_id = await world.tenant(clock_at=START + 10 * DAY)
    await world.subscribe(tenant_id, ["a"])
    versions = []
    for gb in ("10", "5", "1"):
        await world.use(tenant_id, "a", START + DAY, gb=gb)
        await world.deliver()
        async with world.db.tenants([tenant_id]) as tx:
            versions += await (await tx.conn.execute("SELECT xmin::text, claim_id FROM rating_due")).fetchall()
        if gb == "10":
            world.wall += DEBOUNCE
            async with world.db.system() as tx:
                claim = await world.rating.live.claim(tx, 100)
    assert [claim_id for _, claim_id in versions] == [None, None, None]
    assert versions[0] != versions[1] == versions[2]
    async with world.db.tenants({row.tenant_id for row in claim.rows}) as tx:
        await world.rating.live.rate(tx, claim)
    world.wall += DEBOUNCE
    assert await world.live_rater.rate_once() == 1
    assert [e.payload.amount_minor for e in await world.events(UsageRated, tenant_id)] == [6590]


async def test_a_period_that_only_shares_an_hour_with_usage_is_not_told_of(world: World) -> None:
    tenant_id = await world.tenant(clock_at=START + 10 * DAY)
    half_past = START + timedelta(minutes=30)
    await world.subscribe(tenant_id, ["a"], start_at=half_past)
    await world.set_clock(tenant_id, half_past + 31 * DAY - timedelta(seconds=30))
    await world.use(tenant_id, "a", half_past + 31 * DAY - timedelta(minutes=1), gb="10")
    await rate_what_is_due(world)
    assert [e.payload.period_end for e in await world.events(UsageRated, tenant_id)] == [half_past + 31 * DAY]


async def test_usage_of_a_closed_period_leaves_its_final_rating_alone(world: World) -> None:
    tenant_id = await world.tenant(clock_at=START + 10 * DAY)
    await world.subscribe(tenant_id, ["a"])
    await world.use(tenant_id, "a", START + DAY, gb="10")
    await world.set_clock(tenant_id, FEBRUARY + GRACE)
    await world.deliver()
    await world.close_all()
    await rate_what_is_due(world)
    await world.use(tenant_id, "a", START + 5 * DAY, gb="10")
    await rate_what_is_due(world)
    async with world.db.tenant(tenant_id) as tx:
        rows = await (await tx.conn.execute("SELECT state, total_minor FROM ratings")).fetchall()
    assert rows == [("final", 5990)]


async def test_a_period_that_is_over_is_left_to_its_closing(world: World) -> None:
    tenant_id = await world.tenant(clock_at=START + 10 * DAY)
    await world.subscribe(tenant_id, ["a"])
    await world.use(tenant_id, "a", START + DAY, gb="10")
    await world.set_clock(tenant_id, FEBRUARY)
    await rate_what_is_due(world)
    assert await world.events(UsageRated, tenant_id) == []
    assert await world.live_rater.backlog() == 0


async def test_a_live_rating_gives_way_to_the_final_one(world: World) -> None:
    tenant_id = await world.tenant(clock_at=START + 10 * DAY)
    await world.subscribe(tenant_id, ["a"])
    await world.use(tenant_id, "a", START + DAY, gb="10")
    await rate_what_is_due(world)
    await world.set_clock(tenant_id, FEBRUARY + GRACE)
    await world.close_all()
    await world.use(tenant_id, "a", START + 20 * DAY, gb="10")
    # Rated live in the epoch after the seal, and then closed with the sealed one.
    world.wall += DEBOUNCE
    await world.deliver()
    async with world.db.tenant(tenant_id) as tx:
        rows = await (await tx.conn.execute("SELECT state, total_minor, epoch FROM ratings")).fetchall()
        count = await (await tx.conn.execute("SELECT count(*) FROM charges")).fetchone()
    assert rows == [("final", 5990, 1)]
    assert count == (3,)


async def test_the_upcoming_invoice_is_fresh_and_shows_late_usage(world: World) -> None:
    ours, theirs = [await world.tenant(clock_at=START + 10 * DAY) for _ in range(2)]
    (subscription,) = await world.subscribe(ours, ["a"])
    await world.deliver()
    await world.set_clock(ours, FEBRUARY + GRACE)
    await world.close_all()
    await world.deliver()
    await world.use(ours, "a", START + 25 * DAY, gb="2")
    await world.use(ours, "a", FEBRUARY, gb="3")
    async with world.db.tenant(ours) as tx:
        upcoming = await world.rating.upcoming_invoices.of(tx, ours, "a")
    assert [(line.kind, line.amount_minor) for line in upcoming.lines] == [
        ("recurring", 4990), ("usage", 300), ("usage", 0), ("late_usage", 200),
    ]  # fmt: skip
    assert upcoming.total_minor == 5490
    with pytest.raises(NotFound):
        async with world.db.tenant(theirs) as tx:
            await world.rating.upcoming_invoices.of(tx, theirs, str(subscription))


async def test_an_ended_subscription_has_no_upcoming_invoice(world: World) -> None:
    from corebilling.subscription.schemas import CancelOrder

    tenant_id = await world.tenant(clock_at=START + 10 * DAY)
    await world.subscribe(tenant_id, ["a"])
    async with world.db.tenant(tenant_id) as tx:
        await world.subscriptions.cancel(tx, tenant_id, "a", CancelOrder(at="period_end"))
    await world.set_clock(tenant_id, FEBRUARY)
    with pytest.raises(Conflict):
        async with world.db.tenant(tenant_id) as tx:
            await world.rating.upcoming_invoices.of(tx, tenant_id, "a")


async def test_a_fresh_tenant_quotes_71_60_for_the_order_of_the_design(world: World) -> None:
    tenant_id = await world.tenant()
    order = QuoteRequest(order={"weight": msgspec.Raw(b'"10.5"'), "distance": msgspec.Raw(b"15.2")})
    async with world.db.tenant(tenant_id) as tx:
        quote = await world.quotes.quote(tx, tenant_id, order)
    assert (quote.total, quote.total_minor, quote.currency) == ("71.60", 7160, "EUR")
    with pytest.raises(NotFound):
        async with world.db.tenant(new_id()) as tx:
            await world.quotes.quote(tx, new_id(), order)
