"""Payments: what others may ask of them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from time import perf_counter
from uuid import UUID

import msgspec

from corebilling.events.envelope import Envelope
from corebilling.events.invoice import CreditIssued, InvoiceGenerated
from corebilling.kernel.errors import Invalid, invalid_field
from corebilling.kernel.journal import DocumentType, PostedDocument
from corebilling.kernel.settlement import Receipt
from corebilling.payment import reading
from corebilling.payment.charging import Charging
from corebilling.payment.collecting import Collecting
from corebilling.payment.disputing import Disputing
from corebilling.payment.documents import documents
from corebilling.payment.domain.outcome import Chargeable, DisputeNotice, Outcome, Refundable, RefundOutcome
from corebilling.payment.dunning import Dunning
from corebilling.payment.gateways.accounts import GatewayAccounts
from corebilling.payment.methods import PaymentMethods
from corebilling.payment.metrics import DURATION
from corebilling.payment.offline import OfflinePayments
from corebilling.payment.outcomes import Outcomes
from corebilling.payment.ports import Key, Others
from corebilling.payment.queries import collections, payments
from corebilling.payment.reading import Wanted
from corebilling.payment.refund_outcomes import RefundOutcomes
from corebilling.payment.refunding import Refunding
from corebilling.payment.schemas import CollectionOut, DisputeOut, PaymentCreate, PaymentOut, RefundCreate, RefundOut
from corebilling.platform.db import Tx

PATIENCE = timedelta(seconds=15)
"""So long, on the wall clock, a test clock waits for a gateway's first word; what comes later counts when it comes."""


