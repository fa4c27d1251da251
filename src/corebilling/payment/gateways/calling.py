"""One turn of one call: what is asked of the gateway, and what follows from its answer.

The rule that keeps money safe: a charge is sent only by a call that was `due` and is `begun` in the database by then. From
`begun` on the gateway is only asked, until it tells an end, or, long enough after the call, that it knows nothing of it;
only that makes the call `due` again.
"""

import time
from collections.abc import Coroutine
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from corebilling.kernel.clock import Clock
from corebilling.payment.domain.calls import CallState as State
from corebilling.payment.gateways import metrics
from corebilling.payment.gateways.breakers import Breakers
from corebilling.payment.gateways.config import GatewayConfig
from corebilling.payment.gateways.port import (
    ChargeRequest,
    Declined,
    Gateway,
    GatewayPayment,
    GatewayRefund,
    GatewayUnavailable,
    OutcomeUnknown,
    RefundRequest,
)


class Call(msgspec.Struct, frozen=True):
    """A call that this worker holds. `state` is what it was before this turn; a `due` one is begun by now."""

    tenant_id: UUID
    call_id: UUID
    kind: str
    account_id: UUID
    state: State
    attempts: int
    amount_minor: int
    currency: str
    token: str | None
    gateway_customer: str | None
    description: str
    begun_at: datetime
    created_at: datetime


class Result(msgspec.Struct, frozen=True):
    """What a turn came to: where the call stands, and what the gateway said, if it said something."""

    call: Call
    state: State
    next_at: datetime | None
    said: GatewayPayment | GatewayRefund | Declined | None = None
    error: str | None = None


_Work = Coroutine[Any, Any, GatewayPayment | GatewayRefund | None]


class Caller:
    """Takes turns. No database in here: nothing is locked while a gateway thinks."""

    def __init__(self, breakers: Breakers, config: GatewayConfig, clock: Clock) -> None:
        self._breakers = breakers
        self._config = config
        self._clock = clock

    async def turn(self, gateway: Gateway, call: Call) -> Result:
        """Send what is due, ask about what was sent."""
        asked_at = self._clock()
        try:
            async with self._breakers.calling(call.account_id, sending=call.state == "due"):
                if call.state == "due":
                    said = await self._timed(call.kind, _send(gateway, call))
                else:
                    said = await self._timed(f"find_{call.kind}", _ask(gateway, call))
        except Declined as declined:
            self._count(call, "declined")
            return Result(call, "done", None, declined)
        except GatewayUnavailable as error:
            self._count(call, "unavailable")
            return self._not_done(call, self._clock(), str(error))
        except OutcomeUnknown as error:
            self._count(call, "unknown")
            return self._in_doubt(call, str(error))
        self._count(call, "none" if said is None else said.kind)
        return self._denied(call, asked_at) if said is None else self._told(call, said)

    def _later(self, call: Call) -> datetime:
        now = self._clock()
        return now + self._config.delay(now - call.begun_at)

    def _in_doubt(self, call: Call, error: str) -> Result:
        state: State = "begun" if call.state == "due" else call.state
        return Result(call, state, self._later(call), error=error)

    def _told(self, call: Call, said: GatewayPayment | GatewayRefund) -> Result:
        if said.currency != call.currency:
            return self._in_doubt(call, f"the gateway speaks of {said.currency}, the payment is in {call.currency}")
        if said.kind in ("processing", "requires_action"):
            return Result(call, "watched", self._later(call), said)
        return Result(call, "done", None, said)

    def _not_done(self, call: Call, now: datetime, error: str) -> Result:
        if call.state != "due":  # what couldn't be done is the asking
            return Result(call, call.state, self._later(call), error=error)
        if now - call.created_at > self._config.give_up_after:
            return Result(call, "done", None, Declined("gateway_unavailable", error), error)
        return Result(call, "due", now + self._config.delay(now - call.created_at), error=error)

    def _denied(self, call: Call, now: datetime) -> Result:
        certain_at = call.begun_at + self._config.certain_after
        if call.state == "watched":
            error = "the gateway doesn't know any more what it told of before"
            return Result(call, "watched", self._later(call), error=error)
        if now < certain_at:
            error = "the gateway knows nothing of it yet"
            return Result(call, "begun", max(min(certain_at, self._later(call)), now), error=error)
        return Result(call, "due", now, error="the gateway knows nothing of it: it is sent again")

    async def _timed(self, name: str, work: _Work) -> GatewayPayment | GatewayRefund | None:
        started = time.perf_counter()
        try:
            return await work
        finally:
            metrics.CALL_DURATION.labels(name).observe(time.perf_counter() - started)

    @staticmethod
    def _count(call: Call, result: str) -> None:
        metrics.ATTEMPTS.labels(call.kind if call.state == "due" else f"find_{call.kind}", result).inc()


async def _send(gateway: Gateway, call: Call) -> GatewayPayment | GatewayRefund:
    if call.kind == "charge":
        return await gateway.charge(_charge(call))
    if call.token is None:
        raise Declined("payment_unknown", "the gateway never named the payment that is to be given back")
    return await gateway.refund(
        RefundRequest(call.call_id, call.token, call.amount_minor, call.currency, call.description)
    )


async def _ask(gateway: Gateway, call: Call) -> GatewayPayment | GatewayRefund | None:
    return await (gateway.find(call.call_id) if call.kind == "charge" else gateway.find_refund(call.call_id))


def _charge(call: Call) -> ChargeRequest:
    return ChargeRequest(
        call.call_id, call.amount_minor, call.currency, call.token, call.gateway_customer, call.description
    )
