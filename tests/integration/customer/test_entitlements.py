import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from corebilling.customer.entitlements import EntitlementService
from corebilling.customer.handlers import HANDLERS
from corebilling.customer.schemas import EntitlementOut
from corebilling.events.catalog import BY_SUBJECT
from corebilling.events.envelope import Envelope
from corebilling.kernel.errors import NotFound
from corebilling.platform.db import Database
from corebilling.subscription.schemas import CancelOrder, ChangeOrder, PauseOrder
from parties import Parties

NOW = datetime(2026, 4, 1, tzinfo=UTC)
EVER = datetime(2000, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def entitlements(parties: Parties) -> EntitlementService:
    return EntitlementService(customers=parties.customers, clocks=parties.tenants)


async def written(db: Database, tenant_id: UUID) -> list[Envelope[Any]]:
    """The events of a tenant that entitlements follow."""
    columns = (
        "event_id, subject, version, tenant_id, resource_id, resource_seq, correlation_id, causation_id, traceparent,"
        " occurred_at, payload"
    )
    async with db.system() as tx:
        query = f"SELECT {columns} FROM billing_events WHERE tenant_id = %s ORDER BY event_id"
        rows = await (await tx.conn.execute(query, (tenant_id,))).fetchall()
    return [
        Envelope(*row[:-1], msgspec.json.decode(row[-1], type=BY_SUBJECT[row[1]].payload))
        for row in rows
        if BY_SUBJECT[row[1]].payload in HANDLERS
    ]


async def hand_over(db: Database, service: EntitlementService, events: Sequence[Envelope[Any]]) -> None:
    """One group for each event, in the order given."""
    for event in events:
        async with db.tenants([event.tenant_id]) as tx:
            tx.may_emit = False
            await HANDLERS[type(event.payload)](service, tx, [event])


async def rows(db: Database, tenant_id: UUID) -> list[Any]:
    async with db.tenants([tenant_id]) as tx:
        query = "SELECT * FROM customer_entitlements WHERE tenant_id = %s ORDER BY subscription_id"
        return await (await tx.conn.execute(query, (tenant_id,))).fetchall()


async def may_use(
    db: Database, service: EntitlementService, tenant_id: UUID, *, past: bool = False
) -> list[EntitlementOut]:
    async with db.tenant(tenant_id) as tx:
        return await service.of_customer(tx, tenant_id, "acme", past=past, after=None, limit=10)


async def seller(parties: Parties) -> UUID:
    tenant_id = await parties.tenant(sandbox=True, clock_at=NOW)
    await parties.customer(tenant_id, "acme")
    await parties.plan(tenant_id, "basic")
    await parties.plan(tenant_id, "pro")
    return tenant_id


async def test_a_customer_may_use_what_runs_now(
    parties: Parties, db: Database, entitlements: EntitlementService
) -> None:
    mine, other = await seller(parties), await seller(parties)
    running = await parties.subscription(mine, "acme", "basic", "running")
    ahead = await parties.subscription(mine, "acme", "pro", "ahead", start_at=NOW + 10 * DAY)
    paused = await parties.subscription(mine, "acme", "pro", "paused")
    ending = await parties.subscription(mine, "acme", "pro", "ending")
    async with db.tenant(mine) as tx:
        await parties.subscriptions.pause(tx, mine, "paused", PauseOrder("stop"))
        await parties.subscriptions.cancel(tx, mine, "ending", CancelOrder(at=NOW + 5 * DAY))
    events = await written(db, mine)
    async with db.tenants([mine]) as tx:
        await entitlements.learn(tx, events)
    now = await may_use(db, entitlements, mine)
    assert [(each.subscription_id, each.until) for each in now] == [(ending.id, NOW + 5 * DAY), (running.id, None)]
    assert all(each.usable and each.since == NOW for each in now)
    everything = await may_use(db, entitlements, mine, past=True)
    assert {(each.subscription_id, each.status) for each in everything if not each.usable} == {
        (ahead.id, "active"),
        (paused.id, "paused"),
    }
    async with db.system() as tx:
        await parties.tenants.move_clock(tx, mine, NOW + 12 * DAY, done=True)
    assert [each.subscription_id for each in await may_use(db, entitlements, mine)] == [ahead.id, running.id]
    assert await may_use(db, entitlements, other, past=True) == []
    with pytest.raises(NotFound):
        async with db.tenant(mine) as tx:
            await entitlements.of_customer(tx, mine, "nobody", past=True, after=None, limit=10)


async def test_rebuilt_in_any_order_the_projection_is_what_it_was(
    parties: Parties, db: Database, entitlements: EntitlementService
) -> None:
    mine, other = await seller(parties), await seller(parties)
    for tenant_id in (mine, other):
        made = [await parties.subscription(tenant_id, "acme", "basic", f"s-{n}") for n in range(6)]
        async with db.tenant(tenant_id) as tx:
            for subscription in made[:4]:
                await parties.subscriptions.change(tx, tenant_id, str(subscription.id), ChangeOrder(plan="pro"))
            await parties.subscriptions.pause(tx, tenant_id, str(made[1].id), PauseOrder("stop"))
            await parties.subscriptions.resume(tx, tenant_id, str(made[1].id))
            await parties.subscriptions.cancel(tx, tenant_id, str(made[2].id), CancelOrder(at="now"))
    events, theirs = await written(db, mine), await written(db, other)
    await hand_over(db, entitlements, events)
    async with db.tenants([other]) as tx:
        await entitlements.learn(tx, theirs)
    live, kept = await rows(db, mine), await rows(db, other)
    assert len(live) == len(kept) == 6
    async with db.tenants([mine]) as tx:
        assert await entitlements.forget(tx, mine, events[-1].occurred_at + DAY) == 0
        assert await entitlements.forget(tx, mine, EVER) == 6
    assert await rows(db, mine) == []
    shuffled = [*events, *events[::2]]
    random.Random(5).shuffle(shuffled)
    await hand_over(db, entitlements, shuffled)
    assert await rows(db, mine) == live
    assert await rows(db, other) == kept