class PaymentService:
    """Takes money in and gives it back, collects what is owed, and answers for it all. `methods` are customers' cards."""

    def __init__(self, *, others: Others, accounts: GatewayAccounts) -> None:
        self._others = others
        self._dunning = Dunning(others)
        self._disputing = Disputing(others)
        self._outcomes = Outcomes(others, self._dunning, self._disputing)
        self._refund_outcomes = RefundOutcomes(others)
        self._charging = Charging(others, accounts, self._outcomes)
        self._collecting = Collecting(others, self._charging, self._dunning)
        self._offline = OfflinePayments(others)
        self._refunding = Refunding(others)
        self.methods = PaymentMethods(others, accounts)

    async def create(self, tx: Tx, tenant_id: UUID, wanted: PaymentCreate) -> PaymentOut:
        """Record money that arrived, or ask the gateway for it where no `method` says how it did.

        Raises `NotFound` for the invoice, customer or payment method, `Conflict` where less is left or a payment is in progress,
        `Invalid` for another currency or what doesn't go together.
        """
        started = perf_counter()
        _check(wanted)
        if wanted.method is None:
            payment_id = await self._charging.request(tx, tenant_id, wanted)
        else:
            payment_id = await self._offline.record(tx, tenant_id, wanted, wanted.method)
        payment = await self.get(tx, tenant_id, payment_id)
        DURATION.observe(perf_counter() - started)
        return payment

    async def get(self, tx: Tx, tenant_id: UUID, payment_id: UUID) -> PaymentOut:
        """A payment. Raises `NotFound`."""
        return await reading.payment(tx, tenant_id, payment_id)

    async def find(
        self,
        tx: Tx,
        tenant_id: UUID,
        *,
        invoice_id: UUID | None = None,
        customer: str | None = None,
        status: str | None = None,
        paid_from: datetime | None = None,
        paid_to: datetime | None = None,
        after: UUID | None,
        limit: int,
    ) -> list[PaymentOut]:
        """Payments, newest first, after the id given; `customer` is an id or external id."""
        wanted = Wanted(after, limit, invoice_id=invoice_id, status=status, paid_from=paid_from, paid_to=paid_to)
        return await reading.find_payments(tx, tenant_id, await self._of(tx, tenant_id, wanted, customer))

    async def receipts(self, tx: Tx, tenant_id: UUID, invoice_ids: Sequence[UUID]) -> list[Receipt]:
        """What payments paid of invoices, for who must hold it against what the invoices say."""
        return await reading.receipts(tx, tenant_id, invoice_ids)

    async def refund(self, tx: Tx, tenant_id: UUID, payment_id: UUID, wanted: RefundCreate) -> RefundOut:
        """Give a payment back, wholly or in part. Errors as `Refunding.request`."""
        refund_id = await self._refunding.request(tx, tenant_id, payment_id, wanted)
        return await reading.refund(tx, tenant_id, refund_id)

    async def get_refund(self, tx: Tx, tenant_id: UUID, refund_id: UUID) -> RefundOut:
        """A refund. Raises `NotFound`."""
        return await reading.refund(tx, tenant_id, refund_id)

    async def find_refunds(
        self, tx: Tx, tenant_id: UUID, wanted: Wanted, *, customer: str | None = None
    ) -> list[RefundOut]:
        """Refunds; `customer` is an id or external id."""
        return await reading.find_refunds(tx, tenant_id, await self._of(tx, tenant_id, wanted, customer))

    async def get_dispute(self, tx: Tx, tenant_id: UUID, dispute_id: UUID) -> DisputeOut:
        """A dispute. Raises `NotFound`."""
        return await reading.dispute(tx, tenant_id, dispute_id)

    async def find_disputes(
        self, tx: Tx, tenant_id: UUID, wanted: Wanted, *, customer: str | None = None
    ) -> list[DisputeOut]:
        """Disputes; `customer` is an id or external id."""
        return await reading.find_disputes(tx, tenant_id, await self._of(tx, tenant_id, wanted, customer))

    async def get_collection(self, tx: Tx, tenant_id: UUID, invoice_id: UUID) -> CollectionOut:
        """How an invoice is collected. Raises `NotFound`."""
        return await reading.collection(tx, tenant_id, invoice_id)

    async def find_collections(
        self, tx: Tx, tenant_id: UUID, wanted: Wanted, *, customer: str | None = None
    ) -> list[CollectionOut]:
        """Collections; `customer` is an id or external id."""
        return await reading.find_collections(tx, tenant_id, await self._of(tx, tenant_id, wanted, customer))

    async def retry_collection(self, tx: Tx, tenant_id: UUID, invoice_id: UUID) -> CollectionOut:
        """Collect an invoice now. Raises `NotFound`, `Conflict` where it isn't open or a payment is in progress."""
        await self._collecting.retry(tx, tenant_id, invoice_id)
        return await reading.collection(tx, tenant_id, invoice_id)

    async def stop_collection(self, tx: Tx, tenant_id: UUID, invoice_id: UUID, reason: str) -> CollectionOut:
        """Stop collecting an invoice. Raises `NotFound`, `Conflict` where that is over."""
        await self._collecting.stop(tx, tenant_id, invoice_id, reason)
        return await reading.collection(tx, tenant_id, invoice_id)

    async def begin_collections(self, tx: Tx, events: Sequence[Envelope[InvoiceGenerated]]) -> None:
        """Invoices were finalised: charge those whose customers agreed to it."""
        await self._collecting.begin(tx, events)

    async def look_again(self, tx: Tx, invoices: Mapping[Key, datetime]) -> None:
        """Something became of these invoices at that time: who is paid or given up isn't collected any more."""
        await self._dunning.look_again(tx, list(invoices), invoices)

    async def pay_out_credit(self, tx: Tx, events: Sequence[Envelope[CreditIssued]]) -> None:
        """Pay credit notes out that shall be."""
        await self._refunding.pay_out_credit(tx, events)

    async def collect_due(self, tx: Tx, invoices: Sequence[Key]) -> int:
        """Attempt those of these collections that are due by their tenants' time and free; answers how many."""
        now = await self._others.clocks.now(tx, {tenant_id for tenant_id, _ in invoices})
        return await self._collecting.attempt_due(tx, invoices, now)

    async def earliest_due(self, tx: Tx, tenant_id: UUID) -> datetime | None:
        """The earliest instant of the tenant's time at which something is to be collected, or was asked of a gateway just now."""
        since = self._others.clock() - PATIENCE
        due = [
            await collections.next_attempt(tx.conn, tenant_id=tenant_id),
            await payments.oldest_pending(tx.conn, tenant_id=tenant_id, since=since),
        ]
        return min((at for at in due if at), default=None)

    async def chargeable(self, tx: Tx, keys: Sequence[Key]) -> Mapping[Key, Chargeable]:
        """What to charge for pending payments (tenant, payment), before their first call; others are absent."""
        return await self._charging.chargeable(tx, keys)

    async def refundable(self, tx: Tx, keys: Sequence[Key]) -> Mapping[Key, Refundable]:
        """What to pay back for pending refunds (tenant, refund); others are absent."""
        return await self._refunding.refundable(tx, keys)

    async def record_outcomes(self, tx: Tx, outcomes: Sequence[Outcome]) -> None:
        """What became of payments: settles, posts, tells and moves dunning, once. Unknown payments are ignored."""
        await self._outcomes.record(tx, outcomes)

    async def record_refund_outcomes(self, tx: Tx, outcomes: Sequence[RefundOutcome]) -> None:
        """What became of refunds: posts them as paid out, or gives the credit back. Unknown refunds are ignored."""
        await self._refund_outcomes.record(tx, outcomes)

    async def record_disputes(self, tx: Tx, notices: Sequence[DisputeNotice]) -> None:
        """Chargebacks. One that comes before its payment's success is kept and takes effect with that."""
        await self._disputing.record(tx, notices)

    async def documents(
        self, tx: Tx, document_type: DocumentType, after: tuple[UUID, UUID], limit: int
    ) -> Sequence[PostedDocument]:
        """The ledger's proof: what was posted of a type, across tenants, in the order of the keys."""
        return await documents(tx, document_type, after, limit)

    async def _of(self, tx: Tx, tenant_id: UUID, wanted: Wanted, customer: str | None) -> Wanted:
        customer_id = await self._others.customers.filter_id(tx, tenant_id, customer)
        return msgspec.structs.replace(wanted, customer_id=customer_id)


def _check(wanted: PaymentCreate) -> None:
    if wanted.invoice_id is not None and (wanted.customer_id is not None or wanted.invoices):
        raise Invalid(
            "name the one invoice by invoice_id, or the customer and some invoices, not both", code="one_or_several"
        )
    if wanted.method is None:
        if wanted.invoices or wanted.customer_id is not None or wanted.reference or wanted.overpayment != "refuse":
            raise invalid_field("/method", "say by which method the money arrived; a gateway charges one invoice")
    elif wanted.payment_method_id is not None:
        raise invalid_field("/payment_method_id", "leave it out for money that arrived by other ways")
    elif not wanted.reference:
        raise invalid_field("/reference", "say what the bank statement or receipt says")
