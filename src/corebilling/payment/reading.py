"""Payments, refunds, disputes and collections as they are shown."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from corebilling.kernel.errors import NotFound
from corebilling.kernel.settlement import Receipt
from corebilling.payment.collecting import not_collected
from corebilling.payment.domain.states import DisputeStatus, RefundStatus, Status
from corebilling.payment.queries import collections, disputes, payments, refunds
from corebilling.payment.queries.models import (
    Collection,
    Dispute,
    Payment,
    PaymentAllocation,
    Refund,
    RefundPart,
)
from corebilling.payment.schemas import (
    AllocationOut,
    CollectionOut,
    DisputeOut,
    Method,
    PaymentOut,
    RefundOut,
    RefundPartOut,
)
from corebilling.platform.db import Tx

_NEWEST = UUID(int=2**128 - 1)


class Wanted(msgspec.Struct, frozen=True):
    """Which ones; all that is given must hold. Newest first, after the id given. Payments: paid in `[paid_from, paid_to)`."""

    after: UUID | None
    limit: int
    customer_id: UUID | None = None
    invoice_id: UUID | None = None
    payment_id: UUID | None = None
    status: str | None = None
    dunning: bool = False
    paid_from: datetime | None = None
    paid_to: datetime | None = None

    @property
    def before(self) -> UUID:
        """The id that all are before."""
        return self.after or _NEWEST


async def payment(tx: Tx, tenant_id: UUID, payment_id: UUID) -> PaymentOut:
    """A payment. Raises `NotFound`."""
    row = await payments.get_payment(tx.conn, tenant_id=tenant_id, payment_id=payment_id)
    if row is None:
        raise NotFound(f"there is no payment {payment_id}; list payments to find its id", code="payment_not_found")
    [shown] = await _with_allocations(tx, tenant_id, [row])
    return shown


async def receipts(tx: Tx, tenant_id: UUID, invoice_ids: Sequence[UUID]) -> list[Receipt]:
    """What payments paid of these invoices."""
    rows = await payments.receipts_of(tx.conn, tenant_id=tenant_id, invoice_ids=invoice_ids)
    return [Receipt(**msgspec.structs.asdict(row)) for row in rows]


async def find_payments(tx: Tx, tenant_id: UUID, wanted: Wanted) -> list[PaymentOut]:
    """By the query whose index narrows most."""
    rows: Sequence[Payment]
    if wanted.invoice_id is not None:
        rows = await payments.list_invoice_payments(
            tx.conn, tenant_id=tenant_id, invoice_id=wanted.invoice_id, before_id=wanted.before,
            customer_id=wanted.customer_id, status=wanted.status, paid_from=wanted.paid_from,
            paid_to=wanted.paid_to, page=wanted.limit,
        )  # fmt: skip
    elif wanted.customer_id is not None:
        rows = await payments.list_customer_payments(
            tx.conn, tenant_id=tenant_id, customer_id=wanted.customer_id, before_id=wanted.before,
            status=wanted.status, paid_from=wanted.paid_from,
            paid_to=wanted.paid_to, page=wanted.limit,
        )  # fmt: skip
    else:
        rows = await payments.list_payments(
            tx.conn, tenant_id=tenant_id, before_id=wanted.before, status=wanted.status,
            paid_from=wanted.paid_from, paid_to=wanted.paid_to, page=wanted.limit,
        )  # fmt: skip
    return await _with_allocations(tx, tenant_id, rows)


async def refund(tx: Tx, tenant_id: UUID, refund_id: UUID) -> RefundOut:
    """A refund with what it was taken from. Raises `NotFound`."""
    row = await refunds.get_refund(tx.conn, tenant_id=tenant_id, refund_id=refund_id)
    if row is None:
        raise NotFound(f"there is no refund {refund_id}; list refunds to find its id", code="refund_not_found")
    [shown] = await _with_parts(tx, tenant_id, [row])
    return shown


async def find_refunds(tx: Tx, tenant_id: UUID, wanted: Wanted) -> list[RefundOut]:
    """Refunds."""
    rows = await refunds.list_refunds(
        tx.conn, tenant_id=tenant_id, before_id=wanted.before, payment_id=wanted.payment_id,
        customer_id=wanted.customer_id, status=wanted.status, page=wanted.limit,
    )  # fmt: skip
    return await _with_parts(tx, tenant_id, rows)


async def dispute(tx: Tx, tenant_id: UUID, dispute_id: UUID) -> DisputeOut:
    """A dispute. Raises `NotFound`."""
    row = await disputes.get_dispute(tx.conn, tenant_id=tenant_id, dispute_id=dispute_id)
    if row is None:
        raise NotFound(f"there is no dispute {dispute_id}; list disputes to find its id", code="dispute_not_found")
    return _dispute(row)


async def find_disputes(tx: Tx, tenant_id: UUID, wanted: Wanted) -> list[DisputeOut]:
    """Disputes."""
    rows = await disputes.list_disputes(
        tx.conn, tenant_id=tenant_id, before_id=wanted.before, payment_id=wanted.payment_id,
        customer_id=wanted.customer_id, status=wanted.status, page=wanted.limit,
    )  # fmt: skip
    return [_dispute(row) for row in rows]


async def collection(tx: Tx, tenant_id: UUID, invoice_id: UUID) -> CollectionOut:
    """How an invoice is collected. Raises `NotFound`."""
    row = await collections.get_collection(tx.conn, tenant_id=tenant_id, invoice_id=invoice_id)
    if row is None:
        raise not_collected(invoice_id)
    return _collection(row)


async def find_collections(tx: Tx, tenant_id: UUID, wanted: Wanted) -> list[CollectionOut]:
    """Collections, those of the newest invoices first."""
    rows = await collections.list_collections(
        tx.conn, tenant_id=tenant_id, before_id=wanted.before, customer_id=wanted.customer_id, status=wanted.status,
        dunning=wanted.dunning, page=wanted.limit,
    )  # fmt: skip
    return [_collection(row) for row in rows]


async def _with_allocations(tx: Tx, tenant_id: UUID, rows: Sequence[Payment]) -> list[PaymentOut]:
    ids = [row.payment_id for row in rows]
    found = await payments.allocations(tx.conn, tenant_id=tenant_id, payment_ids=ids) if ids else []
    of: dict[UUID, list[PaymentAllocation]] = {}
    for one in found:
        of.setdefault(one.payment_id, []).append(one)
    return [_payment(row, of) for row in rows]


def _payment(row: Payment, allocations: Mapping[UUID, Sequence[PaymentAllocation]]) -> PaymentOut:
    parts = tuple(
        AllocationOut(one.invoice_id, one.amount_minor, one.given_back_minor)
        for one in allocations.get(row.payment_id, ())
    )
    allocated = row.allocated_minor or 0
    if row.allocated_minor is None and row.journal_id and row.invoice_id:  # of before: wholly for its invoice
        allocated = row.amount_minor
        parts = parts or (AllocationOut(row.invoice_id, row.amount_minor, 0),)
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
        gateway=row.gateway,
        payment_method_id=row.payment_method_id,
        gateway_payment_id=row.gateway_payment_id,
        allocated_minor=allocated,
        credited_minor=row.credited_minor,
        refunded_minor=row.refunded_minor,
        disputed_minor=row.disputed_minor,
        fee_minor=row.fee_minor,
        failure_code=row.failure_code,
        failure_message=row.failure_message,
        next_action_url=row.next_action_url,
        allocations=parts,
    )


async def _with_parts(tx: Tx, tenant_id: UUID, rows: Sequence[Refund]) -> list[RefundOut]:
    ids = [row.refund_id for row in rows]
    found = await refunds.parts(tx.conn, tenant_ids=[tenant_id] * len(ids), refund_ids=ids) if ids else []
    return [_refund(row, [part for part in found if part.refund_id == row.refund_id]) for row in rows]


def _refund(row: Refund, parts: Sequence[RefundPart]) -> RefundOut:
    return RefundOut(
        id=row.refund_id,
        payment_id=row.payment_id,
        customer_id=row.customer_id,
        status=msgspec.convert(row.status, RefundStatus),
        currency=row.currency,
        amount_minor=row.amount_minor,
        invoice="reopen" if row.mode == "reopen" else "credit",
        reason=row.reason,
        reference=row.reference,
        gateway=row.gateway,
        gateway_refund_id=row.gateway_refund_id,
        journal_id=row.journal_id,
        paid_journal_id=row.paid_journal_id,
        failed_journal_id=row.failed_journal_id,
        failure_code=row.failure_code,
        failure_message=row.failure_message,
        requested_at=row.requested_at,
        settled_at=row.settled_at,
        created_at=row.created_at,
        parts=tuple(RefundPartOut(part.invoice_id, part.amount_minor, part.credit_note_id) for part in parts),
    )


def _dispute(row: Dispute) -> DisputeOut:
    return DisputeOut(
        id=row.dispute_id,
        payment_id=row.payment_id,
        customer_id=row.customer_id,
        gateway_dispute_id=row.gateway_dispute_id,
        status=msgspec.convert(row.status, DisputeStatus),
        currency=row.currency,
        amount_minor=row.amount_minor,
        fee_minor=row.fee_minor,
        lost_minor=row.lost_minor,
        reason=row.reason,
        journal_id=row.journal_id,
        won_journal_id=row.won_journal_id,
        opened_at=row.opened_at,
        closed_at=row.closed_at,
        created_at=row.created_at,
    )


def _collection(row: Collection) -> CollectionOut:
    return msgspec.convert(
        {name: getattr(row, name) for name in CollectionOut.__struct_fields__}, CollectionOut, strict=False
    )
