"""What a transaction sees, and what it leaves behind."""

import asyncio
from decimal import Decimal
from uuid import UUID, uuid4

import psycopg
import pytest

from corebilling.kernel.errors import Invalid, Unavailable
from corebilling.platform.db import Database
from corebilling.platform.db.notify import Listener

OURS, THEIRS = uuid4(), uuid4()

ANOTHER_TRANSACTION = (
    "SELECT 1 FROM pg_locks WHERE locktype = 'virtualxid' AND pid <> pg_backend_pid() AND database IS NULL LIMIT 1"
)


@pytest.fixture(scope="module", autouse=True)
def notes_table(owner_url: str) -> None:
    """A tenant table like any other, with one row for each of two tenants."""
    with psycopg.connect(owner_url, autocommit=True) as conn:
        conn.execute("SET ROLE corebilling_owner")
        conn.execute("CREATE TABLE notes (tenant_id uuid NOT NULL, note text NOT NULL, amount numeric)")
        privileges = "SELECT, INSERT, UPDATE, DELETE"
        conn.execute("SELECT corebilling_secure('notes', %s, %s, %s)", (privileges, privileges, "SELECT"))
        conn.execute("INSERT INTO notes VALUES (%s, 'ours', 1), (%s, 'theirs', 2)", (OURS, THEIRS))


async def notes_seen_by(db: Database, tenant_id: UUID) -> list[str]:
    async with db.tenant(tenant_id) as tx:
        rows = await (await tx.conn.execute("SELECT note FROM notes ORDER BY note")).fetchall()
    return [row[0] for row in rows]


async def test_a_tenant_sees_only_its_own_rows(db: Database) -> None:
    assert await notes_seen_by(db, OURS) == ["ours"]
    assert await notes_seen_by(db, THEIRS) == ["theirs"]


async def test_a_set_of_tenants_sees_exactly_the_set_and_an_empty_one_nothing(db: Database) -> None:
    for wanted, expected in (([OURS], ["ours"]), ([OURS, THEIRS], ["ours", "theirs"]), ([], [])):
        async with db.tenants(wanted) as tx:
            rows = await (await tx.conn.execute("SELECT note FROM notes ORDER BY note")).fetchall()
        assert [row[0] for row in rows] == expected


async def test_a_foreign_tenant_id_is_refused_by_the_database(db: Database) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with db.tenant(OURS) as tx:
            await tx.conn.execute("INSERT INTO notes VALUES (%s, 'forged', 0)", (THEIRS,))
    assert await notes_seen_by(db, THEIRS) == ["theirs"]


async def test_a_statement_of_a_request_ends_by_itself_and_others_may_take_their_time(database_url: str) -> None:
    hurried = Database(database_url, pool_size=1, statement_seconds=1)
    await hurried.open()
    with pytest.raises(Unavailable) as ended:
        async with hurried.tenant(OURS) as tx:
            await (await tx.conn.execute("SELECT 1 FROM pg_sleep(60)")).fetchone()
    assert ended.value.code == "took_too_long"
    async with hurried.tenants([OURS]) as tx:
        assert await (await tx.conn.execute("SHOW statement_timeout")).fetchone() == ("0",)
    await hurried.close()


async def test_the_tenant_of_a_failed_or_cancelled_transaction_does_not_leak(db: Database) -> None:
    with pytest.raises(Invalid):
        async with db.tenant(OURS) as tx:
            await (await tx.conn.execute("SELECT 1 / 0")).fetchone()

    async def stuck() -> None:
        async with db.tenant(OURS) as tx:
            await (await tx.conn.execute("SELECT pg_sleep(60)")).fetchone()

    task = asyncio.create_task(stuck())
    async with db.system() as tx:
        while not await (await tx.conn.execute(ANOTHER_TRANSACTION)).fetchone():
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for _ in range(20):
        async with db.tenants([]) as tx:
            assert await (await tx.conn.execute("SELECT note FROM notes")).fetchall() == []
    assert await notes_seen_by(db, THEIRS) == ["theirs"]


async def test_a_failed_write_that_nobody_reads_fails_the_commit(db: Database) -> None:
    with pytest.raises(psycopg.errors.NotNullViolation):
        async with db.tenant(OURS) as tx:
            await tx.conn.execute("INSERT INTO notes VALUES (%s, NULL, 0)", (OURS,))
    assert await notes_seen_by(db, OURS) == ["ours"]


async def test_lists_of_every_kind_survive_the_trip(db: Database) -> None:
    texts = ["plain", 'quote " and \\ slash', "", "NULL", "{a,b}", "ünïcode 漢", None, " spaced "]
    numbers = [Decimal("1E+3"), Decimal("-0.000000000001"), Decimal(0), Decimal(10) ** 15, None, *[Decimal(1)] * 3]
    async with db.tenant(OURS) as tx:
        cursor = await tx.conn.execute("SELECT * FROM unnest(%s::text[], %s::numeric[])", (texts, numbers))
        assert await cursor.fetchall() == list(zip(texts, numbers, strict=True))


async def test_a_nul_character_is_refused_with_a_clear_error(db: Database) -> None:
    with pytest.raises(Invalid, match="NUL"):
        async with db.tenant(OURS) as tx:
            await tx.conn.execute("SELECT %s::text[]", (["a\x00b"],))


async def test_listeners_wake_after_commit_and_not_after_rollback(db: Database, database_url: str) -> None:
    async with Listener(database_url, "notes_channel").listening() as listener:
        await listener.wait(30)  # the first wake-up says that it listens
        async with db.tenant(OURS) as tx:
            tx.wake("notes_channel")
        await asyncio.wait_for(listener.wait(30), 20)
        with pytest.raises(RuntimeError, match="no"):
            async with db.tenant(OURS) as tx:
                tx.wake("notes_channel")
                raise RuntimeError("no")
        assert db.notifier.idle
