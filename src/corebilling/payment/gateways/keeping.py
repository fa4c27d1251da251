"""Keeping notices: the bytes that gateways sent stay for some months after they were worked out, for whoever must know."""

from datetime import timedelta

from corebilling.kernel.clock import Clock
from corebilling.payment.queries import gateway_notices as queries
from corebilling.platform.db import Database

_BATCH = 1000


class NoticeKeeping:
    """Removes notices so long after they were worked out; pending ones stay. Many processes may do so at once."""

    def __init__(self, database: Database, *, clock: Clock, days: float) -> None:
        self._db = database
        self._clock = clock
        self._kept = timedelta(days=days)

    async def run(self) -> int:
        """Remove in batches, each in a transaction of its own; answers how many."""
        before = self._clock() - self._kept
        total, gone = 0, _BATCH
        while gone == _BATCH:
            async with self._db.system() as tx:
                gone = len(await queries.forget_notices(tx.conn, before=before, batch_size=_BATCH))
            total += gone
        return total
