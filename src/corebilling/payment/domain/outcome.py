"""What a gateway says of a payment, a refund or a dispute, and what a message changes about what is known.

Messages come in any order, late and several times: by notice, as the answer to a call, and by asking. So they are joined, not
obeyed: of two the greater one is kept, which makes the end the same for every order and any repetition.
"""

from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

import msgspec

from corebilling.payment.domain.states import DisputeStatus, RefundStatus, Status

Kind = Literal["processing", "requires_action", "canceled", "failed", "succeeded"]


class Outcome(msgspec.Struct, frozen=True):
    """What became of a payment, by the gateway's word. `at` is in the tenant's time.

    `amount_minor` and `fee_minor` are of successes: None is the amount that was asked for, and no fee known. `code` and
    `message` say why it failed. At `next_action_url` the customer confirms a payment that requires action.
    """

    tenant_id: UUID
    payment_id: UUID
    kind: Kind
    at: datetime
    gateway_payment_id: str | None = None
    amount_minor: int | None = None
    fee_minor: int = 0
    code: str = ""
    message: str = ""
    next_action_url: str | None = None


class RefundOutcome(msgspec.Struct, frozen=True):
    """What became of a refund, by the gateway's word. `at` is in the tenant's time."""

    tenant_id: UUID
    refund_id: UUID
    kind: Literal["processing", "succeeded", "failed"]
    at: datetime
    gateway_refund_id: str | None = None
    code: str = ""
    message: str = ""


class DisputeNotice(msgspec.Struct, frozen=True):
    """A chargeback of a payment; `gateway_dispute_id` names it at the gateway. `at` is in the tenant's time."""

    tenant_id: UUID
    payment_id: UUID
    gateway_dispute_id: str
    status: DisputeStatus
    amount_minor: int
    reason: str
    at: datetime
    fee_minor: int = 0


class Chargeable(msgspec.Struct, frozen=True):
    """What to charge. `token` is the gateway's own name of the payment method, `gateway_customer` of the customer."""

    amount_minor: int
    currency: str
    customer_id: UUID
    token: str
    gateway_customer: str | None
    description: str


class Refundable(msgspec.Struct, frozen=True):
    """What to pay back of the gateway's payment `gateway_payment_id`."""

    amount_minor: int
    currency: str
    gateway_payment_id: str
    reason: str


class Known(msgspec.Struct, frozen=True):
    """What is known of a payment: its state and, unless it is pending, when and why it came to it."""

    status: Status
    at: datetime | None = None
    code: str = ""
    message: str = ""
    next_action_url: str | None = None


_RANKS: dict[Status, int] = {
    "pending": 0, "processing": 1, "requires_action": 1, "canceled": 2, "failed": 3, "succeeded": 4, "disputed": 4,
}  # fmt: skip
_REFUND_RANKS: dict[RefundStatus, int] = {"pending": 0, "processing": 1, "succeeded": 2, "failed": 3}
_DISPUTE_RANKS: dict[DisputeStatus, int] = {"opened": 0, "lost": 1, "won": 2}


def join(known: Known, told: Outcome) -> Known:
    """What is known after a message. Success beats failure, failure a cancelation, either what is under way; of two
    of the same rank the later counts. Success is final: money that arrived once isn't taken twice.
    """
    before, after = _RANKS[known.status], _RANKS[told.kind]
    if after < before or before == _RANKS["succeeded"]:
        return known
    fresh = Known(told.kind, told.at, told.code, told.message, told.next_action_url)
    return fresh if after > before or _order(fresh) > _order(known) else known


def join_refund(known: RefundStatus, told: RefundStatus) -> RefundStatus:
    """A refund's state after a message: a refund that came back failed, even if it had gone out."""
    return max(known, told, key=_REFUND_RANKS.__getitem__)


def join_dispute(known: DisputeStatus, told: DisputeStatus) -> DisputeStatus:
    """A dispute's state after a message: won beats lost, for that is what an appeal brings."""
    return max(known, told, key=_DISPUTE_RANKS.__getitem__)


def _order(known: Known) -> tuple[datetime, str, str, str, str]:
    return known.at or _NEVER, known.status, known.code, known.message, known.next_action_url or ""


_NEVER = datetime.min.replace(tzinfo=UTC)
