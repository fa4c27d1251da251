"""The proof that is run every night: by one process of all, with its result as metrics and on record."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

from loguru import logger

from corebilling.kernel.clock import Clock
from corebilling.ledger.metrics import BROKEN_SEALS, UNSEALED
from corebilling.ledger.prover import LedgerProof
from corebilling.ledger.queries import seals as queries
from corebilling.ledger.seal_proof import SealProof
from corebilling.platform.db import Database

ABANDONED = timedelta(hours=6)


class NightlyProof:
    """Runs the proof of documents and the check of seals once a day (UTC), whichever process comes first."""

    def __init__(self, db: Database, *, clock: Clock, proof: LedgerProof, seals: SealProof) -> None:
        self._db = db
        self._clock = clock
        self._proof = proof
        self._seals = seals

    async def run(self) -> bool:
        """Run it if today's isn't there yet; whether this process did."""
        started = self._clock()
        day = started.astimezone(UTC).date()
        async with self._db.system() as tx:
            if (
                await queries.claim_proof(
                    tx.conn, proof_day=day, started_at=started, abandoned_before=started - ABANDONED
                )
                is None
            ):
                return False
        try:
            await self._prove(day)
        except BaseException:  # also when it is told to stop: another process takes over at once
            with suppress(Exception):
                await self._release(started, day)
            raise
        return True

    async def _release(self, started: datetime, day: date) -> None:
        async with self._db.system() as tx:
            await queries.release_proof(
                tx.conn, proof_day=day, started_at=started, abandoned_at=started - 2 * ABANDONED
            )

    async def _prove(self, day: date) -> None:
        async with self._db.system() as tx:
            report = await self._proof.proof(tx)
        async with self._db.system() as tx:
            seals = await self._seals.check(tx)
        BROKEN_SEALS.set(seals.broken_count)
        UNSEALED.set(seals.unsealed)
        mismatches = report.fault_count
        async with self._db.system() as tx:
            await queries.finish_proof(
                tx.conn,
                proof_day=day,
                finished_at=self._clock(),
                documents=report.documents,
                journals=report.journals,
                mismatches=mismatches,
                broken_seals=seals.broken_count + seals.overdue,
            )
        if report.holds and seals.holds:
            logger.info("the ledger's nightly proof holds: {} documents, {} blocks", report.documents, seals.blocks)
        else:
            logger.error(
                "the ledger's nightly proof fails: {} mismatches, {} broken seals, {} journals kept from being sealed; "
                "run `corebilling ledger verify`",
                mismatches,
                seals.broken_count,
                seals.overdue,
            )
