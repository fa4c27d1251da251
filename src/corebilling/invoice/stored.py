"""Stored invoices as the documents that they are: to finalise a draft, to reverse a journal, to issue one anew."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import get_args
from uuid import UUID

import msgspec

from corebilling.invoice.domain.document import Buyer, Document, Line, LineKind, Seller, Source, purpose_of
from corebilling.invoice.domain.tax import LineTax, TaxCategory
from corebilling.invoice.queries import drafts as queries
from corebilling.invoice.queries.models import Invoice, InvoiceLine, InvoiceLineTax
from corebilling.invoice.standing import Key
from corebilling.kernel.charge import Derivation
from corebilling.platform.db import Tx

_derivation = msgspec.json.Decoder(Derivation)
_buyer = msgspec.json.Decoder(Buyer)
_names = msgspec.json.Decoder(dict[UUID, str])
_seller = msgspec.json.Decoder(Seller)

_KINDS: Mapping[str, LineKind] = {kind: kind for kind in get_args(LineKind)}
_CATEGORIES: Mapping[str, TaxCategory] = {category: category for category in get_args(TaxCategory)}

Stored = tuple[Invoice, Document]
"""The row that isn't in the document: number, dates, journal."""


async def documents(tx: Tx, keys: Sequence[Key]) -> dict[Key, Stored]:
    """These invoices with their lines and taxes, by (tenant, invoice); unknown ones are absent."""
    tenant_ids, invoice_ids = [tenant_id for tenant_id, _ in keys], [invoice_id for _, invoice_id in keys]
    rows = await queries.get_invoices(tx.conn, tenant_ids=tenant_ids, invoice_ids=invoice_ids)
    lines: dict[Key, list[InvoiceLine]] = defaultdict(list)
    for line in await queries.get_lines_of(tx.conn, tenant_ids=tenant_ids, invoice_ids=invoice_ids):
        lines[line.tenant_id, line.invoice_id].append(line)
    taxes = await taxes_of(tx, keys)
    found = {}
    for row in rows:
        key = (row.tenant_id, row.invoice_id)
        found[key] = (row, document_of(row, lines[key], taxes.get(key, {})))
    return found


async def taxes_of(tx: Tx, keys: Sequence[Key]) -> dict[Key, dict[int, list[LineTax]]]:
    """The taxes of invoices' lines, by (tenant, invoice) and the number of the line."""
    found: dict[Key, dict[int, list[LineTax]]] = defaultdict(lambda: defaultdict(list))
    for row in await queries.get_taxes_of(
        tx.conn, tenant_ids=[tenant_id for tenant_id, _ in keys], invoice_ids=[invoice_id for _, invoice_id in keys]
    ):
        found[row.tenant_id, row.invoice_id][row.line_no].append(_tax(row))
    return found


def document_of(row: Invoice, lines: Sequence[InvoiceLine], taxes: Mapping[int, Sequence[LineTax]]) -> Document:
    """The document of these rows."""
    return Document(
        tenant_id=row.tenant_id,
        invoice_id=row.invoice_id,
        customer_id=row.customer_id,
        currency=row.currency,
        lines=tuple(_line(line, taxes.get(line.line_no, ())) for line in lines),
        total_minor=row.total_minor,
        seller=_seller.decode(row.seller),
        buyer=_buyer.decode(row.customer),
        source=_source(row),
        tax_minor=row.tax_minor,
        included_tax_minor=row.included_tax_minor,
        tax_reference=row.tax_reference,
        memo=row.memo,
        purchase_order=row.purchase_order,
        net_days=row.net_days,
        replaces_invoice_id=row.replaces_invoice_id,
    )


def _source(row: Invoice) -> Source | None:
    if row.period_start is None or row.period_end is None:
        return None
    assert row.engine_version is not None
    return Source(
        purpose_of(row.purpose, row.subscription_id),
        row.subscription_id,
        row.period_start,
        row.period_end,
        row.rating_id,
        row.epoch or 0,
        row.engine_version,
        row.group_id,
        None if row.subscriptions is None else _names.decode(row.subscriptions),
    )


def _line(row: InvoiceLine, taxes: Sequence[LineTax]) -> Line:
    return Line(
        _KINDS[row.kind],
        row.description,
        row.quantity,
        row.unit,
        row.amount_minor,
        row.period_start,
        row.period_end,
        row.price_id,
        row.meter_code,
        _derivation.decode(row.derivation),
        row.subscription_id,
        row.discount_minor,
        row.product,
        row.tax_category,
        tuple(taxes),
    )


def _tax(row: InvoiceLineTax) -> LineTax:
    return LineTax(
        row.code,
        row.name,
        row.place,
        _CATEGORIES[row.category],
        row.rate,
        row.inclusive,
        row.taxable_minor,
        row.tax_minor,
        row.reason,
    )
