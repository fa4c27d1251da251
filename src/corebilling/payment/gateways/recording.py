"""Writes down what came of calls: a batch whenever the batch before is committed, through the one place that settles payments."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

import stamina
from loguru import logger

from corebilling.kernel.clock import Clock
from corebilling.payment.domain.outcome import Outcome, RefundOutcome
from corebilling.payment.gateways.calling import Result
from corebilling.payment.gateways.config import GatewayConfig
from corebilling.payment.gateways.port import Declined, GatewayPayment, GatewayRefund
from corebilling.payment.ports import Clocks, Recording
from corebilling.payment.queries import gateway_calls as queries
from corebilling.platform.db import Database, Tx
from corebilling.platform.db.errors import is_transient

BATCH = 200


class CallRecorder:
    """A queue of results and the task that writes them. `on_settled` hears of each once it is committed or given up."""

    def __init__(
        self,
        db: Database,
        recording: Recording,
        clocks: Clocks,
        *,
        clock: Clock,
        config: GatewayConfig,
        on_settled: Callable[[Result], None],
    ) -> None:
        self._db = db
        self._recording = recording
        self._clocks = clocks
        self._clock = clock
        self._config = config
        self._on_settled = on_settled
        self._queue: asyncio.Queue[Result] = asyncio.Queue()  # bounded by the calls that a worker holds

    def put(self, result: Result) -> None:
        """Hand over a result."""
        self._queue.put_nowait(result)

    async def drained(self) -> None:
        """Wait until all that was handed over is committed."""
        await self._queue.join()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            batch = [await self._queue.get()]
            while len(batch) < BATCH and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            await self._write(batch)
            for result in batch:
                self._queue.task_done()
                self._on_settled(result)

    async def _write(self, batch: Sequence[Result]) -> None:
        """Commit a batch; what can't be recorded is narrowed down to the one at fault."""
        try:
            async for attempt in stamina.retry_context(on=is_transient, attempts=None, timeout=None, wait_max=5.0):
                with attempt:
                    async with self._db.tenants({result.call.tenant_id for result in batch}) as tx:
                        await self._record(tx, batch)
        except Exception as error:  # noqa: BLE001 - logged; the results beside it must not be lost with it
            if len(batch) == 1:
                await self._keep_in_doubt(batch[0], error)
                return
            middle = len(batch) // 2
            await self._write(batch[:middle])
            await self._write(batch[middle:])

    async def _record(self, tx: Tx, batch: Sequence[Result]) -> None:
        spoken = [result for result in batch if result.said is not None]
        if spoken:
            now = await self._clocks.now(tx, {result.call.tenant_id for result in spoken})
            if outcomes := [_outcome(r, now[r.call.tenant_id]) for r in spoken if r.call.kind == "charge"]:
                await self._recording.record_outcomes(tx, outcomes)
            if refunds := [_refund_outcome(r, now[r.call.tenant_id]) for r in spoken if r.call.kind == "refund"]:
                await self._recording.record_refund_outcomes(tx, refunds)
        await settle(tx, batch)

    async def _keep_in_doubt(self, result: Result, error: Exception) -> None:
        """The gateway's word couldn't be written down; it is asked again later, so nothing is lost."""
        logger.error("what the gateway said of {} can't be recorded: {}", result.call.call_id, error)
        call = result.call
        state = "begun" if call.state == "due" else call.state
        later = Result(
            call, state, self._clock() + self._config.delay(self._clock() - call.begun_at), error=str(error)[:500]
        )
        try:
            async with self._db.tenants([call.tenant_id]) as tx:
                await settle(tx, [later])
        except Exception as again:  # noqa: BLE001 - the lease will run out, which comes to the same
            logger.error("nor can it be put back: {}", again)


async def settle(tx: Tx, results: Sequence[Result]) -> None:
    """Where the calls stand now."""
    await queries.settle_calls(
        tx.conn,
        tenant_ids=[r.call.tenant_id for r in results],
        call_ids=[r.call.call_id for r in results],
        attempts=[r.call.attempts for r in results],
        states=[r.state for r in results],
        next_ats=[r.next_at for r in results],
        gateway_references=[_gateway_id(r) for r in results],
        errors=[r.error for r in results],
    )


def _gateway_id(result: Result) -> str | None:
    said = result.said
    if isinstance(said, GatewayPayment):
        return said.gateway_payment_id
    return said.gateway_refund_id if isinstance(said, GatewayRefund) else None


def _outcome(result: Result, at: datetime) -> Outcome:
    return outcome_of(result.call.tenant_id, result.call.call_id, result.said, at)


def outcome_of(
    tenant_id: UUID, payment_id: UUID, said: GatewayPayment | GatewayRefund | Declined | None, at: datetime
) -> Outcome:
    """The gateway's word of a payment, as the payment core takes it. `at` is in the tenant's time."""
    if isinstance(said, Declined):
        return Outcome(
            tenant_id, payment_id, "failed", at, said.gateway_id, code=said.code, message=said.message
        )  # fmt: skip
    assert isinstance(said, GatewayPayment)
    return Outcome(
        tenant_id=tenant_id,
        payment_id=payment_id,
        kind=said.kind,
        at=at,
        gateway_payment_id=said.gateway_payment_id,
        amount_minor=said.amount_minor if said.kind == "succeeded" else None,
        fee_minor=said.fee_minor if said.kind == "succeeded" else 0,
        code=said.code,
        message=said.message,
        next_action_url=said.next_action_url,
    )


def _refund_outcome(result: Result, at: datetime) -> RefundOutcome:
    return refund_outcome_of(result.call.tenant_id, result.call.call_id, result.said, at)


def refund_outcome_of(
    tenant_id: UUID, refund_id: UUID, said: GatewayPayment | GatewayRefund | Declined | None, at: datetime
) -> RefundOutcome:
    """The gateway's word of a refund, as the payment core takes it. `at` is in the tenant's time."""
    if isinstance(said, Declined):
        return RefundOutcome(tenant_id, refund_id, "failed", at, code=said.code, message=said.message)
    assert isinstance(said, GatewayRefund)
    return RefundOutcome(tenant_id, refund_id, said.kind, at, said.gateway_refund_id, said.code, said.message)
