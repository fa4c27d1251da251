"""Shards, who holds them, and what a dispatcher may still do after losing one."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg

from backbone import count, dispatcher, event, router, running, seen, send, until
from corebilling.platform.bus.leases import Leases
from corebilling.platform.bus.nats import NatsBus
from corebilling.platform.bus.port import ACKNOWLEDGED
from corebilling.platform.bus.publishing import Marks
from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database
from corebilling.platform.queries import outbox as queries

Owner = psycopg.Connection[Any]


async def test_two_dispatchers_share_the_shards_evenly(db: Database) -> None:
    one, two = Leases(db), Leases(db)
    await one.keep()
    assert len(one.usable()) == 16
    for _ in range(3):
        await two.keep()
        await one.keep()
    assert (len(one.usable()), len(two.usable())) == (8, 8)
    assert not one.usable().keys() & two.usable().keys()


def expire(owner: Owner, leases: Leases) -> None:
    """As after a time without a sign of life."""
    owner.execute("UPDATE outbox_dispatchers SET expires_at = '-infinity' WHERE owner = %s", (leases.owner,))
    owner.execute("UPDATE outbox_leases SET expires_at = '-infinity' WHERE owner = %s", (leases.owner,))


async def test_the_shards_of_a_dead_dispatcher_go_to_the_living_evenly(db: Database, owner: Owner) -> None:
    dead, *living = Leases(db, ttl_seconds=60), Leases(db, ttl_seconds=60), Leases(db, ttl_seconds=60)
    for _ in range(3):
        for one in (dead, *living):
            await one.keep()
    assert sorted(len(one.usable()) for one in (dead, *living)) == [4, 6, 6]
    tokens = {shard: lease.token for shard, lease in dead.usable().items()}
    expire(owner, dead)
    for one in living:
        await one.keep()
    assert [len(one.usable()) for one in living] == [8, 8]
    taken = {shard: lease.token for one in living for shard, lease in one.usable().items() if shard in tokens}
    assert all(taken[shard] > token for shard, token in tokens.items()), "a change of hands makes a new token"


async def test_a_busy_shard_is_given_back_only_when_it_is_idle(db: Database) -> None:
    one, two = Leases(db), Leases(db)
    await one.keep()
    everything = set(range(16))
    for _ in range(2):
        await two.keep()
        await one.keep(busy=everything)
    assert not two.usable()
    await one.keep()
    await two.keep()
    assert len(two.usable()) == 8


async def test_a_dispatcher_that_lost_its_lease_marks_nothing(db: Database, owner: Owner) -> None:
    asleep, awake = Leases(db, ttl_seconds=60), Leases(db)
    await asleep.keep()
    tokens = {shard: lease.token for shard, lease in asleep.usable().items()}
    await send(db, event(uuid4(), "1"), event(uuid4(), "2"))
    async with db.system() as tx:
        rows = await queries.claim_events(
            tx.conn, shards=list(tokens), low_waters=[UUID(int=0)] * len(tokens), now=wall_clock(),
            waiting_resources=[], in_flight=[], per_shard=10, max_rows=10,
        )  # fmt: skip
    assert len(rows) == 2

    expire(owner, asleep)
    await awake.keep()
    assert len(awake.usable()) == 16
    await Marks(db, wall_clock, asleep.owner).record(rows, [ACKNOWLEDGED] * 2, tokens)
    assert count(owner, "billing_events", "status = 'pending'") == 2
    await asleep.keep()
    assert not asleep.usable()


async def test_two_dispatchers_publish_everything_once(db: Database, bus: NatsBus, owner: Owner) -> None:
    tenants = [uuid4(), uuid4()]
    first, second = dispatcher(db, bus, lease_seconds=1.0), dispatcher(db, bus, lease_seconds=1.0)
    async with running(first, second, router(db, bus)):
        for start in range(0, 400, 100):
            await send(db, *[event(tenants[n % 2], str(n)) for n in range(start, start + 100)])
        await until(lambda: count(owner, "seen") >= 400, "everything")
    assert sorted(amount for _, amount, _ in seen(owner)) == list(range(400))
    assert count(owner, "outbox_leases", "owner IS NOT NULL") == 0


async def test_retention_drops_days_and_keeps_what_was_never_published(db: Database, owner: Owner) -> None:
    tenant = uuid4()
    await send(db, event(tenant, "1"), event(tenant, "2"))
    owner.execute("SET ROLE corebilling_owner")
    owner.execute("SELECT corebilling_add_day('billing_events', (now() AT TIME ZONE 'UTC')::date - 40)")
    old = owner.execute("SELECT corebilling_first_id_at(%s)", (wall_clock() - timedelta(days=40),)).fetchone()
    assert old is not None
    owner.execute("UPDATE billing_events SET event_id = %s WHERE payload ->> 'reason' = '1'", (old[0],))
    before = count(owner, "pg_inherits", "inhparent = 'billing_events'::regclass")
    async with db.system() as tx:
        await tx.conn.execute("SELECT corebilling_rotate_events(7, 14, 21)")
    assert count(owner, "pg_inherits", "inhparent = 'billing_events'::regclass") == before - 1
    assert count(owner, "billing_events") == 2
    assert owner.execute("SELECT count(*) FROM billing_events WHERE event_id = %s", old).fetchone() == (1,)
