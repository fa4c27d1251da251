"""Journals are sealed in a hash chain; whatever an administrator changes afterwards is found out."""

import asyncio
import base64
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from corebilling.events.ledger import LedgerSealed
from corebilling.kernel.accounts import DEFERRED_REVENUE, RECEIVABLE, REVENUE
from corebilling.kernel.ids import new_id
from corebilling.kernel.journal import Deferral, EntryDraft, JournalDraft, PostedDocument
from corebilling.ledger.domain.seal import Block, SigningKey
from corebilling.ledger.nightly import NightlyProof
from corebilling.ledger.prover import LedgerProof
from corebilling.ledger.seal_proof import SealProof, SealReport
from corebilling.ledger.sealing import Sealer
from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database
from parties import Parties

AT = datetime(2026, 1, 15, tzinfo=UTC)
AT_ONCE = timedelta(seconds=-1)


def a_key(number: int = 1) -> SigningKey:
    return SigningKey(base64.b64encode(bytes([number] * 32)).decode())


def journal(tenant_id: UUID, *, ahead: bool = False) -> JournalDraft:
    credit = EntryDraft(DEFERRED_REVENUE if ahead else REVENUE, -100, None, None if ahead else "api")
    deferrals = (Deferral(100, AT, AT + timedelta(days=40), "api"),) if ahead else ()
    entries = (EntryDraft(RECEIVABLE, 100, new_id()), credit)
    return JournalDraft(tenant_id, "invoice", new_id(), "EUR", AT, "Invoice", entries, deferrals)


@pytest.fixture
async def tenants(db: Database) -> list[UUID]:
    """Two tenants with three sealed blocks each: 2, 1 and 1 journals."""
    parties = Parties(db)
    made = [await parties.tenant(), await parties.tenant()]
    for round_of in (("one", "two"), ("ahead",), ("three",)):
        async with db.tenants(made) as tx:
            await parties.ledger.post(tx, [journal(t, ahead=what == "ahead") for t in made for what in round_of])
        await sealer(db).seal_once(AT_ONCE)
    return made


def sealer(db: Database, key: SigningKey | None = None) -> Sealer:
    return Sealer(db, clock=wall_clock, key=key or a_key())


async def check(db: Database, *keys: SigningKey, hours: int = 0) -> SealReport:
    proof = SealProof(
        clock=lambda: wall_clock() + timedelta(hours=hours), keys=[key.public for key in keys or (a_key(),)]
    )
    async with db.system() as tx:
        return await proof.check(tx)


def tamper(owner_url: str, *statements: str) -> None:
    """What somebody does who owns the database and knows how to switch its triggers off."""
    with psycopg.connect(owner_url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        for statement in statements:
            connection.execute(statement)


async def faults(db: Database, tenant_id: UUID) -> list[str]:
    return [broken.detail for broken in (await check(db)).broken if broken.tenant_id == tenant_id]


async def test_what_nobody_touched_holds(db: Database, tenants: list[UUID]) -> None:
    report = await check(db)
    assert report.holds
    assert (report.blocks, report.journals, report.unsealed, report.unsigned) == (6, 8, 0, 0)


ZEROS, ONES = "decode(repeat('00', 32), 'hex')", "decode(repeat('11', 32), 'hex')"
LAST = "journal_id = (SELECT max(journal_id::text)::uuid FROM journals WHERE {mine})"


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("UPDATE entries SET amount_minor = amount_minor * 2 WHERE {mine}", "not what was sealed"),
        ("UPDATE entries SET account = '4000' WHERE {mine} AND account = '4000.api'", "not what was sealed"),
        ("UPDATE journals SET effective_at = effective_at - interval '1 day' WHERE {mine}", "not what was sealed"),
        ("UPDATE deferrals SET ends_at = ends_at + interval '1 day' WHERE {mine}", "not what was sealed"),
        ("DELETE FROM deferrals WHERE {mine}", "not what was sealed"),
        (f"UPDATE journals SET digest = {ONES} WHERE {{mine}}", "another digest"),
        (f"DELETE FROM journals WHERE {{mine}} AND {LAST}", "is gone"),
        ("DELETE FROM ledger_seals WHERE {mine} AND block_no = 2", "block 2 is missing"),
        ("DELETE FROM ledger_sealed_journals WHERE {mine} AND block_no = 1 AND place = 2", "1 journals instead of 2"),
        (f"UPDATE ledger_sealed_journals SET digest = {ONES} WHERE {{mine}}", "hash is not that"),
        (f"UPDATE ledger_seals SET previous_hash = {ZEROS} WHERE {{mine}} AND block_no = 3", "doesn't follow"),
        (f"UPDATE ledger_seals SET signature = {ZEROS} WHERE {{mine}} AND block_no = 3", "signature is not by"),
        ("UPDATE ledger_seals SET signature = NULL, key_id = NULL WHERE {mine} AND block_no = 3", "isn't signed"),
    ],
)
async def test_a_change_is_found_out_and_only_in_its_tenant(
    db: Database, owner_url: str, tenants: list[UUID], change: str, found: str
) -> None:
    victim, other = tenants
    before = await faults(db, other)
    tamper(owner_url, change.format(mine=f"tenant_id = '{victim}'"))
    assert any(found in fault for fault in await faults(db, victim))
    assert await faults(db, other) == before == []


