"""Finding invoices: by whatever is known of them, newest first."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from corebilling.invoice import reading
from corebilling.invoice.domain.document import Purpose
from corebilling.invoice.domain.states import Shown
from corebilling.invoice.queries import invoices as queries
from corebilling.invoice.queries.models import Invoice
from corebilling.invoice.schemas import InvoiceOut
from corebilling.platform.db import Tx

_NEWEST = UUID(int=2**128 - 1)


class InvoiceFilter(msgspec.Struct, frozen=True):
    """Which invoices; all that is given must hold. `customer` is a customer's id or external id.

    `[issued_from, issued_to)` is when they were issued; they are due before `due_before`.
    """

    customer_id: UUID | None = None
    subscription_id: UUID | None = None
    status: Shown | None = None
    number: str | None = None
    customer: str | None = None
    currency: str | None = None
    purpose: Purpose | None = None
    issued_from: datetime | None = None
    issued_to: datetime | None = None
    due_before: datetime | None = None


async def find(
    tx: Tx, tenant_id: UUID, wanted: InvoiceFilter, now: datetime, after: UUID | None, limit: int
) -> list[InvoiceOut]:
    """Invoices without their lines, newest first, after the id given; `now` is the tenant's time."""
    invoices = await _rows(tx, tenant_id, wanted, now, after or _NEWEST, limit)
    states = await queries.get_states(
        tx.conn, tenant_id=tenant_id, invoice_ids=[invoice.invoice_id for invoice in invoices]
    )
    by_id = {state.invoice_id: state for state in states}
    return [reading.summary(invoice, by_id[invoice.invoice_id], now) for invoice in invoices]


async def _rows(
    tx: Tx, tenant_id: UUID, wanted: InvoiceFilter, now: datetime, before: UUID, limit: int
) -> Sequence[Invoice]:
    """By the query whose index narrows most."""
    common = _common(wanted, now) | {"tenant_id": tenant_id, "before_id": before, "page": limit}
    customer_id, subscription_id = wanted.customer_id, wanted.subscription_id
    if wanted.number is not None:
        return await queries.list_numbered_invoices(
            tx.conn, number=wanted.number, customer_id=customer_id, subscription_id=subscription_id, **common
        )
    if subscription_id is not None:
        return await queries.list_subscription_invoices(
            tx.conn, subscription_id=subscription_id, customer_id=customer_id, **common
        )
    if customer_id is not None:
        return await queries.list_customer_invoices(tx.conn, customer_id=customer_id, **common)
    return await queries.list_invoices(tx.conn, **common)


def _common(wanted: InvoiceFilter, now: datetime) -> dict[str, Any]:
    is_past_due = wanted.status == "past_due"
    due_before = min(filter(None, (wanted.due_before, now if is_past_due else None)), default=None)
    return {
        "status": "open" if is_past_due else wanted.status,
        "currency": wanted.currency,
        "purpose": wanted.purpose,
        "issued_from": wanted.issued_from,
        "issued_to": wanted.issued_to,
        "due_before": due_before,
    }
