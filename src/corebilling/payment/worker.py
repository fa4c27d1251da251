"""Calls gateways for payments and refunds that are due, asks about those in doubt, and works out notices.

Claim, call, record: no transaction is open while a gateway thinks. Claims are leases, so a killed worker's calls come back
when the lease ends; what it may have sent is `begun` by then and is asked about, never sent again unasked.
Any number of workers may run beside each other.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from datetime import datetime, timedelta
from uuid import UUID

from loguru import logger

from corebilling.kernel.clock import Clock
from corebilling.payment.gateways import metrics
from corebilling.payment.gateways.adapters import ADAPTERS
from corebilling.payment.gateways.breakers import SLOW_SECONDS, Breakers
from corebilling.payment.gateways.calling import Call, Caller, Result
from corebilling.payment.gateways.calls import CHANNEL
from corebilling.payment.gateways.claiming import begin, call_of, refused
from corebilling.payment.gateways.config import GatewayConfig
from corebilling.payment.gateways.core import Payments
from corebilling.payment.gateways.notices import CHANNEL as NOTICES_CHANNEL
from corebilling.payment.gateways.noticing import NoticeProcessor
from corebilling.payment.gateways.port import Gateway
from corebilling.payment.gateways.recording import CallRecorder
from corebilling.payment.ports import Clocks
from corebilling.payment.queries import gateway_calls as queries
from corebilling.payment.queries.gateway_calls import ClaimCallsRow
from corebilling.platform.db import Database
from corebilling.platform.db.errors import is_transient
from corebilling.platform.db.notify import Listener
from corebilling.platform.outbound.connections import OutboundSessions, affordable
from corebilling.platform.secrets import SecretBox, SecretsError

_NOWHERE = (UUID(int=0), UUID(int=0))
_PAUSE_SECONDS = 1.0
_DRAIN_SECONDS = 5.0
_FINISH_SECONDS = 15.0
"""What takes longer at the end is in doubt, and asked about by the next worker."""
_COUNTED = 100_000


class PaymentWorker:
    """One loop for calls and one for notices. `listen_url` is past a transaction pooler if there is one."""

    def __init__(
        self,
        *,
        db: Database,
        payments: Payments,
        clocks: Clocks,
        secret_box: SecretBox,
        config: GatewayConfig,
        clock: Clock,
    ) -> None:
        self._db = db
        self._payments = payments
        self._secret_box = secret_box
        self._config = config
        self._clock = clock
        self._listener = Listener(db.listen_url, CHANNEL)
        self._notice_listener = Listener(db.listen_url, NOTICES_CHANNEL)
        self._most = affordable(config.most_calls)
        self._sessions = OutboundSessions(
            timeout_seconds=config.timeout_seconds, max_connections=self._most, name="gateways"
        )
        self._breakers = Breakers(
            failures=config.breaker_failures, seconds=config.breaker_seconds, most_calls=self._most
        )
        self._caller = Caller(self._breakers, config, clock)
        self._recorder = CallRecorder(db, payments, clocks, clock=clock, config=config, on_settled=self._settled)
        self._notices = NoticeProcessor(db, payments, clocks, clock=clock, config=config)
        self._tasks: set[asyncio.Task[None]] = set()
        self._held: dict[UUID, UUID] = {}  # account by call
        self._after = _NOWHERE
        self._counted_at = float("-inf")

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set; then finish what is on the wire and return."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._sessions)
            await stack.enter_async_context(self._listener.listening(stopping))
            await stack.enter_async_context(self._notice_listener.listening(stopping))
            recorder = asyncio.create_task(self._recorder.run(), name="payment-recorder")
            stack.push_async_callback(_end, recorder)
            stack.push_async_callback(self._abandon)
            async with asyncio.TaskGroup() as loops:
                loops.create_task(self._call_loop(stopping))
                loops.create_task(self._notice_loop(stopping))
            await self._finish()

    async def _call_loop(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            try:
                more = await self._claim()
                seconds = 0.0 if more else await self._idle_seconds()
                await self._count()
            except Exception as error:  # noqa: BLE001 - what is due stays due; the other loops of this process go on
                seconds = _PAUSE_SECONDS
                _complain("payments", error)
                await asyncio.sleep(seconds)
                continue
            if not more:
                await self._listener.wait(seconds)

    async def _notice_loop(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            try:
                if await self._notices.process_once():
                    continue
                seconds = self._until(await self._notices.next_at())
            except Exception as error:  # noqa: BLE001 - what is stored stays stored
                _complain("payment notices", error)
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            await self._notice_listener.wait(seconds)

    async def _claim(self) -> bool:
        """Take what there is room for and set it going. Answers whether another claim is worth while at once."""
        self._breakers.sweep()
        limit = self._most - len(self._held)
        if limit <= 0:
            return False
        rooms, new_room = self._breakers.rooms()
        now = self._clock()
        lease_until = now + self._config.lease
        async with self._db.system() as tx:
            rows = await queries.claim_calls(
                tx.conn,
                after_tenant_id=self._after[0],
                after_account_id=self._after[1],
                lane_account_ids=list(rooms),
                lane_rooms=list(rooms.values()),
                at=now,
                new_room=new_room,
                claim_limit=limit,
                lease_until=lease_until,
            )
        wrapped = self._after != _NOWHERE
        cut = len(rows) == limit
        self._after = (rows[-1].tenant_id, rows[-1].account_id) if cut else _NOWHERE
        taken = await self._taken(rows)
        await self._set_going(taken, lease_until)
        return bool(taken) or wrapped

    async def _taken(self, rows: Sequence[ClaimCallsRow]) -> list[ClaimCallsRow]:
        """Hold what there is a share for. A claim may bring more of many accounts at once: the rest goes back.

        So does what is held already: its lease ran out while its result waited for the database.
        """
        taken, back = [], []
        for row in rows:
            if row.call_id not in self._held and self._breakers.left(self._breakers.standing(row.account_id)) > 0:
                self._held[row.call_id] = row.account_id
                await self._breakers.hold(row.account_id)
                taken.append(row)
            else:
                back.append(row)
        if back:
            later = self._clock() + timedelta(seconds=SLOW_SECONDS)
            async with self._db.system() as tx:
                await queries.put_back_calls(
                    tx.conn,
                    at=later,
                    tenant_ids=[row.tenant_id for row in back],
                    call_ids=[row.call_id for row in back],
                    attempts=[row.attempts for row in back],
                )
            self._wake_at(later)
        return taken

    async def _set_going(self, rows: Sequence[ClaimCallsRow], lease_until: datetime) -> None:
        going: set[UUID] = set()
        try:
            begun = await begin(
                self._db,
                self._payments,
                [row for row in rows if row.state == "due" and row.status == "active"],
                self._clock(),
            )
            for row in rows:
                call = begun.get(row.call_id) if row.state == "due" else call_of(row)
                if row.state == "due" and row.status != "active":
                    going.add(row.call_id)
                    self._recorder.put(refused(row, self._clock()))
                elif call is not None and (gateway := self._gateway(row)) is not None:
                    going.add(row.call_id)
                    task = asyncio.create_task(self._turn(gateway, call, lease_until))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
        finally:
            for row in rows:
                if row.call_id not in going:
                    self._release(row.call_id)

    def _gateway(self, row: ClaimCallsRow) -> Gateway | None:
        try:
            key = self._secret_box.open(row.api_key_sealed)
        except SecretsError as error:  # ours to mend; due again after the lease
            logger.error("gateway account {} can't be called: {}", row.account_id, error)
            return None
        private = self._config.allow_private_targets and row.sandbox
        return ADAPTERS[row.gateway](self._sessions.session(private=private), row.base_url, key)

    async def _turn(self, gateway: Gateway, call: Call, lease_until: datetime) -> None:
        if (lease_until - self._clock()).total_seconds() < self._config.timeout_seconds:
            self._recorder.put(Result(call, call.state, self._clock(), error="it waited too long to be sent"))
            return
        try:
            result = await self._caller.turn(gateway, call)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is in doubt, and costs this call alone
            logger.exception("the call for {} failed", call.call_id)
            state = "begun" if call.state == "due" else call.state
            later = self._clock() + self._config.delay(self._clock() - call.begun_at)
            result = Result(call, state, later, error=f"{type(error).__name__}: {error}"[:500])
        self._recorder.put(result)

    def _settled(self, result: Result) -> None:
        self._release(result.call.call_id)
        if result.next_at is not None:
            self._wake_at(result.next_at)

    def _release(self, call_id: UUID) -> None:
        self._breakers.release(self._held.pop(call_id))
        self._listener.wake()

    def _wake_at(self, at: datetime) -> None:
        seconds = (at - self._clock()).total_seconds()
        if seconds < self._config.poll_seconds:
            asyncio.get_running_loop().call_later(max(seconds, 0) + 0.01, self._listener.wake)

    async def _idle_seconds(self) -> float:
        async with self._db.system() as tx:
            row = await queries.next_call(tx.conn, at=self._clock())
        probe = self._breakers.next_probe()
        seconds = self._until(row.next_at if row else None)
        return seconds if probe is None else min(seconds, probe)

    def _until(self, at: datetime | None) -> float:
        if at is None:
            return self._config.poll_seconds
        return min(max((at - self._clock()).total_seconds(), 0.01), self._config.poll_seconds)

    async def _count(self) -> None:
        if time.monotonic() - self._counted_at < self._config.poll_seconds:
            return
        self._counted_at = time.monotonic()
        async with self._db.system() as tx:
            counted = {row.state: row.count for row in await queries.call_states(tx.conn, bound=_COUNTED)}
        for state in ("due", "begun", "watched"):
            metrics.CALLS.labels(state).set(counted.get(state, 0))

    async def _finish(self) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=min(self._config.timeout_seconds + 1, _FINISH_SECONDS))
        with suppress(TimeoutError):
            await asyncio.wait_for(self._recorder.drained(), _DRAIN_SECONDS)

    async def _abandon(self) -> None:
        for task in list(self._tasks):
            await _end(task)


def _complain(what: str, error: Exception) -> None:
    if is_transient(error):
        logger.warning("{} wait for the database: {}", what, error)
    else:
        logger.opt(exception=error).error("{} failed; they are tried again", what)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
