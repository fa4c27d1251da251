"""What keeps the storage of usage going, run by the scheduler every few hours."""

from datetime import timedelta

from corebilling.kernel.clock import Clock
from corebilling.platform.db import Database
from corebilling.usage.domain.identity import ROTATION_LOCK
from corebilling.usage.domain.normalise import KEYS_KEPT
from corebilling.usage.queries import housekeeping as queries

_BACK = timedelta(days=40)
_MONTHS = 5


class UsageHousekeeping:
    """Makes partitions ahead and rotates the generations of keys, both on wall time. Harmless to run twice or at once."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock

    async def run(self, db: Database) -> None:
        """Do what is due: the months from the last one to three ahead, and a rotation where the last is 35 days ago."""
        now = self._clock()
        async with db.system() as tx:
            await queries.make_partitions(tx.conn, from_day=(now - _BACK).date(), months=_MONTHS)
        async with db.system() as tx:
            await queries.rotate_keys(tx.conn, rotation_lock=ROTATION_LOCK, rotated_before=now - KEYS_KEPT, now_at=now)
