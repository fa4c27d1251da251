"""What a notice means, from its bytes. Pure: which payment it is about is looked up elsewhere, below its account."""

from typing import Literal
from uuid import UUID

import msgspec

from corebilling.payment.domain.states import DisputeStatus
from corebilling.payment.gateways import wire
from corebilling.payment.gateways.port import GatewayPayment, GatewayRefund
from corebilling.platform.outbound.connections import clean

_DISPUTES: dict[str, DisputeStatus] = {
    "needs_response": "opened", "under_review": "opened", "lost": "lost", "won": "won",
}  # fmt: skip
"""Others (`warning_...`) are inquiries: no money moves."""


class DisputeNews(msgspec.Struct, frozen=True):
    """A chargeback as the gateway knows it."""

    gateway_dispute_id: str
    status: DisputeStatus
    amount_minor: int
    currency: str
    fee_minor: int
    reason: str


class News(msgspec.Struct, frozen=True):
    """What a notice tells, and whom it is about: by our id, or, where that wasn't sent along, by the gateway's."""

    about: Literal["charge", "refund"]
    reference: UUID | None
    gateway_reference: str | None
    said: GatewayPayment | GatewayRefund | DisputeNews

    @property
    def currency(self) -> str:
        """Of the money it speaks of."""
        return self.said.currency


class Irrelevant(Exception):
    """The notice says nothing that concerns us; the message says why."""


class _Data(msgspec.Struct, frozen=True):
    object: msgspec.Raw


class _Notice(msgspec.Struct, frozen=True):
    type: str
    data: _Data


def meaning(body: bytes) -> News:
    """Raises `Irrelevant` for what doesn't concern us, `Unreadable` for what should and can't be read."""
    notice = wire.decoded(body, _Notice)
    thing = bytes(notice.data.object)
    if notice.type.startswith("payment_intent."):
        return _of_payment(notice.type, wire.decoded(thing, wire.Intent))
    if notice.type.startswith("charge.dispute."):
        return _of_dispute(wire.decoded(thing, wire.WireDispute))
    if notice.type.startswith(("refund.", "charge.refund.")):
        refund = wire.decoded(thing, wire.WireRefund)
        return News("refund", wire.reference_of(refund.metadata), refund.id, wire.refund(refund))
    raise Irrelevant(f"notices of type {clean(notice.type, 60)} aren't taken")


def _of_payment(kind: str, intent: wire.Intent) -> News:
    payment = wire.payment(intent)
    if payment.kind == "failed" and kind != "payment_intent.payment_failed":
        raise Irrelevant("a payment that wasn't tried yet")
    return News("charge", wire.reference_of(intent.metadata), intent.id, payment)


def _of_dispute(dispute: wire.WireDispute) -> News:
    status = _DISPUTES.get(dispute.status)
    if status is None:
        raise Irrelevant(f"a dispute that is {clean(dispute.status, 40)} moves no money")
    if dispute.amount <= 0 or not dispute.id or len(dispute.id) > 255 or not dispute.id.isprintable():
        raise wire.Unreadable("a dispute needs an id and an amount")
    news = DisputeNews(
        dispute.id, status, dispute.amount, dispute.currency.upper(), max(0, dispute.fee or 0),
        clean(dispute.reason or "unknown", 100),
    )  # fmt: skip
    return News("charge", wire.reference_of(dispute.metadata), dispute.payment_intent, news)
