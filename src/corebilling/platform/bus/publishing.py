"""What becomes of events once the bus has answered: marks in the outbox, and dead letters for what it will never take."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from corebilling.kernel.clock import Clock
from corebilling.platform.bus import metrics, wire
from corebilling.platform.bus.claims import Claimed
from corebilling.platform.bus.pace import backoff
from corebilling.platform.bus.port import Outcome, PublishResult
from corebilling.platform.bus.replayed import note_replayed
from corebilling.platform.db import Database, Tx
from corebilling.platform.queries import deadletters as dead_queries
from corebilling.platform.queries import outbox as queries

DISPATCHER = "dispatcher"
"""Stands as the consumer of dead letters that could not even be published."""

_MOST_ATTEMPTS = 8


class Marks:
    """Records the outcome of publishing under the leases' tokens."""

    def __init__(self, db: Database, clock: Clock, owner: str) -> None:
        self._db = db
        self._clock = clock
        self._owner = owner

    async def record(
        self, rows: Sequence[Claimed], results: Sequence[PublishResult], tokens: Mapping[int, int]
    ) -> None:
        """Mark what was acknowledged, put off what was refused.

        The rest stays as it is and is claimed again: the bus was in trouble, or an earlier event has to go first.
        """
        now = self._clock()
        done = [row for row, result in zip(rows, results, strict=True) if result.outcome is Outcome.ACKNOWLEDGED]
        refused = [
            (row, result.error) for row, result in zip(rows, results, strict=True) if result.outcome is Outcome.REFUSED
        ]
        if not done and not refused:
            return
        async with self._db.system() as tx:
            marked: set[UUID] = set()
            if done:
                marked = set(
                    await queries.mark_dispatched(
                        tx.conn,
                        now=now,
                        tenant_ids=[row.tenant_id for row in done],
                        event_ids=[row.event_id for row in done],
                        shards=[row.shard for row in done],
                        tokens=[tokens[row.shard] for row in done],
                        republisheds=[row.republished for row in done],
                        owner=self._owner,
                    )
                )
            if replayed := [row for row in done if row.republished and row.event_id in marked]:
                await note_replayed(tx, replayed, now)
            if refused:
                await self._refuse(tx, refused, tokens, now)
        metrics.DISPATCHED.inc(len(marked))
        metrics.DISPATCH_ERRORS.labels("message").inc(len(refused))

    async def _refuse(
        self, tx: Tx, refused: Sequence[tuple[Claimed, str]], tokens: Mapping[int, int], now: datetime
    ) -> None:
        nexts = [now + backoff(row.retry_count + 1) for row, _ in refused]
        given_up = [row.retry_count + 1 >= _MOST_ATTEMPTS for row, _ in refused]
        marked = set(
            await queries.mark_failed(
                tx.conn,
                tenant_ids=[row.tenant_id for row, _ in refused],
                event_ids=[row.event_id for row, _ in refused],
                shards=[row.shard for row, _ in refused],
                tokens=[tokens[row.shard] for row, _ in refused],
                given_up=given_up,
                next_attempt_ats=nexts,
                errors=[error for _, error in refused],
                owner=self._owner,
            )
        )
        for (row, error), over in zip(refused, given_up, strict=True):
            if over and row.event_id in marked:  # at most a handful: each took eight refusals of its own
                await _bury(tx, row, error, now)


async def _bury(tx: Tx, row: Claimed, error: str, now: datetime) -> None:
    metrics.DEAD_LETTERS.labels(DISPATCHER).inc()
    await dead_queries.insert_dead_letters(
        tx.conn,
        consumer=DISPATCHER,
        reason="the bus refuses the message",
        error_type="Refused",
        error=error,
        stack="",
        attempts=row.retry_count + 1,
        first_failed_at=now,
        last_failed_at=now,
        tenant_ids=[row.tenant_id],
        event_ids=[row.event_id],
        subjects=[row.subject],
        resource_ids=[row.resource_id],
        resource_seqs=[row.resource_seq],
        envelopes=[wire.encode(row).body],
    )
