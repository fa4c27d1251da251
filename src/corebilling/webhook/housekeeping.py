"""What keeps the log of deliveries going and bounded: every worker does it every hour, which is harmless."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from uuid import UUID

from loguru import logger

from corebilling.kernel.clock import Clock
from corebilling.kernel.ids import first_id_at
from corebilling.platform.bus.pace import every
from corebilling.platform.db import Database, Tx
from corebilling.platform.db.errors import is_transient
from corebilling.webhook.queries import housekeeping as queries
from corebilling.webhook.queries.housekeeping import ForgetDeliveriesRow, ForgetMessagesRow

EVERY_SECONDS = 3600.0

_DAYS_AHEAD = 7
_BATCH = 5_000
_NOBODY = UUID(int=0)

_Forget = Callable[[Tx, UUID], Awaitable[Sequence[ForgetDeliveriesRow] | Sequence[ForgetMessagesRow]]]


class WebhookHousekeeping:
    """Makes partitions ahead, drops days of attempts, and forgets deliveries and messages older than `keep_days`.

    What is pending stays, however old. Days are those of UTC.
    """

    def __init__(self, db: Database, clock: Clock, *, keep_days: int) -> None:
        self._db = db
        self._clock = clock
        self._keep_days = keep_days

    async def keep_running(self, stopping: asyncio.Event) -> None:
        """Now and every `EVERY_SECONDS` until told to stop. Whatever goes wrong here, deliveries go on."""
        await every(EVERY_SECONDS, stopping, self._run_or_say)

    async def run(self) -> None:
        """Everything that is due, in transactions of a batch each."""
        async with self._db.system() as tx:
            await queries.rotate_attempts(tx.conn, days_ahead=_DAYS_AHEAD, keep_days=self._keep_days)
        before_id = first_id_at(self._clock() - timedelta(days=self._keep_days))

        async def deliveries(tx: Tx, tenant_id: UUID) -> Sequence[ForgetDeliveriesRow]:
            return await queries.forget_deliveries(
                tx.conn, from_tenant_id=tenant_id, before_id=before_id, batch_size=_BATCH
            )

        async def messages(tx: Tx, tenant_id: UUID) -> Sequence[ForgetMessagesRow]:
            return await queries.forget_messages(
                tx.conn, from_tenant_id=tenant_id, before_id=before_id, batch_size=_BATCH
            )

        await self._forget(deliveries)
        await self._forget(messages)
        async with self._db.system() as tx:
            await queries.forget_paces(tx.conn)

    async def _run_or_say(self) -> None:
        try:
            await self.run()
        except Exception as error:
            if is_transient(error):
                raise
            logger.error("housekeeping of webhooks failed, trying again in an hour: {}", error)

    async def _forget(self, forget: _Forget) -> None:
        """Batch by batch, each from the tenant on where the one before ended."""
        tenant_id, full = _NOBODY, True
        while full:
            async with self._db.system() as tx:
                gone = await forget(tx, tenant_id)
            full = sum(row.gone for row in gone) >= _BATCH
            tenant_id = gone[-1].tenant_id if gone else _NOBODY
