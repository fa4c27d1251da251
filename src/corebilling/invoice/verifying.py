"""Computing invoices again from what they are pinned to, many at once, and telling where they differ.

Nothing is changed. Each question is asked once for all invoices of a page.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from uuid import UUID

import msgspec

from corebilling.invoice import grouping, stored
from corebilling.invoice.domain import (
    recounted_journals,
    recounted_lines,
    recounted_standing,
    recounted_taxes,
)
from corebilling.invoice.domain.document import Document
from corebilling.invoice.domain.findings import Difference, Finding, compared, of_invoice
from corebilling.invoice.domain.posting import invoice_journal, void_journal
from corebilling.invoice.domain.recounted_lines import Rated
from corebilling.invoice.domain.recounted_standing import Settled, Standing
from corebilling.invoice.drafting import unknown
from corebilling.invoice.ports import Books, Charges, Receipts, Recomputations
from corebilling.invoice.queries import invoices as reads
from corebilling.invoice.queries import verifying as queries
from corebilling.invoice.queries.models import Invoice, InvoiceState
from corebilling.invoice.schemas import FindingOut, VerificationOut
from corebilling.kernel.charge import BilledCharge, ChargeFinding
from corebilling.kernel.journal import PostedJournal
from corebilling.kernel.settlement import Receipt
from corebilling.platform.db import Tx


class _Known(msgspec.Struct):
    """All that was asked about a page of invoices, by invoice, rating or series."""

    states: Mapping[UUID, InvoiceState]
    ratings: Mapping[UUID, Rated]
    charges: Mapping[UUID, Sequence[BilledCharge]]
    rechecked: Mapping[UUID, Sequence[ChargeFinding]]
    journals: Mapping[UUID, Sequence[PostedJournal]]
    receipts: Mapping[UUID, Sequence[Receipt]]
    settled: Mapping[UUID, Settled]
    claims: set[tuple[UUID, UUID]]
    series: Mapping[str, int]


class Verification:
    """Holds invoices against what they came from and what became of them."""

    def __init__(self, *, charges: Charges, recomputations: Recomputations, books: Books, receipts: Receipts) -> None:
        self._charges = charges
        self._recomputations = recomputations
        self._books = books
        self._receipts = receipts

    async def show(self, tx: Tx, tenant_id: UUID, invoice_id: UUID) -> VerificationOut:
        """What is wrong with one invoice. Raises `NotFound`."""
        if await reads.get_invoice(tx.conn, tenant_id=tenant_id, invoice_id=invoice_id) is None:
            raise unknown(invoice_id)
        found = await self.verify(tx, tenant_id, [invoice_id])
        return VerificationOut(
            not found, [FindingOut(one.line_no, one.figure, one.stored, one.computed) for one in found]
        )

    async def verify(self, tx: Tx, tenant_id: UUID, invoice_ids: Sequence[UUID]) -> list[Finding]:
        """Everything that is wrong with these invoices; nothing where all comes out as it is stored. Unknown ones are left out.

        What seems wrong is looked at once more: an invoice that was paid between two of the questions looks so for a moment.
        """
        found = await self._verify(tx, tenant_id, invoice_ids)
        if not found:
            return []
        again = await self._verify(tx, tenant_id, list(dict.fromkeys(one.invoice_id for one in found)))
        seen = set(found)
        return [one for one in again if one in seen]

    async def _verify(self, tx: Tx, tenant_id: UUID, invoice_ids: Sequence[UUID]) -> list[Finding]:
        documents = await stored.documents(tx, [(tenant_id, invoice_id) for invoice_id in invoice_ids])
        rows = {invoice_id: row for (_, invoice_id), (row, _) in documents.items()}
        known = await self._known(tx, tenant_id, rows)
        return [
            finding
            for (_, invoice_id), (row, document) in sorted(documents.items())
            for finding in of_invoice(tenant_id, invoice_id, row.number, _differences(row, document, known))
        ]

    async def series(self, tx: Tx, tenant_id: UUID) -> list[Difference]:
        """Which of a tenant's number series have gaps."""
        rows = await queries.series_numbers(tx.conn, tenant_id=tenant_id)
        return [
            one
            for row in rows
            for one in recounted_standing.of_series(row.series, row.last_no, row.invoice_count + row.credit_note_count)
        ]

    async def counts(self, tx: Tx, tenant_id: UUID | None) -> dict[UUID, int]:
        """How many invoices there are, by tenant; in a system transaction."""
        rows = await queries.invoice_counts(tx.conn, tenant_id=tenant_id)
        return {row.tenant_id: row.invoice_count for row in rows}

    async def page(self, tx: Tx, tenant_id: UUID, after: UUID | None, limit: int) -> list[UUID]:
        """The tenant's next invoices, drafts included."""
        return await queries.invoice_page(tx.conn, tenant_id=tenant_id, after_id=after or UUID(int=0), page=limit)

    async def find(self, tx: Tx, reference: str, tenant_id: UUID | None) -> list[tuple[UUID, UUID]]:
        """The invoices (tenant, invoice) of that id or number; in a system transaction."""
        try:
            invoice_id = UUID(reference)
        except ValueError:
            invoice_id = None
        rows = await queries.where_invoices_are(
            tx.conn, invoice_id=invoice_id, number=None if invoice_id else reference, tenant_id=tenant_id
        )
        return [(row.tenant_id, row.invoice_id) for row in rows]

    async def _known(self, tx: Tx, tenant_id: UUID, rows: Mapping[UUID, Invoice]) -> _Known:
        ids = list(rows)
        ratings = await grouping.ratings_of(tx, tenant_id, rows)
        rating_ids = list(dict.fromkeys(rating_id for found in ratings.values() for rating_id, _ in found))
        charges = await self._charges.charges(tx, [(tenant_id, rating_id) for rating_id in rating_ids])
        rechecked: dict[UUID, list[ChargeFinding]] = defaultdict(list)
        if rating_ids:
            for one in await self._recomputations.recheck(tx, tenant_id, rating_ids):
                rechecked[one.rating_id].append(one)
        journals: dict[UUID, list[PostedJournal]] = defaultdict(list)
        for journal in await self._books.journals_of(tx, tenant_id, ("invoice", "invoice_void"), ids):
            journals[journal.document_id].append(journal)
        receipts: dict[UUID, list[Receipt]] = defaultdict(list)
        for receipt in await self._receipts.receipts(tx, tenant_id, ids):
            receipts[receipt.invoice_id].append(receipt)
        settled = await queries.settled_by(tx.conn, invoice_ids=ids, tenant_id=tenant_id)
        states = await reads.get_states(tx.conn, tenant_id=tenant_id, invoice_ids=ids)
        series = await queries.series_numbers(tx.conn, tenant_id=tenant_id)
        return _Known(
            {state.invoice_id: state for state in states},
            ratings,
            {rating_id: found for (_, rating_id), found in charges.items()},
            rechecked,
            journals,
            receipts,
            {
                row.invoice_id: Settled(row.prepaid_minor, row.credited_minor, row.by_hand_minor, row.by_rating_minor)
                for row in settled
            },
            await _claims(tx, tenant_id, ratings),
            {row.series: row.last_no for row in series},
        )


