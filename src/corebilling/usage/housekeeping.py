"""What keeps the storage of usage going, run by the scheduler every few hours."""

from datetime import datetime, timedelta

from corebilling.kernel.clock import Clock
from corebilling.platform.db import Database
from corebilling.usage.domain.identity import ROTATION_LOCK
from corebilling.usage.domain.normalise import KEYS_KEPT
from corebilling.usage.queries import housekeeping as queries
from corebilling.usage.queries import quotas as quota_queries
from corebilling.usage.queries import rejections as rejection_queries

REJECTIONS_KEPT = timedelta(days=180)
"""How long a rejected event can be looked at and tried again."""

RESOLVED_KEPT = timedelta(days=30)
"""How long it is still shown once another attempt was taken."""

COUNTERS_KEPT = timedelta(days=90)
"""How long a quota's period can be looked up in the database after its end."""

_BATCH = 5_000
_BACK = timedelta(days=40)
_MONTHS = 5


class UsageHousekeeping:
    """Makes partitions ahead, rotates the generations of keys and forgets what is old, on wall time. Harmless to run twice
    or at once."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock

    async def run(self, db: Database) -> None:
        """Do what is due: the months from the last one to three ahead, and a rotation where the last is 35 days ago."""
        now = self._clock()
        async with db.system() as tx:
            await queries.make_partitions(tx.conn, from_day=(now - _BACK).date(), months=_MONTHS)
        async with db.system() as tx:
            await queries.rotate_keys(tx.conn, rotation_lock=ROTATION_LOCK, rotated_before=now - KEYS_KEPT, now_at=now)
        await self._forget(db, now)

    async def _forget(self, db: Database, now: datetime) -> None:
        """Rejections and counters that nobody asks for any more, in batches, each in a transaction of its own."""
        gone = _BATCH
        while gone == _BATCH:
            async with db.system() as tx:
                rejections = await rejection_queries.forget_rejections(
                    tx.conn,
                    received_before=now - REJECTIONS_KEPT,
                    resolved_before=now - RESOLVED_KEPT,
                    batch_size=_BATCH,
                )
                counters = await quota_queries.forget_counters(
                    tx.conn, ended_before=now - COUNTERS_KEPT, batch_size=_BATCH
                )
            gone = max(len(rejections), len(counters))
