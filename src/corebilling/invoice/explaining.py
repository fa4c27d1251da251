"""How an invoice came about, from its total down to the usage, and what became of it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import urlencode
from uuid import UUID

import msgspec

from corebilling.invoice import grouping, settlement_reading, stored
from corebilling.invoice.domain.document import Document, Line, purpose_of
from corebilling.invoice.domain.explain import addition, calculation, rounding, subtraction, tax_calculation
from corebilling.invoice.domain.posting import deferral_of
from corebilling.invoice.domain.recounted_taxes import Rounding, rounding_of
from corebilling.invoice.domain.states import Status
from corebilling.invoice.domain.tax import LineTax, bases, totals
from corebilling.invoice.drafting import unknown
from corebilling.invoice.ports import Books, Plans, Receipts
from corebilling.invoice.queries import invoices as reads
from corebilling.invoice.queries.models import Invoice, InvoiceState
from corebilling.invoice.reading import taxes_out
from corebilling.invoice.schemas.explanations import (
    ExplainedDeferralOut,
    ExplainedEntryOut,
    ExplainedJournalOut,
    ExplainedPriceOut,
    ExplainedTaxOut,
    Explanation,
    LineExplanation,
    SettlementOut,
    StepOut,
)
from corebilling.kernel.charge import DerivationStep
from corebilling.kernel.decimals import plain
from corebilling.kernel.journal import PostedJournal
from corebilling.platform.db import Tx


class Explaining:
    """Explains invoices."""

    def __init__(self, *, plans: Plans, books: Books, receipts: Receipts) -> None:
        self._plans = plans
        self._books = books
        self._receipts = receipts

    async def explain(self, tx: Tx, tenant_id: UUID, invoice_id: UUID) -> Explanation:
        """The whole tree of one invoice. Raises `NotFound`."""
        key = (tenant_id, invoice_id)
        found = await stored.documents(tx, [key])
        if key not in found:
            raise unknown(invoice_id)
        row, document = found[key]
        [state] = await reads.get_states(tx.conn, tenant_id=tenant_id, invoice_ids=[invoice_id])
        ratings = (await grouping.ratings_of(tx, tenant_id, {invoice_id: row}))[invoice_id]
        prices = await self._prices(tx, tenant_id, document)
        journals = await self._books.journals_of(tx, tenant_id, ("invoice", "invoice_void"), [invoice_id])
        settled = await settlement_reading.settlement(
            tx, row, state, await self._receipts.receipts(tx, tenant_id, [invoice_id])
        )
        return _explanation(row, state, document, [rating_id for rating_id, _ in ratings], prices, journals, settled)

    async def _prices(self, tx: Tx, tenant_id: UUID, document: Document) -> dict[UUID, ExplainedPriceOut]:
        wanted = {(tenant_id, line.price_id) for line in document.lines if line.price_id is not None}
        prices = await self._plans.prices(tx, wanted) if wanted else {}
        of_plans = {(tenant_id, price.plan_id) for price in prices.values() if price.plan_id is not None}
        plans = await self._plans.plans(tx, of_plans) if of_plans else {}
        shown = {}
        for (_, price_id), price in prices.items():
            plan = plans.get((tenant_id, price.plan_id)) if price.plan_id is not None else None
            shown[price_id] = ExplainedPriceOut(
                price_id,
                price.code,
                price.name,
                price.plan_id,
                plan.code if plan else None,
                plan.version if plan else None,
            )
        return shown


def _explanation(
    row: Invoice,
    state: InvoiceState,
    document: Document,
    ratings: list[UUID],
    prices: Mapping[UUID, ExplainedPriceOut],
    journals: Sequence[PostedJournal],
    settled: SettlementOut,
) -> Explanation:
    tax_rounding = rounding_of(document)
    added = [row.tax_minor] if row.tax_minor else []
    return Explanation(
        id=row.invoice_id,
        number=row.number,
        currency=row.currency,
        total_minor=row.total_minor,
        subtotal_minor=row.subtotal_minor,
        tax_minor=row.tax_minor,
        rating_id=row.rating_id,
        epoch=row.epoch,
        engine_version=row.engine_version,
        calculation=addition([line.amount_minor for line in document.lines] + added, row.total_minor, row.currency),
        lines=_lines(row, document, tax_rounding, prices),
        ratings=ratings,
        status=msgspec.convert(state.status, Status),
        purpose=purpose_of(row.purpose, row.subscription_id),
        issued_at=row.issued_at,
        included_tax_minor=row.included_tax_minor,
        tax_rounding=tax_rounding,
        tax_reference=row.tax_reference,
        taxes=_taxes(
            totals(tax for line in document.lines for tax in line.taxes), tax_rounding, row.currency, of_line=False
        ),
        settlement=settled,
        journals=[_journal(journal) for journal in journals],
        ledger_entries=f"/v1/ledger/entries?document_id={row.invoice_id}",
    )


def _lines(
    row: Invoice, document: Document, tax_rounding: Rounding | None, prices: Mapping[UUID, ExplainedPriceOut]
) -> list[LineExplanation]:
    return [
        _line(row, document, no, line, base, tax_rounding, prices)
        for no, (line, base) in enumerate(zip(document.lines, bases(document.lines), strict=True), 1)
    ]


def _line(
    row: Invoice,
    document: Document,
    no: int,
    line: Line,
    base: int,
    tax_rounding: Rounding | None,
    prices: Mapping[UUID, ExplainedPriceOut],
) -> LineExplanation:
    how = line.derivation
    own = 0 if line.kind in ("discount", "carried") else line.amount_minor + line.discount_minor
    shares = [("share of discounts", -line.discount_minor), ("share of carried credit", own - base)]
    deferral = deferral_of(document, line, row.issued_at) if row.issued_at else None
    return LineExplanation(
        line_no=no,
        description=line.description,
        kind=line.kind,
        amount_minor=line.amount_minor,
        model=how.model,
        quantity=plain(how.quantity),
        unit=line.unit,
        steps=[_step(step) for step in how.steps],
        exact_amount=plain(how.amount),
        already_billed_minor=how.already_billed_minor,
        rounding=rounding(how.amount, how.already_billed_minor, line.amount_minor, row.currency),
        price_id=line.price_id,
        epoch=how.epoch,
        engine_version=how.engine_version,
        usage_events=_usage_path(row, line),
        subscription_id=line.subscription_id or row.subscription_id,
        discount_minor=line.discount_minor,
        note=how.note,
        price=prices.get(line.price_id) if line.price_id else None,
        product=line.product,
        tax_category=line.tax_category,
        carried_share_minor=own - base,
        base_minor=base,
        base_calculation=subtraction(line.amount_minor if own or base else 0, shares, row.currency),
        taxes=_taxes(line.taxes, tax_rounding, row.currency, of_line=True),
        net_minor=line.net_minor,
        deferral=ExplainedDeferralOut(deferral.amount_minor, deferral.starts_at, deferral.ends_at, deferral.product)
        if deferral
        else None,
    )


def _taxes(
    taxes: Sequence[LineTax], tax_rounding: Rounding | None, currency: str, *, of_line: bool
) -> list[ExplainedTaxOut]:
    return [
        ExplainedTaxOut(
            **msgspec.structs.asdict(shown), calculation=tax_calculation(tax, tax_rounding, currency, of_line=of_line)
        )
        for tax, shown in zip(taxes, taxes_out(taxes), strict=True)
    ]


def _journal(journal: PostedJournal) -> ExplainedJournalOut:
    entries = [ExplainedEntryOut(entry.account, entry.amount_minor, entry.customer_id) for entry in journal.entries]
    return ExplainedJournalOut(journal.journal_id, journal.document_type, journal.effective_at, entries)


def _usage_path(row: Invoice, line: Line) -> str | None:
    if line.meter_code is None or line.period_start is None or line.period_end is None:
        return None
    query = urlencode(
        {
            "subscription_id": str(line.subscription_id or row.subscription_id),
            "meter": line.meter_code,
            "from": _instant(line.period_start),
            "to": _instant(line.period_end),
        }
    )
    return f"/v1/usage/events?{query}"


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _step(step: DerivationStep) -> StepOut:
    return StepOut(
        step.label,
        plain(step.quantity),
        plain(step.unit_amount),
        plain(step.flat_amount),
        plain(step.amount),
        calculation(step),
    )
