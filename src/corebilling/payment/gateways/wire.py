"""The PaymentIntent protocol on the wire, and what its words mean to us (docs/guides/gateways.md)."""

from collections.abc import Mapping
from typing import Generic, TypeVar
from uuid import UUID

import msgspec

from corebilling.payment.domain.outcome import Kind
from corebilling.payment.gateways.port import GatewayPayment, GatewayRefund, RefundKind
from corebilling.platform.outbound.connections import clean

T = TypeVar("T")

PAYMENT_KINDS: Mapping[str, Kind] = {
    "succeeded": "succeeded",
    "processing": "processing",
    "requires_capture": "processing",
    "requires_confirmation": "processing",
    "requires_action": "requires_action",
    "requires_payment_method": "failed",
    "canceled": "canceled",
}
REFUND_KINDS: Mapping[str, RefundKind] = {
    "pending": "processing",
    "requires_action": "processing",
    "succeeded": "succeeded",
    "failed": "failed",
    "canceled": "failed",
}


class Unreadable(ValueError):
    """What the gateway said doesn't follow the protocol; the message says where."""


class Metadata(msgspec.Struct, frozen=True):
    """What we sent along: our own id of the payment or refund."""

    reference: str | None = None


class WireError(msgspec.Struct, frozen=True):
    """Why something was declined."""

    code: str | None = None
    decline_code: str | None = None
    message: str | None = None
    payment_intent: "Intent | None" = None


class Redirect(msgspec.Struct, frozen=True):
    """Where the customer confirms."""

    url: str | None = None


class NextAction(msgspec.Struct, frozen=True):
    """What the customer has to do."""

    redirect_to_url: Redirect | None = None


class Intent(msgspec.Struct, frozen=True):
    """A payment at the gateway."""

    id: str
    status: str
    amount: int
    currency: str
    amount_received: int | None = None
    fee: int | None = None
    metadata: Metadata = Metadata()
    last_payment_error: WireError | None = None
    next_action: NextAction | None = None


class WireRefund(msgspec.Struct, frozen=True):
    """A refund at the gateway."""

    id: str
    status: str
    amount: int
    currency: str
    payment_intent: str | None = None
    metadata: Metadata = Metadata()
    failure_reason: str | None = None


class WireDispute(msgspec.Struct, frozen=True):
    """A chargeback at the gateway."""

    id: str
    status: str
    amount: int
    currency: str
    payment_intent: str
    reason: str | None = None
    fee: int | None = None
    metadata: Metadata = Metadata()


class Listed(msgspec.Struct, Generic[T], frozen=True):
    """What the gateway has of one reference."""

    data: list[T]


class Refusal(msgspec.Struct, frozen=True):
    """The body of an answer that isn't a success."""

    error: WireError = WireError()


def decoded(body: bytes, kind: type[T]) -> T:
    """Raises Unreadable for what isn't JSON of that shape."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Unreadable(f"the gateway's answer can't be read: {error}") from None


def payment(intent: Intent) -> GatewayPayment:
    """A payment in our words. Raises Unreadable for a status that we don't know."""
    kind = PAYMENT_KINDS.get(intent.status)
    if kind is None:
        raise Unreadable(f"the gateway calls a payment '{clean(intent.status, 40)}', which the protocol doesn't know")
    received = intent.amount_received if kind == "succeeded" else None
    error = intent.last_payment_error
    redirect = intent.next_action.redirect_to_url if intent.next_action else None
    return GatewayPayment(
        gateway_payment_id=_name(intent.id),
        kind=kind,
        amount_minor=_amount(intent.amount if received is None else received),
        currency=intent.currency.upper(),
        fee_minor=max(0, intent.fee or 0),
        code=code_of(error) if kind == "failed" else "",
        message=clean((error.message or "") if error and kind == "failed" else ""),
        next_action_url=clean(redirect.url, 2048) if redirect and redirect.url else None,
    )


def refund(given: WireRefund) -> GatewayRefund:
    """A refund in our words. Raises Unreadable for a status that we don't know."""
    kind = REFUND_KINDS.get(given.status)
    if kind is None:
        raise Unreadable(f"the gateway calls a refund '{clean(given.status, 40)}', which the protocol doesn't know")
    code = clean(given.failure_reason or given.status, 100) if kind == "failed" else ""
    return GatewayRefund(_name(given.id), kind, _amount(given.amount), given.currency.upper(), code)


def code_of(error: WireError | None) -> str:
    """The gateway's word for why: the bank's, where it says it."""
    return clean((error.decline_code or error.code or "declined") if error else "declined", 100)


def reference_of(metadata: Metadata) -> UUID | None:
    """Our id, if that is what was sent along."""
    try:
        return UUID(metadata.reference) if metadata.reference else None
    except ValueError:
        return None


def _name(text: str) -> str:
    if not text or len(text) > 255 or not text.isprintable():
        raise Unreadable("the gateway's id is empty, longer than 255 characters or not printable")
    return text


def _amount(minor: int) -> int:
    if minor <= 0:
        raise Unreadable(f"the gateway speaks of an amount of {minor}")
    return minor