async def _claims(tx: Tx, tenant_id: UUID, ratings: Mapping[UUID, Rated]) -> set[tuple[UUID, UUID]]:
    """What is claimed, as (invoice, subscription)."""
    wanted = [(invoice_id, subscription_id) for invoice_id, found in ratings.items() for _, subscription_id in found]
    if not wanted:
        return set()
    rows = await queries.claimed_by(
        tx.conn,
        tenant_id=tenant_id,
        subscription_ids=[subscription_id for _, subscription_id in wanted],
        invoice_ids=[invoice_id for invoice_id, _ in wanted],
    )
    return {(row.invoice_id, row.subscription_id) for row in rows}


def _differences(row: Invoice, document: Document, known: _Known) -> Iterator[Difference]:
    state, ratings = known.states.get(row.invoice_id), known.ratings[row.invoice_id]
    if state is None:
        yield Difference(None, "state", "none", "one")
        return
    yield from compared("line_count", row.line_count, len(document.lines))
    if document.source is None:
        yield from recounted_lines.of_caller(document)
    else:
        yield from recounted_lines.of_charges(document, ratings, known.charges)
        rechecked = [one for rating_id, _ in ratings for one in known.rechecked.get(rating_id, ())]
        yield from recounted_lines.of_findings(ratings, known.charges, rechecked)
        yield from _of_claims(row, state, ratings, known.claims)
    yield from recounted_taxes.of_taxes(document)
    yield from recounted_taxes.of_totals(document, row.included_tax_minor, row.subtotal_minor)
    settled, receipts = known.settled.get(row.invoice_id, Settled()), known.receipts.get(row.invoice_id, ())
    yield from recounted_standing.of_settlement(_standing(state), row.total_minor, settled, receipts)
    if state.status != "draft":
        yield from recounted_standing.of_number(row.number, row.series, known.series.get(row.series or ""))
    yield from _of_journals(row, state, document, known.journals.get(row.invoice_id, ()))


def _of_claims(
    row: Invoice, state: InvoiceState, ratings: Iterable[tuple[UUID, UUID]], claims: set[tuple[UUID, UUID]]
) -> Iterator[Difference]:
    """What a void invoice billed may be billed again; any other has claimed it."""
    for _, subscription_id in ratings:
        is_claimed = (row.invoice_id, subscription_id) in claims
        if is_claimed == (state.status == "void"):
            stored_as, should_be = ("a claim", "none") if is_claimed else ("none", "a claim")
            yield Difference(None, f"claim on subscription {subscription_id}", stored_as, should_be)


def _of_journals(
    row: Invoice, state: InvoiceState, document: Document, posted: Sequence[PostedJournal]
) -> Iterator[Difference]:
    wanted = None
    if row.issued_at is not None:
        wanted = invoice_journal(document, row.issued_at, row.posting_version or 1)
    ids = {journal.document_type: journal.journal_id for journal in posted}
    yield from compared("journal_id", row.journal_id, ids.get("invoice"))
    if wanted is None:
        yield from recounted_journals.of_none("invoice", posted)
    else:
        yield from recounted_journals.of_journal(wanted, posted)
    if state.status == "void" and wanted is not None:
        yield from compared("void_journal_id", state.void_journal_id, ids.get("invoice_void"))
        yield from recounted_journals.of_journal(void_journal(wanted, row.number or "", wanted.effective_at), posted)
    else:
        yield from recounted_journals.of_none("invoice_void", posted)


def _standing(state: InvoiceState) -> Standing:
    return Standing(
        state.status,
        state.total_minor,
        state.paid_minor,
        state.credited_minor,
        state.prepaid_minor,
        state.noted_minor,
    )
