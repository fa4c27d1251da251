"""A circuit breaker for each account (hence tenant) at a gateway, and how many calls may run there at once.

The width of an account starts small, doubles while calls succeed and falls back to one when one fails. After some failures in
a row the breaker opens: no calls; after a while one call probes. What is sent and what is only asked are counted apart: a gateway
that answers questions while it fails charges is in trouble all the same. Accounts that this worker doesn't know yet share a quarter
of all calls, those that are slow or fail half, so that hanging gateways don't hold up the payments of other tenants.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal
from uuid import UUID

from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import CLOSED, HALF_OPENED, OPENED, Context

from corebilling.payment.gateways import metrics
from corebilling.payment.gateways.port import Declined, GatewayUnavailable, OutcomeUnknown

FIRST_WIDTH = 4
MOST_WIDTH = 32
SLOW_SECONDS = 1.0
_MOST_SHOWN = 200
_IDLE_SECONDS = 600.0

Standing = Literal["unknown", "quick", "troubled"]


class Lane:
    """One account's calls in this worker."""

    __slots__ = ("asking", "context", "failing", "held", "moved_at", "proven", "width")

    def __init__(self, context: Context, asking: Context) -> None:
        self.context = context
        self.asking = asking
        self.failing = False
        self.width = FIRST_WIDTH
        self.held = 0
        self.proven = False
        self.moved_at = time.monotonic()

    @property
    def standing(self) -> Standing:
        """Whether it answers."""
        stuck = self.held > 0 and time.monotonic() - self.moved_at > SLOW_SECONDS
        if stuck or self.width < FIRST_WIDTH:
            return "troubled"
        return "quick" if self.proven else "unknown"

    @property
    def room(self) -> int:
        """How many more calls may be claimed: none while the breaker is open, one probe when it may close."""
        if self.context.state == CLOSED:
            return max(0, self.width - self.held)
        return 1 if not self.held and self.opens_in <= 0 else 0

    @property
    def opens_in(self) -> float:
        """Seconds until an open breaker lets a probe through; 0 where it isn't open."""
        return _opens_in(self.context)

    @property
    def state(self) -> str:
        """The worse of both breakers' states."""
        states = (self.context.state, self.asking.state)
        return next(state for state in (OPENED, HALF_OPENED, CLOSED) if state in states)

    def answered(self, most_width: int, *, sending: bool) -> None:
        """A call was answered, be it with a no. Answers to questions don't widen what fails to take charges."""
        if sending:
            self.failing = False
        self.moved_at = time.monotonic()
        if not self.failing:
            self.proven = True
            self.width = min(most_width, self.width * 2)

    def failed(self, *, sending: bool) -> None:
        """A call came to nothing."""
        self.failing = self.failing or sending
        self.width = 1
        self.moved_at = time.monotonic()


