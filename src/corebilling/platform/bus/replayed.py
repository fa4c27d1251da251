"""Replayed events on their way: the sweep never looks behind where all was settled once, so these are noted by name.

A note stands from the dispatch until whoever the replay is for has taken the event; one that stands too long is of an event that got
lost, and publishes it again.
"""

from collections.abc import Sequence
from datetime import datetime

from loguru import logger

from corebilling.kernel.clock import Clock
from corebilling.platform.bus import metrics, wire
from corebilling.platform.bus.handlers import Subscriptions
from corebilling.platform.bus.port import Bus, Outcome
from corebilling.platform.db import Database, Tx
from corebilling.platform.queries import replayed as queries
from corebilling.platform.queries import sweep as sweep_queries
from corebilling.platform.queries.outbox import ClaimEventsRow, ClaimInTurnRow
from corebilling.platform.queries.replayed import LostReplaysRow

_BATCH = 1000

_Row = ClaimEventsRow | ClaimInTurnRow | LostReplaysRow


async def note_replayed(tx: Tx, rows: Sequence[_Row], now: datetime) -> None:
    """Note replayed events that were just dispatched, in the transaction that marks them."""
    await queries.note_replayed(
        tx.conn,
        now=now,
        tenant_ids=[row.tenant_id for row in rows],
        event_ids=[row.event_id for row in rows],
        replay_fors=[row.replay_for for row in rows],
    )


class ReplaySweep:
    """Publishes again what got lost of replays."""

    def __init__(self, db: Database, bus: Bus, clock: Clock, subscriptions: Subscriptions) -> None:
        self._db = db
        self._bus = bus
        self._clock = clock
        self._subscriptions = subscriptions

    async def sweep(self, before: datetime) -> None:
        """Forget what was taken, and publish again what was dispatched before that instant and was not.

        Everything published before then has to be handled already. Raises BusUnavailable.
        """
        async with self._db.system() as tx:
            await queries.forget_replayed(
                tx.conn,
                before=before,
                subjects=self._subscriptions.pair_subjects,
                consumers=self._subscriptions.pair_consumers,
            )
            lost = await queries.lost_replays(tx.conn, before=before, max_rows=_BATCH)
        if not lost:
            return
        results = await self._bus.publish(
            [wire.encode_again(row, row.republished + 1, replay_for=row.replay_for) for row in lost]
        )
        sent = [row for row, result in zip(lost, results, strict=True) if result.outcome is Outcome.ACKNOWLEDGED]
        await self._mark(sent)
        metrics.REPUBLISHED.inc(len(sent))
        logger.warning("{} replayed events were never handled and are published again", len(sent))

    async def _mark(self, sent: Sequence[LostReplaysRow]) -> None:
        if not sent:
            return
        now = self._clock()
        async with self._db.system() as tx:
            await sweep_queries.mark_republished(
                tx.conn,
                now=now,
                tenant_ids=[row.tenant_id for row in sent],
                event_ids=[row.event_id for row in sent],
            )
            await note_replayed(tx, sent, now)
