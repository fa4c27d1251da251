"""The `http` gateway: PaymentIntents as JSON over HTTP (docs/guides/gateways.md).

What an answer means for money is decided here and nowhere else: a refusal that comes before anything was done may be tried
again, a decline is final, and whatever leaves room for doubt is `OutcomeUnknown`.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from uuid import UUID

import aiohttp
import msgspec
from yarl import URL

from corebilling.payment.gateways import wire
from corebilling.payment.gateways.port import (
    ChargeRequest,
    Declined,
    GatewayPayment,
    GatewayRefund,
    GatewayUnavailable,
    OutcomeUnknown,
    RefundRequest,
)
from corebilling.platform.outbound.connections import TargetRefused, clean, read_some

T = TypeVar("T")

READ_BYTES = 1024 * 1024
_DECLINES = frozenset({400, 402, 422})
_DOUBTS = frozenset({408, 409, 425})


class HttpGateway:
    """One account. The session bounds time and addresses; nothing is retried in here."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str, api_key: str) -> None:
        self._session = session
        self._base = URL(base_url.rstrip("/") + "/")
        self._headers = {
            "Authorization": f"Bearer {api_key}",
            "Accept": "application/json",
            "User-Agent": "corebilling-payments/1",
        }

    async def charge(self, request: ChargeRequest) -> GatewayPayment:
        """Create and confirm a PaymentIntent. Raises as the port says."""
        body = {
            "amount": request.amount_minor,
            "currency": request.currency.lower(),
            "payment_method": request.token,
            **({"customer": request.gateway_customer} if request.gateway_customer else {}),
            "description": request.description,
            "confirm": True,
            "off_session": True,
            "metadata": {"reference": str(request.reference)},
        }
        intent = await self._create("v1/payment_intents", request.reference, body, wire.Intent)
        self._check(wire.reference_of(intent.metadata), request.reference)
        return _read(lambda: wire.payment(intent))

    async def find(self, reference: UUID) -> GatewayPayment | None:
        """The PaymentIntent of that reference; of several the one that took money. Raises as the port says."""
        found = await self._list("v1/payment_intents", reference, wire.Listed[wire.Intent])
        ours = _read(lambda: [wire.payment(intent) for intent in found.data if _is(intent, reference)])
        order = ("succeeded", "processing", "requires_action", "failed", "canceled")
        return min(ours, key=lambda payment: order.index(payment.kind), default=None)

    async def refund(self, request: RefundRequest) -> GatewayRefund:
        """Create a refund. Raises as the port says."""
        body = {
            "payment_intent": request.gateway_payment_id,
            "amount": request.amount_minor,
            "metadata": {"reference": str(request.reference)},
        }
        given = await self._create("v1/refunds", request.reference, body, wire.WireRefund)
        self._check(wire.reference_of(given.metadata), request.reference)
        return _read(lambda: wire.refund(given))

    async def find_refund(self, reference: UUID) -> GatewayRefund | None:
        """The refund of that reference; of several the one that gave money back. Raises as the port says."""
        found = await self._list("v1/refunds", reference, wire.Listed[wire.WireRefund])
        ours = _read(lambda: [wire.refund(given) for given in found.data if _is(given, reference)])
        return min(ours, key=lambda r: ("succeeded", "processing", "failed").index(r.kind), default=None)

    async def _create(self, path: str, reference: UUID, body: Mapping[str, Any], kind: type[wire.T]) -> wire.T:
        headers = {**self._headers, "Content-Type": "application/json", "Idempotency-Key": str(reference)}
        status, text = await self._send("POST", self._base.join(URL(path)), headers, msgspec.json.encode(body))
        if 200 <= status < 300:
            return _read(lambda: wire.decoded(text, kind))
        if status in _DECLINES:
            raise _declined(status, text)
        if 400 <= status < 500 and status not in _DOUBTS:
            raise GatewayUnavailable(f"the gateway refuses the call with {status}: {_excerpt(text)}")
        raise OutcomeUnknown(f"the gateway answered {status}: {_excerpt(text)}")

    async def _list(self, path: str, reference: UUID, kind: type[wire.T]) -> wire.T:
        url = self._base.join(URL(path)).with_query(reference=str(reference))
        status, text = await self._send("GET", url, self._headers, None)
        if status != 200:
            raise OutcomeUnknown(f"the gateway answered {status} when asked: {_excerpt(text)}")
        return _read(lambda: wire.decoded(text, kind))

    async def _send(self, method: str, url: URL, headers: Mapping[str, str], body: bytes | None) -> tuple[int, bytes]:
        try:
            async with self._session.request(
                method, url, data=body, headers=headers, allow_redirects=False
            ) as response:
                return response.status, await read_some(response, READ_BYTES)
        except aiohttp.ClientConnectorError as error:  # not even a connection: nothing was sent
            raise GatewayUnavailable(_no_connection(error)) from None
        except TimeoutError:
            raise OutcomeUnknown("the gateway gave no complete answer in time") from None
        except (aiohttp.ClientError, OSError) as error:
            raise OutcomeUnknown(clean(f"{type(error).__name__}: {error}")) from None

    @staticmethod
    def _check(told: UUID | None, reference: UUID) -> None:
        if told != reference:
            raise OutcomeUnknown(f"the gateway answered about {told}, not about {reference}")


def _is(thing: wire.Intent | wire.WireRefund, reference: UUID) -> bool:
    return wire.reference_of(thing.metadata) == reference


def _read(read: Callable[[], T]) -> T:
    """What can't be read may be about money that was taken."""
    try:
        return read()
    except wire.Unreadable as error:
        raise OutcomeUnknown(str(error)) from None


def _declined(status: int, text: bytes) -> Declined:
    try:
        error = wire.decoded(text, wire.Refusal).error
    except wire.Unreadable:
        error = wire.WireError()
    code = (
        wire.code_of(error)
        if error.code or error.decline_code
        else ("declined" if status == 402 else "invalid_request")
    )
    message = clean(error.message or f"the gateway answered {status}")
    return Declined(code, message, error.payment_intent.id if error.payment_intent else None)


def _no_connection(error: aiohttp.ClientConnectorError) -> str:
    refused = isinstance(error.os_error, TargetRefused)
    return clean(f"{error.os_error}, which payments don't go to" if refused else str(error))


def _excerpt(text: bytes) -> str:
    return clean(text[:200].decode("utf-8", "replace"), 200)
