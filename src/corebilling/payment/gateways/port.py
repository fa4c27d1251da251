"""What we ask of any payment gateway, and the three ways in which a call may fail.

`reference` is our id of the payment or refund: the idempotency key of the call, and the name under which the gateway
finds it again. Amounts are integer minor units (ISO 4217).
"""

from typing import Literal, Protocol
from uuid import UUID

import msgspec

from corebilling.payment.domain.outcome import Kind

RefundKind = Literal["processing", "succeeded", "failed"]


class ChargeRequest(msgspec.Struct, frozen=True):
    """Take this much from the customer's payment method; `token` is the gateway's name for it."""

    reference: UUID
    amount_minor: int
    currency: str
    token: str | None
    gateway_customer: str | None = None
    description: str = ""


class GatewayPayment(msgspec.Struct, frozen=True):
    """A payment as the gateway knows it. `fee_minor` is what it keeps, `code` and `message` why it failed."""

    gateway_payment_id: str
    kind: Kind
    amount_minor: int
    currency: str
    fee_minor: int = 0
    code: str = ""
    message: str = ""
    next_action_url: str | None = None


class RefundRequest(msgspec.Struct, frozen=True):
    """Give this much of a payment back."""

    reference: UUID
    gateway_payment_id: str
    amount_minor: int
    currency: str
    reason: str = ""


class GatewayRefund(msgspec.Struct, frozen=True):
    """A refund as the gateway knows it."""

    gateway_refund_id: str
    kind: RefundKind
    amount_minor: int
    currency: str
    code: str = ""
    message: str = ""


class Declined(Exception):
    """The gateway says no, for good. `code` is its word for why, `gateway_id` its name for the attempt, if it has one."""

    def __init__(self, code: str, message: str, gateway_id: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.gateway_id = gateway_id


class GatewayUnavailable(Exception):
    """The call was surely not carried out; it may be made again."""


class OutcomeUnknown(Exception):
    """The call may have been carried out: nobody may repeat it before the gateway was asked."""


class Gateway(Protocol):
    """One account at one gateway. Calls raise `Declined`, `GatewayUnavailable` and `OutcomeUnknown`; finding, the last two."""

    async def charge(self, request: ChargeRequest) -> GatewayPayment:
        """Take the money; repeated with the same reference it is taken once."""
        ...

    async def find(self, reference: UUID) -> GatewayPayment | None:
        """The payment of that reference; None is the gateway's word that it has none."""
        ...

    async def refund(self, request: RefundRequest) -> GatewayRefund:
        """Give money back; repeated with the same reference it is given back once."""
        ...

    async def find_refund(self, reference: UUID) -> GatewayRefund | None:
        """The refund of that reference; None is the gateway's word that it has none."""
        ...
