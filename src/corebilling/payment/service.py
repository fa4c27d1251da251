"""Payments: settle the invoice, post the journal, record the payment, in one transaction."""

from collections.abc import Sequence
from time import perf_counter
from uuid import UUID

import msgspec

from corebilling.events.envelope import NewEvent
from corebilling.events.payment import PaymentSucceeded
from corebilling.kernel.clock import Clock
from corebilling.kernel.errors import NotFound
from corebilling.kernel.ids import new_id
from corebilling.kernel.journal import DocumentType, PostedDocument
from corebilling.kernel.settlement import Settlement
from corebilling.payment.domain.posting import payment_journal
from corebilling.payment.domain.states import Status
from corebilling.payment.metrics import DURATION
from corebilling.payment.ports import Clocks, Invoices, Ledger
from corebilling.payment.queries import payments as queries
from corebilling.payment.queries.models import Payment
from corebilling.payment.schemas import Method, PaymentCreate, PaymentOut
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Tx

_NEWEST = UUID(int=2**128 - 1)


class PaymentService:
    """Records payments made outside, and answers for them."""

    def __init__(self, *, clock: Clock, clocks: Clocks, invoices: Invoices, ledger: Ledger) -> None:
        self._clock = clock
        self._clocks = clocks
        self._invoices = invoices
        self._ledger = ledger

    async def record(self, tx: Tx, tenant_id: UUID, wanted: PaymentCreate) -> PaymentOut:
        """Record money that arrived, dated in the tenant's time.

        Raises `NotFound` for the invoice, `Conflict` when it isn't open or less is left of it, `Invalid` for another currency.
        """
        started = perf_counter()
        paid_at = (await self._clocks.now(tx, [tenant_id]))[tenant_id]
        settlement = Settlement(tenant_id, wanted.invoice_id, wanted.amount_minor, wanted.currency, paid_at)
        [settled] = await self._invoices.settle(tx, [settlement])
        payment_id = new_id()
        [journal_id] = await self._ledger.post(tx, [payment_journal(payment_id, settled, paid_at)])
        await queries.add_payments(
            tx.conn,
            created_at=self._clock(),
            tenant_ids=[tenant_id],
            payment_ids=[payment_id],
            invoice_ids=[settled.invoice_id],
            customer_ids=[settled.customer_id],
            currencies=[settled.currency],
            amounts_minor=[settled.amount_minor],
            methods=[wanted.method],
            payment_references=[wanted.reference],
            journal_ids=[journal_id],
            paid_ats=[paid_at],
        )
        succeeded = PaymentSucceeded(
            payment_id=payment_id,
            invoice_id=settled.invoice_id,
            customer_id=settled.customer_id,
            currency=settled.currency,
            amount_minor=settled.amount_minor,
            method=wanted.method,
            reference=wanted.reference,
            journal_id=journal_id,
            paid_at=paid_at,
        )
        await emit(tx, [NewEvent(tenant_id, payment_id, 1, succeeded, paid_at)])
        payment = await self.get(tx, tenant_id, payment_id)
        DURATION.observe(perf_counter() - started)
        return payment

    async def get(self, tx: Tx, tenant_id: UUID, payment_id: UUID) -> PaymentOut:
        """A payment. Raises `NotFound`."""
        row = await queries.get_payment(tx.conn, tenant_id=tenant_id, payment_id=payment_id)
        if row is None:
            raise NotFound(f"there is no payment {payment_id}; list payments to find its id", code="payment_not_found")
        return _shown(row)

    async def find(
        self, tx: Tx, tenant_id: UUID, *, invoice_id: UUID | None, after: UUID | None, limit: int
    ) -> list[PaymentOut]:
        """Payments, of one invoice or all, newest first, after the id given."""
        before = after or _NEWEST
        if invoice_id is None:
            rows = await queries.list_payments(tx.conn, tenant_id=tenant_id, before_id=before, page=limit)
        else:
            rows = await queries.list_invoice_payments(
                tx.conn, tenant_id=tenant_id, invoice_id=invoice_id, before_id=before, page=limit
            )
        return [_shown(row) for row in rows]

    async def documents(
        self, tx: Tx, document_type: DocumentType, after: tuple[UUID, UUID], limit: int
    ) -> Sequence[PostedDocument]:
        """The ledger's proof: payments that succeeded, across tenants, in the order of their keys."""
        rows = await queries.documents_in_order(
            tx.conn, after_tenant_id=after[0], after_payment_id=after[1], page=limit
        )
        return [
            PostedDocument(row.tenant_id, row.payment_id, row.journal_id, row.currency, row.amount_minor)
            for row in rows
        ]


def _shown(row: Payment) -> PaymentOut:
    return PaymentOut(
        id=row.payment_id,
        invoice_id=row.invoice_id,
        customer_id=row.customer_id,
        status=msgspec.convert(row.status, Status),
        currency=row.currency,
        amount_minor=row.amount_minor,
        method=msgspec.convert(row.method, Method),
        reference=row.reference,
        journal_id=row.journal_id,
        paid_at=row.paid_at,
        created_at=row.created_at,
    )
