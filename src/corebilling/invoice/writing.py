"""Documents as rows: an invoice with its lines, their taxes and its state, all in one statement."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from corebilling.invoice.domain.document import Document
from corebilling.invoice.domain.issue import Issue
from corebilling.invoice.domain.posting import POSTING_VERSION
from corebilling.invoice.queries import drafts
from corebilling.invoice.queries import issue as queries
from corebilling.invoice.standing import States
from corebilling.platform.db import Tx

_json = msgspec.json.Encoder().encode

Journals = Mapping[UUID, UUID]
"""By invoice; those without journal are absent."""


async def write_drafts(tx: Tx, documents: Sequence[Document], written_at: datetime) -> None:
    """Write drafts: no number, no journal, not issued."""
    await write(tx, documents, [None] * len(documents), [None] * len(documents), {}, written_at)


async def write(
    tx: Tx,
    documents: Sequence[Document],
    issues: Sequence[Issue | None],
    numbers: Sequence[str | None],
    journals: Journals,
    written_at: datetime,
) -> None:
    """Write invoices that didn't exist before; drafts have neither terms nor a number."""
    lines = [(document, no, line) for document in documents for no, line in enumerate(document.lines, 1)]
    sources = [document.source for document in documents]
    await queries.write_invoices(
        tx.conn,
        created_at=written_at,
        tenant_ids=[document.tenant_id for document in documents],
        invoice_ids=[document.invoice_id for document in documents],
        statuses=[issue.status if issue else "draft" for issue in issues],
        changed_ats=[issue.issued_at if issue else written_at for issue in issues],
        series=[issue.numbering.series if issue else None for issue in issues],
        numbers=numbers,
        customer_ids=[document.customer_id for document in documents],
        subscription_ids=[source.subscription_id if source else None for source in sources],
        period_starts=[source.period_start if source else None for source in sources],
        period_ends=[source.period_end if source else None for source in sources],
        currencies=[document.currency for document in documents],
        line_counts=[len(document.lines) for document in documents],
        subtotals_minor=[document.subtotal_minor for document in documents],
        taxes_minor=[document.tax_minor for document in documents],
        included_taxes_minor=[document.included_tax_minor for document in documents],
        totals_minor=[document.total_minor for document in documents],
        issued_ats=[issue.issued_at if issue else None for issue in issues],
        due_ats=[issue.due_at if issue else None for issue in issues],
        sellers=[_json(document.seller) for document in documents],
        customers=[_json(document.buyer) for document in documents],
        rating_ids=[source.rating_id if source else None for source in sources],
        epochs=[source.epoch if source else None for source in sources],
        engine_versions=[source.engine_version if source else None for source in sources],
        journal_ids=[journals.get(document.invoice_id) for document in documents],
        invoice_purposes=[source.purpose if source else "one_off" for source in sources],
        group_ids=[source.group_id if source else None for source in sources],
        subscriptions=[_json(source.names) if source and source.names else None for source in sources],
        memos=[document.memo for document in documents],
        purchase_orders=[document.purchase_order for document in documents],
        net_days=[document.net_days for document in documents],
        replaces_invoice_ids=[document.replaces_invoice_id for document in documents],
        posting_versions=[POSTING_VERSION if issue else None for issue in issues],
        tax_references=[document.tax_reference for document in documents],
        line_tenant_ids=[document.tenant_id for document, _, _ in lines],
        line_invoice_ids=[document.invoice_id for document, _, _ in lines],
        line_nos=[no for _, no, _ in lines],
        kinds=[line.kind for _, _, line in lines],
        line_descriptions=[line.description for _, _, line in lines],
        quantities=[line.quantity for _, _, line in lines],
        units=[line.unit for _, _, line in lines],
        amounts_minor=[line.amount_minor for _, _, line in lines],
        line_period_starts=[line.period_start for _, _, line in lines],
        line_period_ends=[line.period_end for _, _, line in lines],
        price_ids=[line.price_id for _, _, line in lines],
        meter_codes=[line.meter_code for _, _, line in lines],
        derivations=[_json(line.derivation) for _, _, line in lines],
        line_subscription_ids=[line.subscription_id for _, _, line in lines],
        discounts_minor=[line.discount_minor for _, _, line in lines],
        products=[line.product for _, _, line in lines],
        line_tax_categories=[line.tax_category for _, _, line in lines],
        **_taxes(documents),
    )


async def write_final(
    tx: Tx,
    documents: Sequence[Document],
    issues: Sequence[Issue],
    numbers: Sequence[str],
    journals: Journals,
    states: States,
) -> None:
    """Make drafts final, whose states are locked; their lines stay, their taxes are those of the documents."""
    tenant_ids, invoice_ids = [one.tenant_id for one in documents], [one.invoice_id for one in documents]
    await drafts.drop_taxes(tx.conn, tenant_ids=tenant_ids, invoice_ids=invoice_ids)
    if (taxes := _taxes(documents))["tax_nos"]:
        await drafts.write_taxes(tx.conn, **taxes)
    await drafts.state_final(
        tx.conn,
        tenant_ids=tenant_ids,
        invoice_ids=invoice_ids,
        statuses=[issue.status for issue in issues],
        totals_minor=[document.total_minor for document in documents],
        seqs=[states[document.tenant_id, document.invoice_id].seq + 1 for document in documents],
        changed_ats=[issue.issued_at for issue in issues],
    )
    await drafts.finalise(
        tx.conn,
        tenant_ids=tenant_ids,
        invoice_ids=invoice_ids,
        series=[issue.numbering.series for issue in issues],
        numbers=numbers,
        issued_ats=[issue.issued_at for issue in issues],
        due_ats=[issue.due_at for issue in issues],
        journal_ids=[journals.get(document.invoice_id) for document in documents],
        sellers=[_json(document.seller) for document in documents],
        customers=[_json(document.buyer) for document in documents],
        taxes_minor=[document.tax_minor for document in documents],
        included_taxes_minor=[document.included_tax_minor for document in documents],
        totals_minor=[document.total_minor for document in documents],
        posting_versions=[POSTING_VERSION] * len(documents),
        tax_references=[document.tax_reference for document in documents],
    )


def _taxes(documents: Sequence[Document]) -> dict[str, Any]:
    rows = [
        (document, line_no, tax_no, tax)
        for document in documents
        for line_no, line in enumerate(document.lines, 1)
        for tax_no, tax in enumerate(line.taxes, 1)
    ]
    return {
        "tax_tenant_ids": [document.tenant_id for document, _, _, _ in rows],
        "tax_invoice_ids": [document.invoice_id for document, _, _, _ in rows],
        "tax_line_nos": [line_no for _, line_no, _, _ in rows],
        "tax_nos": [tax_no for _, _, tax_no, _ in rows],
        "tax_codes": [tax.code for _, _, _, tax in rows],
        "tax_names": [tax.name for _, _, _, tax in rows],
        "tax_places": [tax.place for _, _, _, tax in rows],
        "tax_categories": [tax.category for _, _, _, tax in rows],
        "tax_rates": [tax.rate for _, _, _, tax in rows],
        "tax_inclusives": [tax.inclusive for _, _, _, tax in rows],
        "taxables_minor": [tax.taxable_minor for _, _, _, tax in rows],
        "line_taxes_minor": [tax.tax_minor for _, _, _, tax in rows],
        "tax_reasons": [tax.reason for _, _, _, tax in rows],
    }
