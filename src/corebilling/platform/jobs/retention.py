"""How long finished jobs are kept."""

from datetime import datetime, timedelta

from corebilling.platform.db import Database
from corebilling.platform.queries import jobs as queries

KEPT_FOR = timedelta(days=30)

_JOBS = 100
_ITEMS = 10_000


async def forget_finished(database: Database, now: datetime) -> int:
    """Housekeeping: delete jobs that finished longer ago than `KEPT_FOR`, with their items, in small transactions."""
    total = 0
    while True:
        async with database.system() as tx:
            old = await queries.finished_before(tx.conn, before=now - KEPT_FOR, batch_size=_JOBS)
        for row in old:
            gone = _ITEMS
            while gone == _ITEMS:
                async with database.system() as tx:
                    key = {"tenant_id": row.tenant_id, "job_id": row.job_id}
                    gone = len(await queries.forget_items(tx.conn, **key, batch_size=_ITEMS))
                    if gone < _ITEMS:
                        await queries.forget_job(tx.conn, **key)
        total += len(old)
        if len(old) < _JOBS:
            return total
