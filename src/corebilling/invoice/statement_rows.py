"""Statements as rows: written once with the event that tells of each, read as answers."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from corebilling.events.envelope import NewEvent
from corebilling.events.invoice import StatementGenerated
from corebilling.invoice.domain.document import Buyer, Seller, buyer_of, seller_of
from corebilling.invoice.domain.statement import Statement, StatementLine
from corebilling.invoice.queries import statements as queries
from corebilling.invoice.queries.models import Statement as Row
from corebilling.invoice.schemas.statements import (
    StatementDetailOut,
    StatementLineOut,
    StatementMade,
    StatementOrder,
    StatementOut,
)
from corebilling.kernel.ids import new_id
from corebilling.kernel.party import CustomerProfile, TenantProfile
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Tx

_lines = msgspec.json.Decoder(tuple[StatementLine, ...])
_buyer = msgspec.json.Decoder(Buyer)
_seller = msgspec.json.Decoder(Seller)


async def closing_balances(
    tx: Tx, tenant_id: UUID, customer_ids: Sequence[UUID], at: datetime
) -> dict[tuple[UUID, str], int]:
    """What statements that ended at that instant closed with, by customer and currency."""
    rows = await queries.closing_balances(tx.conn, tenant_id=tenant_id, customer_ids=customer_ids, period_start=at)
    return {(row.customer_id, row.currency): row.closing_minor for row in rows}


async def numbers(tx: Tx, tenant_id: UUID, document_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Numbers of invoices and credit notes by the documents that are about them."""
    if not document_ids:
        return {}
    rows = await queries.numbers_of_documents(tx.conn, tenant_id=tenant_id, document_ids=document_ids)
    return {row.document_id: row.number for row in rows if row.document_id and row.number}


async def keep(
    tx: Tx,
    order: StatementOrder,
    found: Sequence[Statement],
    seller: TenantProfile,
    buyers: Mapping[UUID, CustomerProfile],
) -> list[StatementMade]:
    """Write statements and tell of them; those of a customer, currency and period that has one already are left out."""
    if not found:
        return []
    ids = [new_id() for _ in found]
    written = await queries.add_statements(
        tx.conn,
        tenant_id=seller.tenant_id,
        period_start=order.period_start,
        period_end=order.period_end,
        created_at=order.at,
        seller=_text(seller_of(seller)),
        statement_ids=ids,
        customer_ids=[one.customer_id for one in found],
        currencies=[one.currency for one in found],
        openings_minor=[one.opening_minor for one in found],
        charged_minor=[one.charged_minor for one in found],
        settled_minor=[one.settled_minor for one in found],
        line_counts=[len(one.lines) for one in found],
        lines=[_text(one.lines) for one in found],
        customers=[_text(buyer_of(buyers[one.customer_id])) for one in found],
    )
    new = set(written)
    kept = [(key, one) for key, one in zip(ids, found, strict=True) if key in new]
    await emit(tx, [_event(seller.tenant_id, order, key, one) for key, one in kept])
    return [StatementMade(key, one.customer_id, one.currency, one.closing_minor) for key, one in kept]


def summary(row: Row | queries.ListStatementsRow) -> StatementOut:
    """A statement without its lines."""
    return StatementOut(**_fields(row))


def detail(row: Row) -> StatementDetailOut:
    """A statement with its lines."""
    sold_to = buyer(row)
    return StatementDetailOut(
        **_fields(row),
        seller_name=seller(row).name,
        customer_name=sold_to.name,
        customer_external_id=sold_to.external_id,
        lines=[StatementLineOut(**msgspec.structs.asdict(line)) for line in lines(row)],
    )


def lines(row: Row) -> tuple[StatementLine, ...]:
    """Its lines, in the order in which they took effect."""
    return _lines.decode(row.lines)


def buyer(row: Row) -> Buyer:
    """The customer, as it stood when the statement was made."""
    return _buyer.decode(row.customer)


def seller(row: Row) -> Seller:
    """The tenant, as it stood when the statement was made."""
    return _seller.decode(row.seller)


def _fields(row: Row | queries.ListStatementsRow) -> dict[str, Any]:
    return {
        "id": row.statement_id,
        "customer_id": row.customer_id,
        "currency": row.currency,
        "period_start": row.period_start,
        "period_end": row.period_end,
        "opening_minor": row.opening_minor,
        "charged_minor": row.charged_minor,
        "settled_minor": row.settled_minor,
        "closing_minor": row.closing_minor,
        "line_count": row.line_count,
        "created_at": row.created_at,
    }


def _event(tenant_id: UUID, order: StatementOrder, statement_id: UUID, made: Statement) -> NewEvent:
    payload = StatementGenerated(
        statement_id,
        made.customer_id,
        made.currency,
        order.period_start,
        order.period_end,
        made.opening_minor,
        made.closing_minor,
    )
    return NewEvent(tenant_id, statement_id, 1, payload, order.at)


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()
