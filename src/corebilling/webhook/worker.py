"""Claims due deliveries, posts them, records what came of it: never a transaction open while posting.

Claims are leases: a killed worker's deliveries are due again when its lease ends, so every event arrives at least once,
always under the same id. Any number of workers may run beside each other.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from datetime import datetime, timedelta
from uuid import UUID

from loguru import logger

from corebilling.kernel.clock import Clock
from corebilling.platform.db import Database
from corebilling.platform.db.errors import is_transient
from corebilling.platform.db.notify import Listener
from corebilling.platform.outbound.connections import affordable
from corebilling.platform.secrets import SecretBox, SecretsError
from corebilling.webhook import metrics
from corebilling.webhook.config import DeliveryConfig
from corebilling.webhook.domain import retry, signing
from corebilling.webhook.gates import Gates
from corebilling.webhook.lanes import LEAST_HELD, SLOW_SECONDS, Job, Lane, Standing
from corebilling.webhook.queries import deliveries
from corebilling.webhook.queries.deliveries import ClaimDueRow
from corebilling.webhook.recorder import Abandoned, Attempted, Recorder, Released
from corebilling.webhook.sender import Answer, Sender
from corebilling.webhook.service import CHANNEL

_NOWHERE = (UUID(int=0), UUID(int=0))
_IDLE_LANE_SECONDS = 300.0
_PENDING_BOUND = 100_000
_PAUSE_SECONDS = 1.0
_DRAIN_SECONDS = 5.0
_CROWDED_PAUSE = timedelta(milliseconds=100)


class DeliveryWorker:
    """One delivery loop. `listen_url` is where LISTEN connects, past a transaction pooler if there is one."""

    def __init__(
        self,
        *,
        db: Database,
        secret_box: SecretBox,
        config: DeliveryConfig,
        clock: Clock,
        listen_url: str | None = None,
    ) -> None:
        self._db = db
        self._secret_box = secret_box
        self._config = config
        self._retries = config.retries
        self._clock = clock
        self._listener = Listener(listen_url or db.listen_url, CHANNEL)
        connections = affordable(config.max_connections)
        self._gates = Gates(connections)
        self._sender = Sender(timeout_seconds=config.timeout_seconds, max_connections=connections)
        self._recorder = Recorder(db, clock, give_up_after=config.give_up_after, on_due=self._wake_at)
        self._lanes: dict[UUID, Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._after = _NOWHERE
        self._wakes: set[int] = set()
        self._crowded = False  # a claim had to leave out what was due
        self._counted_at = float("-inf")

    async def run(self, stopping: asyncio.Event) -> None:
        """Deliver until `stopping` is set; then finish what is on the wire, put back the rest and return."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._sender)
            await stack.enter_async_context(self._listener.listening(stopping))
            stack.push_async_callback(_end, asyncio.create_task(self._recorder.run()))
            stack.push_async_callback(self._finish)
            while not stopping.is_set():
                await self._turn()

    async def _turn(self) -> None:
        try:
            more = await self._claim()
            await self._count_pending()
        except Exception as error:
            if not is_transient(error):
                raise
            logger.warning("deliveries wait for the database: {}", error)
            await asyncio.sleep(_PAUSE_SECONDS)
            return
        if not more:
            await self._listener.wait(self._config.poll_seconds)

    async def _claim(self) -> bool:
        """Fill the lanes. Answers whether another claim is worth while at once."""
        self._sweep()
        held: dict[Standing, int] = {"unknown": 0, "quick": 0, "troubled": 0}
        for lane in self._lanes.values():
            held[lane.standing] += lane.held
        most = self._config.held_limit
        limit = min(self._config.claim_limit, most - sum(held.values()))
        # As with connections: the unknown may hold a quarter together, those in trouble half.
        full = {"unknown": held["unknown"] >= most // 4, "troubled": held["troubled"] >= most // 2, "quick": False}
        self._crowded = limit <= 0 or any(full.values())
        if self._crowded:
            self._wake_at(self._clock() + timedelta(seconds=SLOW_SECONDS))  # by then it shows who is slow
        if limit <= 0:
            return False
        rooms = {key: 0 if full[lane.standing] else lane.room for key, lane in self._lanes.items()}
        now = self._clock()
        lease_until = now + self._config.lease
        async with self._db.system() as tx:
            rows = await deliveries.claim_due(
                tx.conn,
                after_tenant_id=self._after[0],
                after_endpoint_id=self._after[1],
                lane_endpoint_ids=list(rooms),
                lane_rooms=list(rooms.values()),
                at=now,
                new_room=0 if full["unknown"] else LEAST_HELD,
                failing_room=0 if full["troubled"] else LEAST_HELD,
                claim_limit=limit,
                lease_until=lease_until,
            )
        wrapped = self._after != _NOWHERE
        cut = len(rows) == limit
        self._after = (rows[-1].tenant_id, rows[-1].endpoint_id) if cut else _NOWHERE
        await self._accept(rows, lease_until)
        taken = Counter(row.endpoint_id for row in rows)
        for key, lane in self._lanes.items():
            if taken[key] >= rooms.get(key, LEAST_HELD):
                lane.hungry = True
        return cut or wrapped

    async def _accept(self, rows: Sequence[ClaimDueRow], lease_until: datetime) -> None:
        for row in rows:
            if row.status != "active":
                reason = "the endpoint was deleted" if row.status is None else "the endpoint is disabled"
                await self._recorder.put(Abandoned(row.tenant_id, row.delivery_id, reason))
                continue
            lane = self._lanes.get(row.endpoint_id)
            if lane is None:
                lane = self._lanes[row.endpoint_id] = Lane(failing=row.failing, now=time.monotonic())
            private = self._config.allow_private_targets and bool(row.sandbox)
            try:
                target = lane.target(row, self._secret_box, private)
            except (
                SecretsError
            ) as error:  # ours to mend, so it isn't held against the endpoint: due again after the lease
                logger.error("endpoint {} can't be signed for: {}", row.endpoint_id, error)
                continue
            lane.queue.append(
                Job(
                    row.tenant_id, row.delivery_id, row.endpoint_id, row.event_id, row.subject, row.attempts,
                    row.body.encode(), row.traceparent, target, lease_until,
                )
            )  # fmt: skip
            lane.used_at = time.monotonic()
            self._widen(lane)

    def _widen(self, lane: Lane) -> None:
        """Serve the lane as broadly as it may be and has work for."""
        while lane.runners < min(lane.width, lane.held):
            lane.runners += 1
            task = asyncio.create_task(self._serve(lane))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self, lane: Lane) -> None:
        """One of the lane's posts at a time, until its queue is empty or the lane has narrowed."""
        try:
            while lane.queue and lane.runners <= lane.width:
                job = lane.queue.popleft()
                lane.running += 1
                try:
                    async with self._gates.passing(lane):
                        await self._deliver(lane, job)
                finally:
                    lane.running -= 1
                self._widen(lane)
                self._freed(lane)
        finally:
            lane.runners -= 1

    def _freed(self, lane: Lane) -> None:
        """Claim again once there is room for what was left behind, without a claim for every single place."""
        if lane.hungry and lane.room >= lane.window // 2:
            lane.hungry = False
            self._listener.wake()
        if self._crowded:
            self._wake_at(self._clock() + _CROWDED_PAUSE)

    async def _deliver(self, lane: Lane, job: Job) -> None:
        now = self._clock()
        if (job.lease_until - now).total_seconds() < self._config.timeout_seconds:
            await self._recorder.put(Released(job.tenant_id, job.delivery_id))
            return
        answer = await self._attempt(job, now)
        done_at = self._clock()
        verdict = retry.judge(
            self._retries,
            status=answer.status,
            retry_after=retry.parse_retry_after(answer.retry_after, done_at),
            attempts_before=job.attempts,
            jitter_permille=random.randrange(1001),  # noqa: S311 - spreads retries, guards nothing
        )
        await self._recorder.put(Attempted(job, done_at, answer, verdict))
        surplus = lane.settle(succeeded=verdict.status == "delivered", seconds=answer.duration_ms / 1000)
        for other in surplus:
            await self._recorder.put(Released(other.tenant_id, other.delivery_id))

    async def _attempt(self, job: Job, now: datetime) -> Answer:
        if job.target.problem is not None:
            return Answer(0, error=job.target.problem)
        headers = signing.headers(
            tenant_id=job.tenant_id,
            event_id=job.event_id,
            subject=job.subject,
            body=job.body,
            at=now,
            keys=job.target.keys(now),
            traceparent=job.traceparent,
        )
        return await self._sender.post(job.target.url, headers, job.body, private=job.target.private)

    async def _count_pending(self) -> None:
        if time.monotonic() - self._counted_at >= self._config.poll_seconds:
            self._counted_at = time.monotonic()
            async with self._db.system() as tx:
                metrics.PENDING.set(await deliveries.count_pending(tx.conn, bound=_PENDING_BOUND) or 0)

    def _sweep(self) -> None:
        """Forget lanes that are at rest; those in trouble are remembered a while."""
        long_ago = time.monotonic() - _IDLE_LANE_SECONDS
        at_rest = [key for key, lane in self._lanes.items() if not lane.runners and lane.used_at < long_ago]
        for key in at_rest:
            del self._lanes[key]

    def _wake_at(self, due_at: datetime) -> None:
        """Claim again when something is due before the next poll; at most one timer for each tenth of a second."""
        seconds = (due_at - self._clock()).total_seconds()
        if seconds <= 0:
            self._listener.wake()
        elif seconds < self._config.poll_seconds:
            tick = int(due_at.timestamp() * 10) + 1
            if tick not in self._wakes:
                self._wakes.add(tick)
                asyncio.get_running_loop().call_later(seconds + 0.1, self._wake_for, tick)

    def _wake_for(self, tick: int) -> None:
        self._wakes.discard(tick)
        self._listener.wake()

    async def _finish(self) -> None:
        for lane in self._lanes.values():
            waiting, lane.queue = list(lane.queue), type(lane.queue)()
            for job in waiting:
                await self._recorder.put(Released(job.tenant_id, job.delivery_id))
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._config.timeout_seconds + 1)
        for task in list(self._tasks):
            await _end(task)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._recorder.drained(), _DRAIN_SECONDS)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
