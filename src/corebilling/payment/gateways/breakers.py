"""A circuit breaker for each account (hence tenant) at a gateway, and how many calls may run there at once.

The width of an account starts small, doubles while calls succeed and falls back to one when one fails. After some failures in
a row the breaker opens: no calls; after a while one call probes. Accounts in trouble share half of all calls, so that
one gateway's outage doesn't hold up the payments of other tenants.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import CLOSED, HALF_OPENED, OPENED, Context

from corebilling.payment.gateways import metrics
from corebilling.payment.gateways.port import Declined, GatewayUnavailable, OutcomeUnknown

FIRST_WIDTH = 4
MOST_WIDTH = 32
_MOST_SHOWN = 200
_IDLE_SECONDS = 600.0


class Lane:
    """One account's calls in this worker."""

    __slots__ = ("context", "held", "used_at", "width")

    def __init__(self, context: Context) -> None:
        self.context = context
        self.width = FIRST_WIDTH
        self.held = 0
        self.used_at = time.monotonic()

    @property
    def troubled(self) -> bool:
        """Whether its last call failed."""
        return self.width < FIRST_WIDTH

    @property
    def room(self) -> int:
        """How many more calls may be claimed: none while the breaker is open, one probe when it may close."""
        if self.context.state == CLOSED:
            return max(0, self.width - self.held)
        return 1 if not self.held and self.opens_in <= 0 else 0

    @property
    def opens_in(self) -> float:
        """Seconds until an open breaker lets a probe through; 0 where it isn't open."""
        opened_at = self.context.opened_at
        if self.context.state != OPENED or opened_at is None:
            return 0.0
        return max(0.0, opened_at + self.context.ttl - time.time() + 0.001)


class Breakers:
    """The lanes of one worker."""

    def __init__(self, *, failures: int, seconds: float) -> None:
        self._factory = AsyncCircuitBreakerFactory(
            default_threshold=failures, default_ttl=seconds, exclude=[Declined, _NotTheGateways]
        )
        self._lanes: dict[UUID, Lane] = {}
        self._shown: set[UUID] = set()

    async def hold(self, account_id: UUID) -> None:
        """A call of this account is claimed."""
        (await self._lane(account_id)).held += 1

    def release(self, account_id: UUID) -> None:
        """A call that was held is settled, or somebody else's."""
        self._lanes[account_id].held -= 1

    @asynccontextmanager
    async def calling(self, account_id: UUID) -> AsyncIterator[None]:
        """Count what the block does: failures of the gateway open the breaker, anything it answers closes it.

        Raises `GatewayUnavailable` without entering the block while the breaker is open.
        """
        lane, breaker = await self._lane(account_id), await self._factory.get_breaker(str(account_id))
        if lane.opens_in > 0:
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
            lane.width = min(MOST_WIDTH, lane.width * 2)
        except _NotTheGateways:
            assert failure is not None
            raise failure from None
        except Declined:
            lane.width = min(MOST_WIDTH, lane.width * 2)
            raise
        except (GatewayUnavailable, OutcomeUnknown):
            lane.width = 1
            raise
        finally:
            self._show(account_id, lane)

    def rooms(self, most_calls: int) -> tuple[dict[UUID, int], int]:
        """How many calls each known account may claim now, and how many one that isn't known yet."""
        troubled = sum(lane.held for lane in self._lanes.values() if lane.troubled)
        full = troubled >= most_calls // 2
        rooms = {key: 0 if full and lane.troubled else lane.room for key, lane in self._lanes.items()}
        return rooms, FIRST_WIDTH

    def next_probe(self) -> float | None:
        """Seconds until the first open breaker lets a probe through."""
        waits = [lane.opens_in for lane in self._lanes.values() if lane.opens_in > 0]
        return min(waits, default=None)

    def sweep(self) -> None:
        """Forget accounts at rest whose breaker is closed; count the others."""
        long_ago = time.monotonic() - _IDLE_SECONDS
        for key in [k for k, lane in self._lanes.items() if _at_rest(lane, long_ago)]:
            del self._lanes[key]
        states = [lane.context.state for lane in self._lanes.values()]
        for state in (CLOSED, OPENED, HALF_OPENED):
            metrics.BREAKERS.labels(state).set(states.count(state))

    async def _lane(self, account_id: UUID) -> Lane:
        lane = self._lanes.get(account_id)
        if lane is None:
            breaker = await self._factory.get_breaker(str(account_id))
            lane = self._lanes[account_id] = Lane(breaker.context)
        lane.used_at = time.monotonic()
        return lane

    def _show(self, account_id: UUID, lane: Lane) -> None:
        state = lane.context.state
        if state == CLOSED and account_id in self._shown:
            self._shown.discard(account_id)
            metrics.BREAKER_STATE.remove(str(account_id))
        elif state != CLOSED and (account_id in self._shown or len(self._shown) < _MOST_SHOWN):
            self._shown.add(account_id)
            metrics.BREAKER_STATE.labels(str(account_id)).set(1.0 if state == OPENED else 0.5)


class _NotTheGateways(Exception):
    """Carries what isn't the gateway's doing (a cancelled task, our own mistake) past the breaker."""


def _at_rest(lane: Lane, long_ago: float) -> bool:
    return not lane.held and lane.used_at < long_ago and lane.context.state == CLOSED
