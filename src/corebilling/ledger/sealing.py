"""Sealing journals in blocks, beside posting and never in its way."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from corebilling.events.envelope import NewEvent
from corebilling.events.ledger import LedgerSealed
from corebilling.kernel.clock import Clock
from corebilling.kernel.ids import first_id_at
from corebilling.ledger.domain.seal import Block, SigningKey, next_block
from corebilling.ledger.queries import seals as queries
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Database, Tx

BLOCK_SIZE = 2_000
TENANTS = 200

SETTLED = timedelta(seconds=60)
"""Journals get their ids before they are committed: after this long nearly all that will be there are. A later one goes into
the next block, which looks an hour back."""


class Sealer:
    """Makes blocks of what isn't sealed yet. `key` None: blocks are chained and not signed."""

    def __init__(self, db: Database, *, clock: Clock, key: SigningKey | None = None) -> None:
        self._db = db
        self._clock = clock
        self._key = key

    async def run(self) -> None:
        """Seal until nothing that is settled is left."""
        while await self.seal_once():
            pass

    async def seal_once(self, settled: timedelta = SETTLED) -> int:
        """One block for each of some tenants; how many journals they hold. 0 also where another process is at it."""
        async with self._db.system() as tx:
            if not await queries.try_sealing(tx.conn):
                return 0
            before = first_id_at(self._clock() - settled)
            chains = await queries.unsealed_tenants(tx.conn, before_id=before, page=TENANTS)
            found: dict[UUID, list[tuple[UUID, bytes]]] = defaultdict(list)
            for row in await queries.unsealed_journals(
                tx.conn,
                before_id=before,
                block_size=BLOCK_SIZE,
                tenant_ids=[chain.tenant_id for chain in chains],
                look_from=[chain.look_from or UUID(int=0) for chain in chains],
            ):
                found[row.tenant_id].append((row.journal_id, row.digest))
            made = [
                next_block(
                    chain.tenant_id, chain.block_no, chain.block_hash, [digest for _, digest in found[chain.tenant_id]]
                )
                for chain in chains
            ]
            if made:
                await self._write(tx, made, [[one for one, _ in found[block.tenant_id]] for block in made])
            return sum(len(block.digests) for block in made)

    async def _write(self, tx: Tx, blocks: Sequence[Block], journals: Sequence[Sequence[UUID]]) -> None:
        at, key = self._clock(), self._key
        hashes = [block.hash for block in blocks]
        signatures = [key.sign(one).hex() if key else None for one in hashes]
        await queries.add_seals(
            tx.conn,
            sealed_at=at,
            tenant_ids=[block.tenant_id for block in blocks],
            block_nos=[block.block_no for block in blocks],
            journal_counts=[len(block.digests) for block in blocks],
            last_journal_ids=[ids[-1] for ids in journals],
            previous_hashes=[block.previous_hash.hex() for block in blocks],
            block_hashes=[one.hex() for one in hashes],
            signatures=signatures,
            key_ids=[key.key_id if key else None] * len(blocks),
        )
        rows = [
            (block, place, journal_id, digest)
            for block, ids in zip(blocks, journals, strict=True)
            for place, (journal_id, digest) in enumerate(zip(ids, block.digests, strict=True), 1)
        ]
        await queries.add_sealed_journals(
            tx.conn,
            tenant_ids=[block.tenant_id for block, _, _, _ in rows],
            journal_ids=[journal_id for _, _, journal_id, _ in rows],
            block_nos=[block.block_no for block, _, _, _ in rows],
            places=[place for _, place, _, _ in rows],
            digests=[digest.hex() for _, _, _, digest in rows],
        )
        await emit(
            tx,
            [
                NewEvent(
                    block.tenant_id,
                    block.tenant_id,
                    block.block_no,
                    LedgerSealed(
                        block.block_no,
                        len(block.digests),
                        block.previous_hash.hex(),
                        block_hash.hex(),
                        signature,
                        key.key_id if key else None,
                        at,
                    ),
                    at,
                )
                for block, block_hash, signature in zip(blocks, hashes, signatures, strict=True)
            ],
        )
