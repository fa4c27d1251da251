"""What the dispatchers do besides dispatching: the sweep, the gauges and the rotation of partitions.

Dispatched is not handled: a stream can be lost or purged. The sweep looks for events dispatched a while ago that a
subscribed consumer has not taken charge of, and publishes them again under a new message id. It notes up to which id
everything is settled and never looks behind that.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from loguru import logger

from corebilling.kernel.clock import Clock
from corebilling.kernel.ids import first_id_at, made_at
from corebilling.platform.bus import metrics, wire
from corebilling.platform.bus.handlers import Subscriptions
from corebilling.platform.bus.leases import Leases
from corebilling.platform.bus.port import Bus, Outcome
from corebilling.platform.bus.replayed import ReplaySweep
from corebilling.platform.db import Database
from corebilling.platform.queries import outbox as outbox_queries
from corebilling.platform.queries import sweep as queries
from corebilling.platform.queries.sweep import FindUnsettledRow

_BATCH = 1000
_MOST_AT_ONCE = 50_000
"""Events that one sweep publishes again: about what routers handle until the next one."""
_STRIDE = timedelta(hours=1)
_GAUGE_SECONDS = 5.0
_GAUGE_ROWS = 100_000
_GAUGE_LOOK_AT = 1_000
_ROTATE_SECONDS = 3600.0
_DAYS_AHEAD = 7

Duty = tuple[str, float, Callable[[], Awaitable[None]]]


class Housekeeping:
    """Each duty may run in every dispatcher at once; the database lets one sweep and one rotate at a time."""

    def __init__(
        self,
        *,
        db: Database,
        bus: Bus,
        clock: Clock,
        subscriptions: Subscriptions,
        durable: str,
        leases: Leases,
        sweep_after: timedelta,
        sweep_every: timedelta,
        retention_days: int,
        inbox_retention_days: int,
    ) -> None:
        self._db = db
        self._bus = bus
        self._clock = clock
        self._subscriptions = subscriptions
        self._replays = ReplaySweep(db, bus, clock, subscriptions)
        self._durable = durable
        self._leases = leases
        self._sweep_after = sweep_after
        self._sweep_every = sweep_every
        self._retention_days = retention_days
        self._inbox_retention_days = inbox_retention_days

    def duties(self) -> Sequence[Duty]:
        """Name, interval in seconds and work of each."""
        return (
            ("outbox-gauges", _GAUGE_SECONDS, self.refresh_gauges),
            ("outbox-sweep", self._sweep_every.total_seconds(), self.sweep),
            ("outbox-rotation", _ROTATE_SECONDS, self.rotate),
        )

    async def sweep(self) -> None:
        """Publish again what got lost after it was dispatched. Raises BusUnavailable."""
        now = self._clock()
        before = now - self._sweep_after
        if not await self._bus.has_handled(self._durable, before):
            return  # late, not lost
        async with self._db.system() as tx:
            turns = await queries.start_sweep(tx.conn, now=now, next_due_at=now + self._sweep_every)
        if not turns:
            return
        await self._replays.sweep(before)
        oldest, end = first_id_at(before - timedelta(days=self._retention_days + 1)), first_id_at(before)
        after, settled, sent = max(turns[0], oldest), None, 0
        while after < end and sent < _MOST_AT_ONCE:
            found, after = await self._unsettled(after, end, before)
            if found and settled is None:
                settled = UUID(int=found[0].event_id.int - 1)
            repeated, in_trouble = await self._republish([row for row in found if row.overdue])
            await self._note(repeated, settled or after)
            sent += len(repeated)
            if in_trouble:
                return  # the rest waits for the next sweep

    async def _unsettled(self, after: UUID, end: UUID, before: datetime) -> tuple[list[FindUnsettledRow], UUID]:
        """The next events that somebody hasn't taken, and up to where that is known; an hour of ids at a time, so that no
        transaction is long however far the sweep is behind."""
        found: list[FindUnsettledRow] = []
        while after < end:
            until = min(end, first_id_at(made_at(after) + _STRIDE))
            async with self._db.system() as tx:
                found += await queries.find_unsettled(
                    tx.conn,
                    after=after,
                    until=until,
                    dispatched_before=before,
                    subjects=self._subscriptions.pair_subjects,
                    consumers=self._subscriptions.pair_consumers,
                    max_rows=_BATCH - len(found),
                )
            if len(found) == _BATCH:
                return found, found[-1].event_id
            after = until
        return found, after

    async def _note(self, repeated: list[FindUnsettledRow], settled: UUID) -> None:
        """What was published again, and up to where all is settled. Puts off the other dispatchers' sweeps."""
        now = self._clock()
        async with self._db.system() as tx:
            if repeated:
                await queries.mark_republished(
                    tx.conn,
                    now=now,
                    tenant_ids=[row.tenant_id for row in repeated],
                    event_ids=[row.event_id for row in repeated],
                )
            await queries.finish_sweep(tx.conn, swept_to=settled, due_at=now + self._sweep_every)

    async def _republish(self, lost: list[FindUnsettledRow]) -> tuple[list[FindUnsettledRow], bool]:
        """Those that the bus took, and whether it left any without an answer."""
        if not lost:
            return [], False
        results = await self._bus.publish([wire.encode_again(row, row.republished + 1) for row in lost])
        sent = [row for row, result in zip(lost, results, strict=True) if result.outcome is Outcome.ACKNOWLEDGED]
        metrics.REPUBLISHED.inc(len(sent))
        if sent:
            logger.warning("{} dispatched events were never handled and are published again", len(sent))
        return sent, any(result.outcome is Outcome.UNKNOWN for result in results)

    async def refresh_gauges(self) -> None:
        """How much waits in the shards held here, how old the oldest is, and how much is parked."""
        async with self._db.system() as tx:
            row = await outbox_queries.backlog(
                tx.conn, shards=list(self._leases.usable()), max_rows=_GAUGE_ROWS, look_at=_GAUGE_LOOK_AT
            )
        assert row is not None
        metrics.PENDING.set(row.waiting)
        metrics.PARKED_EVENTS.set(row.parked)
        age = self._clock() - made_at(row.oldest_id) if row.oldest_id else timedelta()
        metrics.LAG_SECONDS.set(max(0.0, age.total_seconds()))

    async def rotate(self) -> None:
        """Make the next days' partitions and drop those past retention. The inbox remembers longer than the outbox."""
        async with self._db.system() as tx:
            dropped = await queries.rotate_events(
                tx.conn,
                days_ahead=_DAYS_AHEAD,
                outbox_days=self._retention_days,
                inbox_days=self._inbox_retention_days,
            )
        if dropped:
            logger.info("{} partitions of events past their retention were dropped", dropped)
