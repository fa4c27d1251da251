"""The worker of invoices: finalises drafts when their time has come, reminds, lets credit run out. Many may run at once.

It claims under a lease and commits, asks the tax engine outside of any transaction, and then finalises; a crash anywhere
leaves a draft that is claimed again once the lease is over, and a draft becomes final once.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from loguru import logger

from corebilling.invoice.agenda import CHANNEL
from corebilling.invoice.domain.document import Document
from corebilling.invoice.domain.tax_quote import TaxRequest, quoted, request_of
from corebilling.invoice.finalising import Finalising
from corebilling.invoice.issuing import Final
from corebilling.invoice.ports import SandboxClocks, TaxProvider
from corebilling.invoice.queries import agenda as queries
from corebilling.invoice.queries.agenda import ClaimRow
from corebilling.invoice.reminding import Reminding
from corebilling.invoice.standing import Key
from corebilling.invoice.wallet_expiry import WalletExpiry
from corebilling.kernel.clock import Clock
from corebilling.kernel.errors import DomainError
from corebilling.platform.db import Database
from corebilling.platform.db.errors import is_transient
from corebilling.platform.db.notify import Listener
from corebilling.platform.narrowing import narrowed

_POLL_SECONDS = 1.0
_ADVANCING_SECONDS = 0.1
"""While a test clock advances: it waits at everything that falls due."""
_LEASE = timedelta(minutes=2)
_LONGEST_WAIT = timedelta(hours=1)
_SHOWN_CHARACTERS = 500


class InvoicingWorker:
    """Works off the agenda of invoices."""

    def __init__(
        self,
        db: Database,
        *,
        clock: Clock,
        sandboxes: SandboxClocks,
        finalising: Finalising,
        reminding: Reminding,
        tax_provider: TaxProvider,
        expiry: WalletExpiry,
        batch_size: int = 500,
    ) -> None:
        self._db = db
        self._clock = clock
        self._sandboxes = sandboxes
        self._finalising = finalising
        self._reminding = reminding
        self._tax_provider = tax_provider
        self._expiry = expiry
        self._batch_size = batch_size
        self._is_advancing = False

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set; a batch that has begun is finished."""
        async with Listener(self._db.listen_url, CHANNEL).listening(stopping) as listener:
            while not stopping.is_set():
                try:
                    if await self.work_once() + await self._expiry.expire_once():
                        continue
                except Exception as error:  # noqa: BLE001 - what is due stays due; the other loops of this process go on
                    if is_transient(error):
                        logger.warning("the agenda of invoices waits for the database: {}", error)
                    else:
                        logger.opt(exception=error).error(
                            "working off the agenda of invoices failed; it is tried again"
                        )
                await listener.wait(_ADVANCING_SECONDS if self._is_advancing else _POLL_SECONDS)

    async def work_once(self) -> int:
        """Claim one batch of what is due and do it; answers how many were claimed."""
        now = self._clock()
        async with self._db.system() as tx:
            sandboxes = await self._sandboxes.sandbox_clocks(tx)
            self._is_advancing = any(item.target_at is not None for item in sandboxes)
            clocks = {item.tenant_id: item.now_at for item in sandboxes}
            claimed = await queries.claim(
                tx.conn,
                now=now,
                clocked_ids=list(clocks),
                clocks=list(clocks.values()),
                leased_until=now + _LEASE,
                row_limit=self._batch_size,
            )
        await self._finalise([row for row in claimed if row.kind == "finalize"])
        await self._remind([row for row in claimed if row.kind == "remind"])
        return len(claimed)

    async def _remind(self, due: Sequence[ClaimRow]) -> None:
        """All at once; who is to blame where that fails waits for the end of its lease, alone."""

        async def remind(rows: Sequence[ClaimRow]) -> None:
            async with self._db.tenants({row.tenant_id for row in rows}) as tx:
                await self._reminding.remind(tx, rows)

        await narrowed(due, remind, blame=_complain)

    async def _finalise(self, due: Sequence[ClaimRow]) -> None:
        """All at once; one by one where one of them is to blame."""
        if not due:
            return
        try:
            answered, assessed = await self._assessed(due)
        except Exception as error:
            if is_transient(error) or len(due) == 1:
                raise
            for row in due:
                await narrowed([row], self._finalise, blame=_complain)
            return
        try:
            await self._finalise_all(answered, assessed)
        except Exception as error:
            if is_transient(error) and not isinstance(error, DomainError):
                raise
            for row in answered:
                await self._finalise_one(row, assessed)

    async def _finalise_all(self, due: Sequence[ClaimRow], assessed: dict[Key, tuple[Document, Document]]) -> None:
        if due:
            async with self._db.tenants({row.tenant_id for row in due}) as tx:
                await self._finalising.finalise(tx, [_key(row) for row in due], assessed)

    async def _finalise_one(self, row: ClaimRow, assessed: dict[Key, tuple[Document, Document]]) -> None:
        try:
            await self._finalise_all([row], assessed)
        except Exception as error:  # noqa: BLE001 - it stays a draft, with what went wrong, and is tried again
            logger.warning("draft {} can't be finalised yet: {}", row.invoice_id, error)
            await self._failed([(row, str(error))])

    async def _assessed(self, due: Sequence[ClaimRow]) -> tuple[list[ClaimRow], dict[Key, tuple[Document, Document]]]:
        """Those that can be finalised, and the taxes that an outside engine says of some; the others wait, no transaction is open."""
        async with self._db.tenants({row.tenant_id for row in due}) as tx:
            drafts = await self._finalising.wanted(tx, [_key(row) for row in due])
        outside = {key: final for key, final in drafts.items() if final.tenant.invoicing.tax_engine == "external"}
        if not outside:
            return list(due), {}
        answers = await self._tax_provider.quote([_question(final) for final in outside.values()])
        assessed: dict[Key, tuple[Document, Document]] = {}
        failed: dict[Key, str] = {}
        for (key, final), answer in zip(outside.items(), answers, strict=True):
            try:
                assessed[key] = (final.document, quoted(final.document, answer))
            except DomainError as error:
                failed[key] = error.message
        await self._failed([(row, failed[_key(row)]) for row in due if _key(row) in failed])
        return [row for row in due if _key(row) not in failed], assessed

    async def _failed(self, failures: Sequence[tuple[ClaimRow, str]]) -> None:
        if not failures:
            return
        now = self._clock()
        async with self._db.tenants({row.tenant_id for row, _ in failures}) as tx:
            await queries.failed(
                tx.conn,
                tenant_ids=[row.tenant_id for row, _ in failures],
                invoice_ids=[row.invoice_id for row, _ in failures],
                kinds=[row.kind for row, _ in failures],
                last_errors=[message[:_SHOWN_CHARACTERS] for _, message in failures],
                next_attempt_ats=[now + pause(row.attempts) for row, _ in failures],
            )


def pause(attempts: int) -> timedelta:
    """How long to wait after so many attempts: 2 seconds, then twice as long each time, at most an hour."""
    return min(timedelta(seconds=2 ** min(attempts, 12)), _LONGEST_WAIT)


def _complain(row: ClaimRow, error: Exception) -> None:
    logger.opt(exception=error).error("{} of {} failed; it is tried again", row.kind, row.invoice_id)


def _key(row: ClaimRow) -> Key:
    return row.tenant_id, row.invoice_id


def _question(final: Final) -> TaxRequest:
    return request_of(final.document, final.tenant, final.customer, final.issued_at)