class Breakers:
    """The lanes of one worker."""

    def __init__(self, *, failures: int, seconds: float, most_calls: int) -> None:
        self._most_calls = most_calls
        self._most_width = max(1, min(MOST_WIDTH, most_calls // 4))
        self._factory = AsyncCircuitBreakerFactory(
            default_threshold=failures, default_ttl=seconds, exclude=[Declined, _NotTheGateways]
        )
        self._lanes: dict[UUID, Lane] = {}
        self._shown: set[UUID] = set()

    async def hold(self, account_id: UUID) -> None:
        """A call of this account is claimed."""
        lane = await self._lane(account_id)
        if not lane.held:
            lane.moved_at = time.monotonic()
        lane.held += 1

    def release(self, account_id: UUID) -> None:
        """A call that was held is settled, or somebody else's."""
        self._lanes[account_id].held -= 1

    @asynccontextmanager
    async def calling(self, account_id: UUID, *, sending: bool) -> AsyncIterator[None]:
        """Count what the block does: failures of the gateway open the breaker, anything it answers closes it.

        `sending` are calls that move money, others ask. Raises `GatewayUnavailable` without entering the block while calls
        of that kind are suspended.
        """
        lane = await self._lane(account_id)
        breaker = await self._factory.get_breaker(str(account_id) if sending else _asking(account_id))
        if _opens_in(lane.context if sending else lane.asking) > 0:
            raise GatewayUnavailable("calls to this account are suspended after failures in a row")
        failure: BaseException | None = None
        try:
            async with breaker:
                try:
                    yield
                except (Declined, GatewayUnavailable, OutcomeUnknown):
                    raise
                except BaseException as error:
                    failure = error
                    raise _NotTheGateways from error
            lane.answered(self._most_width, sending=sending)
        except _NotTheGateways:
            assert failure is not None
            raise failure from None
        except Declined:
            lane.answered(self._most_width, sending=sending)
            raise
        except (GatewayUnavailable, OutcomeUnknown):
            lane.failed(sending=sending)
            raise
        finally:
            self._show(account_id, lane)

    def rooms(self) -> tuple[dict[UUID, int], int]:
        """How many calls each known account may claim now, and how many one that isn't known yet."""
        full = self.left("troubled") <= 0
        strangers = FIRST_WIDTH if self.left("unknown") > 0 else 0
        rooms = {}
        for key, lane in self._lanes.items():
            most = {"troubled": 0 if full else lane.room, "unknown": min(lane.room, strangers), "quick": lane.room}
            rooms[key] = most[lane.standing]
        return rooms, strangers

    def left(self, standing: Standing) -> int:
        """How many more calls accounts of that standing may have together.

        What strangers began and hangs counts against the share of the troubled, and once that is full, against theirs.
        """
        held = {"unknown": 0, "troubled": 0, "quick": 0}
        for lane in self._lanes.values():
            held[lane.standing] += lane.held
        half = max(1, self._most_calls // 2)
        if standing == "troubled":
            return half - held["troubled"]
        if standing == "unknown":
            return max(1, self._most_calls // 4) - held["unknown"] - max(0, held["troubled"] - half)
        return self._most_calls - sum(held.values())

    def standing(self, account_id: UUID) -> Standing:
        """Whether an account answers, as far as this worker knows."""
        lane = self._lanes.get(account_id)
        return "unknown" if lane is None else lane.standing

    def next_probe(self) -> float | None:
        """Seconds until the first open breaker lets a probe through."""
        waits = [lane.opens_in for lane in self._lanes.values() if lane.opens_in > 0]
        return min(waits, default=None)

    def sweep(self) -> None:
        """Forget accounts at rest whose breaker is closed; count the others."""
        long_ago = time.monotonic() - _IDLE_SECONDS
        for key in [k for k, lane in self._lanes.items() if _at_rest(lane, long_ago)]:
            del self._lanes[key]
        states = [lane.state for lane in self._lanes.values()]
        for state in (CLOSED, OPENED, HALF_OPENED):
            metrics.BREAKERS.labels(state).set(states.count(state))

    async def _lane(self, account_id: UUID) -> Lane:
        lane = self._lanes.get(account_id)
        if lane is None:
            sending = await self._factory.get_breaker(str(account_id))
            asking = await self._factory.get_breaker(_asking(account_id))
            lane = self._lanes.setdefault(account_id, Lane(sending.context, asking.context))
        return lane

    def _show(self, account_id: UUID, lane: Lane) -> None:
        state = lane.state
        if state == CLOSED and account_id in self._shown:
            self._shown.discard(account_id)
            metrics.BREAKER_STATE.remove(str(account_id))
        elif state != CLOSED and (account_id in self._shown or len(self._shown) < _MOST_SHOWN):
            self._shown.add(account_id)
            metrics.BREAKER_STATE.labels(str(account_id)).set(1.0 if state == OPENED else 0.5)


class _NotTheGateways(Exception):
    """Carries what isn't the gateway's doing (a cancelled task, our own mistake) past the breaker."""


def _at_rest(lane: Lane, long_ago: float) -> bool:
    return not lane.held and lane.moved_at < long_ago and lane.state == CLOSED


def _asking(account_id: UUID) -> str:
    return f"{account_id}?"


def _opens_in(context: Context) -> float:
    if context.state != OPENED or context.opened_at is None:
        return 0.0
    return max(0.0, context.opened_at + context.ttl - time.time() + 0.001)