async def test_a_whole_chain_made_anew_lacks_the_signature(db: Database, owner_url: str, tenants: list[UUID]) -> None:
    victim, _ = tenants
    tamper(
        owner_url,
        f"DELETE FROM ledger_seals WHERE tenant_id = '{victim}'",
        f"DELETE FROM ledger_sealed_journals WHERE tenant_id = '{victim}'",
        f"UPDATE journals SET description = 'another' WHERE tenant_id = '{victim}'",
    )
    await sealer(db, SigningKey(base64.b64encode(Ed25519PrivateKey.generate().private_bytes_raw()).decode())).seal_once(
        AT_ONCE
    )
    assert await faults(db, victim)


async def test_a_journal_kept_from_its_block_is_overdue(db: Database, owner_url: str, tenants: list[UUID]) -> None:
    victim, _ = tenants
    tamper(
        owner_url,
        f"DELETE FROM ledger_seals WHERE tenant_id = '{victim}' AND block_no = 3",
        f"DELETE FROM ledger_sealed_journals WHERE tenant_id = '{victim}' AND block_no = 3",
    )
    report = await check(db, hours=3)
    assert report.overdue >= 1
    assert not report.holds


async def test_the_database_refuses_to_change_seals(db: Database, owner_url: str, tenants: list[UUID]) -> None:
    with psycopg.connect(owner_url, autocommit=True) as owner:
        for table in ("ledger_seals", "ledger_sealed_journals"):
            for change in (f"DELETE FROM {table}", f"UPDATE {table} SET block_no = 9", f"TRUNCATE {table}"):
                with pytest.raises(psycopg.errors.RestrictViolation):
                    owner.execute(change)


async def test_a_journal_committed_late_is_in_the_next_block(db: Database, tenants: list[UUID]) -> None:
    parties = Parties(db)
    async with db.tenants(tenants) as slow:
        await parties.ledger.post(slow, [journal(tenants[0])])
        async with db.tenants(tenants) as quick:
            await parties.ledger.post(quick, [journal(tenants[0])])
        await sealer(db).seal_once(AT_ONCE)
    assert (await check(db)).unsealed == 1
    assert await sealer(db).seal_once(AT_ONCE) == 1
    assert (await check(db)).unsealed == 0
    assert await faults(db, tenants[0]) == []


async def test_each_block_is_told_so_that_it_can_be_kept_outside(db: Database, tenants: list[UUID]) -> None:
    async with db.system() as tx:
        rows = await (
            await tx.conn.execute(
                "SELECT payload::text FROM billing_events WHERE subject = 'ledger.sealed' AND tenant_id = %s ORDER BY event_id",
                (tenants[0],),
            )
        ).fetchall()
    told = [msgspec.json.decode(row[0], type=LedgerSealed) for row in rows]
    assert [one.block_no for one in told] == [1, 2, 3]
    assert told[0].previous_hash == "00" * 32
    assert told[1].previous_hash == told[0].block_hash
    assert told[0].key_id == a_key().key_id


async def test_the_nightly_proof_runs_once_a_night(db: Database, tenants: list[UUID]) -> None:
    at = datetime(2031, 5, 4, 2, tzinfo=UTC)
    seals = SealProof(clock=wall_clock, keys=[a_key().public])
    first, second = (NightlyProof(db, clock=lambda: at, proof=LedgerProof(documents={}), seals=seals) for _ in range(2))
    assert await first.run()
    assert not await second.run()
    later = NightlyProof(db, clock=lambda: at + timedelta(days=1), proof=LedgerProof(documents={}), seals=seals)
    assert await later.run()


async def test_a_proof_that_was_broken_off_is_run_by_the_next_process(db: Database, tenants: list[UUID]) -> None:
    at = datetime(2031, 6, 4, 2, tzinfo=UTC)
    seals = SealProof(clock=wall_clock, keys=[a_key().public])
    asked = asyncio.Event()

    class Slow:
        async def documents(self, *_: object) -> Sequence[PostedDocument]:
            asked.set()
            await asyncio.Event().wait()
            return ()

    first = NightlyProof(db, clock=lambda: at, proof=LedgerProof(documents={"invoice": Slow()}), seals=seals)
    second = NightlyProof(db, clock=lambda: at, proof=LedgerProof(documents={}), seals=seals)
    running = asyncio.create_task(first.run())
    await asked.wait()
    assert not await second.run()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await second.run()


async def test_many_processes_seal_each_journal_once(db: Database, tenants: list[UUID]) -> None:
    parties = Parties(db)
    async with db.tenants(tenants) as tx:
        await parties.ledger.post(tx, [journal(tenant) for tenant in tenants for _ in range(30)])
    await asyncio.gather(*(sealer(db).seal_once(AT_ONCE) for _ in range(5)))
    await sealer(db).seal_once(AT_ONCE)
    for tenant in tenants:
        async with db.system() as tx:
            sealed = "SELECT count(*) FROM ledger_sealed_journals WHERE tenant_id = %s"
            row = await (await tx.conn.execute(sealed, (tenant,))).fetchone()
        assert row == (34,)
        assert await faults(db, tenant) == []


def test_a_hash_covers_tenant_place_and_order() -> None:
    one, other = UUID(int=1), UUID(int=2)
    digests = (b"a" * 32, b"b" * 32)
    made = {
        Block(one, 1, bytes(32), digests).hash,
        Block(other, 1, bytes(32), digests).hash,
        Block(one, 2, bytes(32), digests).hash,
        Block(one, 1, b"x" * 32, digests).hash,
        Block(one, 1, bytes(32), digests[::-1]).hash,
    }
    assert len(made) == 5
