"""What is claimed next while more waits than one batch can carry: nobody starves, and each resource keeps its order."""

from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import psycopg

from backbone import event, send
from corebilling.kernel.ids import new_id
from corebilling.platform.bus.claims import BATCH, Claimed, Claims
from corebilling.platform.bus.leases import Leases
from corebilling.platform.bus.outbox import SHARDS
from corebilling.platform.bus.port import ACKNOWLEDGED
from corebilling.platform.bus.publishing import Marks
from corebilling.platform.bus.weights import set_weight
from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database

Owner = psycopg.Connection[Any]


class Reader:
    """Claims and marks, batch for batch, as a dispatcher does whose bus takes everything."""

    def __init__(self, db: Database) -> None:
        self.leases = Leases(db, ttl_seconds=60)
        self.claims = Claims(db, wall_clock, self.leases)
        self._marks = Marks(db, wall_clock, self.leases.owner)

    async def next(self) -> Sequence[Claimed]:
        leases = self.leases.usable()
        rows = await self.claims.next(leases)
        await self._marks.record(rows, [ACKNOWLEDGED] * len(rows), {s: lease.token for s, lease in leases.items()})
        self.claims.settle(rows)
        return rows

    async def until_a_crowd(self) -> set[UUID]:
        """Read as far as the first batch in which tenants take turns; answers whose events were read."""
        await self.leases.keep()
        batches = [await self.next() for _ in range(3)]
        assert [len(rows) for rows in batches] == [BATCH] * 3
        return {row.tenant_id for rows in batches for row in rows}

    async def rest(self) -> list[Claimed]:
        """All that waits."""
        found: list[Claimed] = []
        while (rows := await self.next()) or self.claims.more:
            found += rows
        return found


async def backlog(db: Database, tenant_id: UUID, many: int, *, resources: int = 100) -> None:
    """Many events of one tenant, their number as text and as the sequence of one of its resources."""
    ids = [new_id() for _ in range(resources)]
    for start in range(0, many, 2000):
        numbers = range(start, min(many, start + 2000))
        await send(db, *[event(tenant_id, str(n), resource_id=ids[n % resources], seq=n) for n in numbers])


async def test_a_tenants_backlog_delays_no_other_tenant(db: Database) -> None:
    busy, quiet, late = uuid4(), [uuid4() for _ in range(30)], uuid4()
    await backlog(db, busy, 8000)
    await send(db, *[event(tenant, "1") for tenant in quiet])
    reader = Reader(db)
    read = await reader.until_a_crowd()
    assert set(quiet) <= read | {row.tenant_id for row in await reader.next()}
    await send(db, event(late, "1"))
    reader.claims.scan_soon()
    rest = await reader.rest()
    assert rest.index(next(row for row in rest if row.tenant_id == late)) < len(rest) - BATCH
    assert Counter(row.tenant_id for row in rest)[busy] > BATCH


async def test_weights_divide_a_batch(db: Database) -> None:
    heavy, light = uuid4(), uuid4()
    await backlog(db, heavy, 4000)
    await backlog(db, light, 4000)
    async with db.system() as tx:
        await set_weight(tx, heavy, 3, wall_clock())
    reader = Reader(db)
    await reader.until_a_crowd()
    shares = Counter(row.tenant_id for row in await reader.next())
    assert 2 < shares[heavy] / shares[light] < 4


async def test_turns_keep_the_order_of_each_resource_and_leave_nothing(db: Database) -> None:
    tenants = [uuid4() for _ in range(5)]
    for tenant in tenants:
        await backlog(db, tenant, 1500, resources=7)
    reader = Reader(db)
    await reader.leases.keep()
    rows = await reader.rest()
    assert len(rows) == 7500
    last: dict[UUID, int] = {}
    for row in rows:
        assert row.resource_seq > last.get(row.resource_id, -1)
        last[row.resource_id] = row.resource_seq


async def test_events_set_back_far_below_the_marks_are_found_all_at_once(db: Database, owner: Owner) -> None:
    tenant = uuid4()
    await backlog(db, tenant, 3000)
    reader = Reader(db)
    await reader.leases.keep()
    assert len(await reader.rest()) == 3000
    for lease in reader.leases.usable().values():
        lease.low_water = new_id()
    owner.execute("UPDATE billing_events SET status = 'pending', republished = 1, replay_for = 'recorder'")
    reader.claims.scan_soon()
    assert len(await reader.rest()) == 3000


async def test_a_day_without_the_index_is_read_in_the_order_of_ids(db: Database, owner: Owner) -> None:
    """As on the day of an upgrade, whose partition was being written when the index was made."""
    owner.execute("SET ROLE corebilling_owner")
    owner.execute("DROP INDEX billing_events_in_turn")
    owner.execute("CREATE INDEX billing_events_in_turn ON ONLY billing_events (shard, tenant_id, event_id)")
    busy, quiet = uuid4(), uuid4()
    await backlog(db, busy, 5000)
    await send(db, event(quiet, "1"))
    reader = Reader(db)
    await reader.until_a_crowd()
    assert len(await reader.next()) == BATCH
    assert len(await reader.rest()) == 1001
    owner.execute("DROP INDEX billing_events_in_turn")
    owner.execute(
        "CREATE INDEX billing_events_in_turn ON billing_events (shard, tenant_id, event_id) "
        "WHERE status IN ('pending', 'failed')"
    )


async def test_a_heavy_tenant_leaves_a_light_one_its_part(db: Database) -> None:
    """Its portion is larger than a batch: it is served over several, in all its shards, and then it is the other's turn."""
    heavy, light = uuid4(), uuid4()
    await backlog(db, heavy, 9000, resources=1000)  # so many that each shard has its part
    await backlog(db, light, 2000)
    async with db.system() as tx:
        await set_weight(tx, heavy, 10, wall_clock())
    reader = Reader(db)
    await reader.until_a_crowd()
    batches = [await reader.next() for _ in range(6)]
    read = Counter(row.tenant_id for rows in batches for row in rows)
    assert 5 < read[heavy] / read[light] < 20
    assert len({row.shard for rows in batches for row in rows if row.tenant_id == heavy}) == SHARDS
