"""Checking the chain of seals: whether anything that was sealed has changed since, or has gone."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from corebilling.kernel.clock import Clock
from corebilling.kernel.ids import first_id_at
from corebilling.kernel.journal import Deferral, DocumentType, JournalDraft
from corebilling.ledger.domain.posting import digest
from corebilling.ledger.domain.seal import BEGINNING, Block, key_id, signed_by
from corebilling.ledger.queries import seals as queries
from corebilling.ledger.queries.models import Deferral as StoredDeferral
from corebilling.ledger.queries.models import Entry, LedgerSeal
from corebilling.ledger.queries.seals import SealedJournalsRow
from corebilling.platform.db import Tx

PAGE = 10
SHOWN = 100

OVERDUE = timedelta(hours=2)
"""What isn't sealed by then was kept from it, or came in under an old id."""


class BrokenSeal(msgspec.Struct, frozen=True):
    """What is wrong with a block: its journals aren't what was sealed, or the chain isn't whole."""

    tenant_id: UUID
    block_no: int
    detail: str


class SealReport(msgspec.Struct, frozen=True):
    """What the chains came to. `unsealed` journals wait for their block; `overdue` ones should have been in one long ago."""

    blocks: int
    journals: int
    unsealed: int
    overdue: int
    unsigned: int
    broken_count: int
    broken: tuple[BrokenSeal, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing sealed has changed, and nothing was kept from being sealed."""
        return self.broken_count == 0 and self.overdue == 0


class _Held(msgspec.Struct, frozen=True):
    """What some blocks hold: journals by block, entries and deferrals by journal."""

    journals: dict[tuple[UUID, int], list[SealedJournalsRow]]
    entries: dict[tuple[UUID, UUID], list[Entry]]
    deferrals: dict[tuple[UUID, UUID], list[StoredDeferral]]


class SealProof:
    """Computes every block again from the journals as they are now. Signatures are checked with the `keys` that are known."""

    def __init__(self, *, clock: Clock, keys: Sequence[Ed25519PublicKey] = ()) -> None:
        self._clock = clock
        self._keys = {key_id(key): key for key in keys}

    async def check(self, tx: Tx) -> SealReport:
        """All chains of all tenants, page by page, in a system transaction."""
        blocks = journals = unsigned = count = 0
        shown: list[BrokenSeal] = []
        ends: dict[UUID, tuple[int, bytes]] = {}
        after = (UUID(int=0), 0)
        while page := await queries.seals_in_order(
            tx.conn, after_tenant_id=after[0], after_block_no=after[1], page=PAGE
        ):
            held = await _held(tx, page)
            for seal in page:
                rows = held.journals[seal.tenant_id, seal.block_no]
                faults = [
                    *self._of_block(seal, rows, ends.get(seal.tenant_id, (0, BEGINNING))),
                    *_of_journals(rows, held),
                ]
                ends[seal.tenant_id] = (seal.block_no, seal.block_hash)
                blocks, journals, count = blocks + 1, journals + len(rows), count + len(faults)
                unsigned += seal.signature is None
                shown += [BrokenSeal(seal.tenant_id, seal.block_no, fault) for fault in faults][: SHOWN - len(shown)]
            after = (page[-1].tenant_id, page[-1].block_no)
        tail = await queries.count_unsealed(tx.conn, overdue_before=first_id_at(self._clock() - OVERDUE))
        assert tail is not None
        return SealReport(blocks, journals, tail.unsealed, tail.overdue, unsigned, count, tuple(shown))

    def _of_block(self, seal: LedgerSeal, rows: Sequence[SealedJournalsRow], end: tuple[int, bytes]) -> Iterable[str]:
        last_no, last_hash = end
        if seal.block_no != last_no + 1:
            yield f"block {last_no + 1} is missing before it"
        elif seal.previous_hash != last_hash:
            yield "it doesn't follow the block before"
        if len(rows) != seal.journal_count:
            yield f"it holds {len(rows)} journals instead of {seal.journal_count}"
        block = Block(seal.tenant_id, seal.block_no, seal.previous_hash, tuple(row.sealed_digest for row in rows))
        if block.hash != seal.block_hash:
            yield "its hash is not that of its journals"
        if seal.signature is not None and (key := self._keys.get(seal.key_id or "")):
            if not signed_by(key, seal.signature, seal.block_hash):
                yield f"its signature is not by the key {seal.key_id}"
        elif seal.signature is None and self._keys:
            yield "it isn't signed, and blocks are to be"


async def _held(tx: Tx, page: Sequence[LedgerSeal]) -> _Held:
    tenant_ids, block_nos = [seal.tenant_id for seal in page], [seal.block_no for seal in page]
    held = _Held(defaultdict(list), defaultdict(list), defaultdict(list))
    for row in await queries.sealed_journals(tx.conn, tenant_ids=tenant_ids, block_nos=block_nos):
        held.journals[row.tenant_id, row.block_no].append(row)
    for entry in await queries.sealed_entries(tx.conn, tenant_ids=tenant_ids, block_nos=block_nos):
        held.entries[entry.tenant_id, entry.journal_id].append(entry)
    for item in await queries.sealed_deferrals(tx.conn, tenant_ids=tenant_ids, block_nos=block_nos):
        held.deferrals[item.tenant_id, item.journal_id].append(item)
    return held


def _of_journals(rows: Sequence[SealedJournalsRow], held: _Held) -> Iterable[str]:
    for row in rows:
        if row.digest is None:
            yield f"journal {row.journal_id} is gone"
        elif row.digest != row.sealed_digest:
            yield f"journal {row.journal_id} has another digest than when it was sealed"
        elif _digest(row, held) != row.sealed_digest.hex():
            yield f"journal {row.journal_id}, its entries or deferrals are not what was sealed"


def _digest(row: SealedJournalsRow, held: _Held) -> str:
    assert row.document_id is not None
    assert row.currency is not None
    assert row.effective_at is not None
    assert row.posted_at is not None
    assert row.description is not None
    key = (row.tenant_id, row.journal_id)
    draft = JournalDraft(
        row.tenant_id,
        msgspec.convert(row.document_type, DocumentType),
        row.document_id,
        row.currency,
        row.effective_at,
        row.description,
        (),
        tuple(Deferral(d.amount_minor, d.starts_at, d.ends_at, _product(d.account)) for d in held.deferrals[key]),
    )
    lines = [(e.entry_no, e.account, e.amount_minor, e.customer_id) for e in held.entries[key]]
    return digest(draft, row.journal_id, row.posted_at, effective_at=row.effective_at, lines=lines)


def _product(account: str) -> str | None:
    return account.partition(".")[2] or None
