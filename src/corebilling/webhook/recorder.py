"""Writes down what became of deliveries: a batch whenever the batch before is committed, however small or large."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Literal, TypeVar
from uuid import UUID

import msgspec
import stamina
from loguru import logger

from corebilling.events.envelope import NewEvent
from corebilling.events.webhook import WebhookEndpointDisabled
from corebilling.kernel.clock import Clock
from corebilling.kernel.ids import new_id
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Database, Tx
from corebilling.platform.db.errors import is_transient
from corebilling.webhook import metrics
from corebilling.webhook.domain.retry import Verdict
from corebilling.webhook.queries import deliveries, health
from corebilling.webhook.sender import Answer

BATCH = 1000
QUEUE = 4000


class Attempted(msgspec.Struct, frozen=True):
    """An attempt was made, begun and signed `at`. `counted`: its end makes room for another of its endpoint."""

    tenant_id: UUID
    delivery_id: UUID
    endpoint_id: UUID
    at: datetime
    ended_at: datetime
    answer: Answer
    verdict: Verdict
    url: str
    signature: str | None
    counted: bool


class Released(msgspec.Struct, frozen=True):
    """Claimed, not tried, and to be claimed again."""

    tenant_id: UUID
    delivery_id: UUID


class Abandoned(msgspec.Struct, frozen=True):
    """Never to be tried: its endpoint is disabled or gone."""

    tenant_id: UUID
    delivery_id: UUID
    error: str


Outcome = Attempted | Released | Abandoned
OutcomeT = TypeVar("OutcomeT", Attempted, Released, Abandoned)


class Recorder:
    """A bounded queue of outcomes and the task that writes them. `on_due` hears when something recorded is due again.

    While the database is away the queue fills and `put` waits: nothing more is sent than can be remembered.
    """

    def __init__(
        self, db: Database, clock: Clock, *, give_up_after: timedelta, on_due: Callable[[datetime], None]
    ) -> None:
        self._db = db
        self._clock = clock
        self._give_up_after = give_up_after
        self._on_due = on_due
        self._queue: asyncio.Queue[Outcome] = asyncio.Queue(QUEUE)

    async def put(self, outcome: Outcome) -> None:
        """Hand over an outcome."""
        await self._queue.put(outcome)

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
            for _ in batch:
                self._queue.task_done()

    async def _write(self, batch: Sequence[Outcome]) -> None:
        """Commit a batch; what the database refuses for good is narrowed down to the outcome at fault."""
        try:
            async for attempt in stamina.retry_context(on=is_transient, attempts=None, timeout=None, wait_max=5.0):
                with attempt:
                    async with self._db.system() as tx:
                        await self._record(tx, batch)
        except Exception as error:  # noqa: BLE001 - logged; the outcomes beside it must not be lost with it
            if len(batch) == 1:
                logger.error("an outcome can't be recorded, its lease will run out: {}", error)
                return
            middle = len(batch) // 2
            await self._write(batch[:middle])
            await self._write(batch[middle:])
            return
        self._tell(batch)

    async def _record(self, tx: Tx, batch: Sequence[Outcome]) -> None:
        now = self._clock()
        if attempted := _only(batch, Attempted):
            await _record_attempts(tx, attempted)
            await self._judge_endpoints(tx, attempted, now)
        if released := _only(batch, Released):
            await deliveries.release(
                tx.conn,
                at=now,
                tenant_ids=[o.tenant_id for o in released],
                delivery_ids=[o.delivery_id for o in released],
            )
        if abandoned := _only(batch, Abandoned):
            await deliveries.abandon(
                tx.conn,
                tenant_ids=[o.tenant_id for o in abandoned],
                delivery_ids=[o.delivery_id for o in abandoned],
                errors=[o.error for o in abandoned],
            )

    async def _judge_endpoints(self, tx: Tx, attempted: Sequence[Attempted], now: datetime) -> None:
        """One success in the batch counts as health, whatever failed beside it; 410 Gone counts above all."""
        state: dict[tuple[UUID, UUID], str] = {}
        for o in attempted:
            key = (o.tenant_id, o.endpoint_id)
            state[key] = max(state.get(key, ""), o.verdict.endpoint, key=_WEIGHT.__getitem__)
        gone, fine, failing = ([key for key, seen in state.items() if seen == s] for s in ("gone", "fine", "failing"))
        ended: list[health.NoteGoneRow | health.NoteFailingRow] = []
        if gone:
            ended += await health.note_gone(tx.conn, at=now, tenant_ids=_tenants(gone), endpoint_ids=_endpoints(gone))
        if fine:
            await health.note_recovered(tx.conn, at=now, tenant_ids=_tenants(fine), endpoint_ids=_endpoints(fine))
        if failing:
            ended += await health.note_failing(
                tx.conn,
                at=now,
                give_up_since=now - self._give_up_after,
                tenant_ids=_tenants(failing),
                endpoint_ids=_endpoints(failing),
            )
        await emit(tx, [_disabled(row, now) for row in ended if row.status == "disabled"])

    def _tell(self, batch: Sequence[Outcome]) -> None:
        now = self._clock()
        for outcome in batch:
            if isinstance(outcome, Released):
                self._on_due(now)
            elif isinstance(outcome, Abandoned):
                metrics.DEAD.inc()
            elif outcome.verdict.status == "delivered":
                metrics.SUCCESS.inc()
            else:
                metrics.FAILURE.inc()
                if outcome.verdict.wait is None:
                    metrics.DEAD.inc()
                else:
                    self._on_due(outcome.ended_at + outcome.verdict.wait)
            if isinstance(outcome, Attempted) and outcome.counted:
                self._on_due(now)


_WEIGHT = {"": 0, "failing": 1, "fine": 2, "gone": 3}


async def _record_attempts(tx: Tx, attempted: Sequence[Attempted]) -> None:
    tenant_ids = [o.tenant_id for o in attempted]
    delivery_ids = [o.delivery_id for o in attempted]
    statuses, errors = [o.answer.status for o in attempted], [o.answer.error for o in attempted]
    await deliveries.record_outcomes(
        tx.conn,
        tenant_ids=tenant_ids,
        delivery_ids=delivery_ids,
        statuses=[o.verdict.status for o in attempted],
        next_attempts_at=[None if o.verdict.wait is None else o.ended_at + o.verdict.wait for o in attempted],
        response_statuses=statuses,
        errors=errors,
        delivered_ats=[o.ended_at if o.verdict.status == "delivered" else None for o in attempted],
    )
    await deliveries.add_attempts(
        tx.conn,
        tenant_ids=tenant_ids,
        delivery_ids=delivery_ids,
        attempt_ids=[new_id() for _ in attempted],
        attempted_ats=[o.at for o in attempted],
        durations_ms=[o.answer.duration_ms for o in attempted],
        urls=[o.url for o in attempted],
        signatures=[o.signature for o in attempted],
        response_statuses=statuses,
        response_excerpts=[o.answer.excerpt for o in attempted],
        errors=errors,
    )


def _disabled(row: health.NoteGoneRow | health.NoteFailingRow, at: datetime) -> NewEvent:
    reason: Literal["gone", "failing"] = "gone" if isinstance(row, health.NoteGoneRow) else "failing"
    payload = WebhookEndpointDisabled(row.endpoint_id, row.url, reason, row.failing_since, at)
    return NewEvent(row.tenant_id, row.endpoint_id, row.seq, payload, at)


def _only(batch: Sequence[Outcome], kind: type[OutcomeT]) -> list[OutcomeT]:
    return [outcome for outcome in batch if isinstance(outcome, kind)]


def _tenants(keys: Sequence[tuple[UUID, UUID]]) -> list[UUID]:
    return [tenant_id for tenant_id, _ in keys]


def _endpoints(keys: Sequence[tuple[UUID, UUID]]) -> list[UUID]:
    return [endpoint_id for _, endpoint_id in keys]
