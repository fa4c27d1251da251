"""Wire structs of payments."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from corebilling.kernel.money import MAX_MINOR
from corebilling.payment.domain.states import Status

Method = Literal["bank_transfer", "card", "cash", "check", "direct_debit", "other"]
Amount = Annotated[int, Meta(ge=1, le=MAX_MINOR)]


class InvoiceShare(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What of the money is for an invoice: without `amount_minor` all that is left of it, as far as the money goes."""

    invoice_id: UUID
    amount_minor: Amount | None = None


class PaymentCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Money that arrived, where `method` says how; else money to take from the customer's payment method.

    For one invoice, by `invoice_id`; without `amount_minor` it is all that is left of it. More than that is refused unless
    `overpayment` is `credit`. Or of a customer (id or external id): for the `invoices` named, else for those whose numbers
    stand in the `reference`, then those due for longest; what is left over is the customer's credit. `reference` is what the
    bank statement or receipt says. `currency`, where given, must be the invoice's.

    Without `method` the gateway takes it from `payment_method_id`, or from the customer's default method.
    """

    invoice_id: UUID | None = None
    method: Method | None = None
    reference: Annotated[str, Meta(max_length=255)] = ""
    amount_minor: Amount | None = None
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")] | None = None
    customer_id: Annotated[str, Meta(min_length=1, max_length=255)] | None = None
    invoices: Annotated[list[InvoiceShare], Meta(max_length=100)] = []
    overpayment: Literal["refuse", "credit"] = "refuse"
    payment_method_id: UUID | None = None


class AllocationOut(msgspec.Struct, frozen=True):
    """What of a payment went to an invoice; `given_back_minor` of it was refunded or charged back since."""

    invoice_id: UUID
    amount_minor: int
    given_back_minor: int


class PaymentOut(msgspec.Struct, frozen=True):
    """A payment, the invoices that it paid and the journal it was posted as.

    `credited_minor` went to the customer's credit. `fee_minor` is what the gateway kept. While it `requires_action` the
    customer confirms it at `next_action_url`.
    """

    id: UUID
    invoice_id: UUID | None
    customer_id: UUID
    status: Status
    currency: str
    amount_minor: int
    method: Method
    reference: str
    journal_id: UUID | None
    paid_at: datetime | None
    created_at: datetime
    gateway: str
    payment_method_id: UUID | None
    gateway_payment_id: str | None
    allocated_minor: int
    credited_minor: int
    refunded_minor: int
    disputed_minor: int
    fee_minor: int
    failure_code: str | None
    failure_message: str | None
    next_action_url: str | None
    allocations: tuple[AllocationOut, ...] = ()
