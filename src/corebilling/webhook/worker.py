"""Claims due deliveries, posts them, records what came of it: never a transaction open while posting.

Claims are leases: a killed worker's deliveries are due again when its lease ends, so every event arrives at least once,
always under the same id. Any number of workers may run beside each other.
"""

import asyncio
import random
import time
from collections import Counter
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
from corebilling.webhook.claims import Claimed, Claims
from corebilling.webhook.config import DeliveryConfig
from corebilling.webhook.domain import retry, signing
from corebilling.webhook.gates import Gates
from corebilling.webhook.housekeeping import WebhookHousekeeping
from corebilling.webhook.lanes import LEAST_HELD, SLOW_SECONDS, Job, Lane, Standing
from corebilling.webhook.queries import deliveries
from corebilling.webhook.queries.deliveries import ClaimDueRow, DescribeTargetsRow
from corebilling.webhook.recorder import Abandoned, Attempted, Recorder, Released
from corebilling.webhook.sender import Answer, Sender
from corebilling.webhook.service import CHANNEL
from corebilling.webhook.waking import Waking

_IDLE_LANE_SECONDS = 300.0
_LARGE_BODY_BYTES = 64 * 1024
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
        self._waking = Waking(self._listener, clock, poll_seconds=config.poll_seconds)
        self._housekeeping = WebhookHousekeeping(db, clock, keep_days=config.retention_days)
        connections = affordable(config.max_connections)
        self._gates = Gates(connections)
        self._sender = Sender(timeout_seconds=config.timeout_seconds, max_connections=connections)
        self._recorder = Recorder(db, clock, give_up_after=config.give_up_after, on_due=self._waking.at)
        self._lanes: dict[UUID, Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._claims = Claims(db, clock, config)
        self._affordable = config.held_bytes // _LARGE_BODY_BYTES  # deliveries of the size that they had lately
        self._crowded = False  # a claim had to leave out what was due
        self._counted_at = float("-inf")

    async def run(self, stopping: asyncio.Event) -> None:
        """Deliver until `stopping` is set; then finish what is on the wire, put back the rest and return."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._sender)
            await stack.enter_async_context(self._listener.listening(stopping))
            stack.callback(self._waking.stop)
            stack.push_async_callback(_end, asyncio.create_task(self._recorder.run()))
            stack.push_async_callback(_end, asyncio.create_task(self._housekeeping.keep_running(stopping)))
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
        held = self._held()
        # As with connections: the unknown may hold a quarter together, those in trouble half.
        full = {"unknown": held["unknown"] >= 0.25, "troubled": held["troubled"] >= 0.5, "quick": False}
        left = 1 - sum(held.values())
        limit = min(self._config.claim_limit, int(left * self._config.held_limit), int(left * self._affordable))
        self._crowded = limit <= 0 or any(full.values())
        if self._crowded:
            self._waking.at(self._clock() + timedelta(seconds=SLOW_SECONDS))  # by then it shows who is slow
        if limit <= 0:
            return False
        rooms = {key: 0 if full[lane.standing] else lane.room for key, lane in self._lanes.items()}
        claimed = await self._claims.take(
            limit=limit,
            rooms=rooms,
            new_room=0 if full["unknown"] else LEAST_HELD,
            failing_room=0 if full["troubled"] else LEAST_HELD,
        )
        await self._accept(claimed)
        taken = Counter(row.endpoint_id for row in claimed.rows)
        for key, lane in self._lanes.items():
            if taken[key] >= rooms.get(key, LEAST_HELD):
                lane.hungry = True
        if claimed.again_seconds is not None:
            self._waking.within(claimed.again_seconds)
        return claimed.more

    def _held(self) -> dict[Standing, float]:
        """How much of what this worker may hold is held, by standing: by number or by size, whichever is nearer its bound."""
        count: dict[Standing, int] = {"unknown": 0, "quick": 0, "troubled": 0}
        size = dict(count)
        for lane in self._lanes.values():
            count[lane.standing] += lane.held
            size[lane.standing] += lane.held_bytes
        most, most_bytes = self._config.held_limit, self._config.held_bytes
        return {key: max(count[key] / most, size[key] / most_bytes) for key in count}

    async def _accept(self, claimed: Claimed) -> None:
        size = 0
        for row in claimed.rows:
            described = claimed.targets.get(row.endpoint_id)
            if described is None or described.status != "active" or row.body is None:
                await self._recorder.put(Abandoned(row.tenant_id, row.delivery_id, _end_of(row, described)))
                continue
            lane = self._lanes.get(row.endpoint_id)
            if lane is None:
                lane = self._lanes[row.endpoint_id] = Lane(failing=described.failing, now=time.monotonic())
            try:
                target = lane.target(
                    described,
                    self._secret_box,
                    allow_private=self._config.allow_private_targets,
                    retries=self._retries,
                )
            except SecretsError as error:
                # Ours to mend, so it isn't held against the endpoint: due again after the lease.
                logger.error("endpoint {} can't be signed for: {}", row.endpoint_id, error)
                continue
            body = row.body.encode()
            size += len(body)
            lane.add(
                Job(
                    row.tenant_id, row.delivery_id, row.endpoint_id, row.event_id, row.subject, row.attempts, body,
                    row.traceparent, target, claimed.lease_until,
                )
            )  # fmt: skip
            lane.used_at = time.monotonic()
            self._widen(lane)
        if claimed.rows:
            self._affordable = self._config.held_bytes * len(claimed.rows) // max(1, size)

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
                    if lane.standing == "quick":
                        await self._deliver(lane, job)
                    else:
                        async with self._gates.passing(lane):
                            await self._deliver(lane, job)
                finally:
                    lane.running -= 1
                    lane.held_bytes -= len(job.body)
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
            self._waking.at(self._clock() + _CROWDED_PAUSE)

    async def _deliver(self, lane: Lane, job: Job) -> None:
        now = self._clock()
        if (job.lease_until - now).total_seconds() < self._config.timeout_seconds:
            await self._recorder.put(Released(job.tenant_id, job.delivery_id))
            return
        signature, answer = await self._attempt(job, now)
        done_at = self._clock()
        verdict = retry.judge(
            job.target.retries,
            status=answer.status,
            retry_after=retry.parse_retry_after(answer.retry_after, done_at),
            attempts_before=job.attempts,
            jitter_permille=random.randrange(1001),  # noqa: S311 - spreads retries, guards nothing
        )
        await self._recorder.put(
            Attempted(
                job.tenant_id, job.delivery_id, job.endpoint_id, now, done_at, answer, verdict, job.target.url_text,
                signature, job.target.counted,
            )
        )  # fmt: skip
        surplus = lane.settle(succeeded=verdict.status == "delivered", seconds=answer.duration_ms / 1000)
        for other in surplus:
            await self._recorder.put(Released(other.tenant_id, other.delivery_id))

    async def _attempt(self, job: Job, now: datetime) -> tuple[str | None, Answer]:
        """What the endpoint was sent as `webhook-signature`, and what it answered."""
        target = job.target
        if target.problem is not None:
            return None, Answer(0, error=target.problem)
        keys, ed25519_keys = target.live_keys(now)
        headers = signing.headers(
            tenant_id=job.tenant_id,
            event_id=job.event_id,
            subject=job.subject,
            body=job.body,
            at=now,
            keys=keys,
            ed25519_keys=ed25519_keys,
            scheme=target.scheme,
            custom=target.headers,
            traceparent=job.traceparent,
        )
        answer = await self._sender.post(target.url, headers, job.body, private=target.private)
        return headers["webhook-signature"], answer

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


def _end_of(row: ClaimDueRow, described: DescribeTargetsRow | None) -> str:
    if described is None:
        return "the endpoint was deleted"
    if row.body is None:  # replayed in the very moment in which retention took the message
        return "what it was to send is past its retention; replay the event"
    return "the endpoint is disabled"


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
