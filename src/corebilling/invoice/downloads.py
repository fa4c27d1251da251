"""Invoices and credit notes as files."""

import asyncio
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Literal
from uuid import UUID

import msgspec
import typst
from loguru import logger

from corebilling.invoice.domain.tax import LineTax, TaxCategory
from corebilling.invoice.drafting import unknown
from corebilling.invoice.einvoice.hybrid import marked
from corebilling.invoice.einvoice.missing import missing
from corebilling.invoice.einvoice.model import Model, en16931
from corebilling.invoice.einvoice.syntaxes import cii, ubl
from corebilling.invoice.files import Files, Order, ascii_name, key_of, plain_pdf
from corebilling.invoice.pdf.credit_notes import CreditNoteContent, printable_credit_note
from corebilling.invoice.pdf.invoices import InvoiceContent, printable_invoice
from corebilling.invoice.pdf.printable import Printable
from corebilling.invoice.pdf.typesetting import render
from corebilling.invoice.ports import Logos
from corebilling.invoice.queries import credits as notes
from corebilling.invoice.queries import downloads, invoices
from corebilling.kernel.errors import NotFound
from corebilling.platform.db import Tx

Format = Literal["pdf", "xml", "ubl"]
"""`pdf`, with the e-invoice inside where its data is there; `xml`, that is CII; `ubl`."""

Content = InvoiceContent | CreditNoteContent

_MEDIA_TYPES: dict[Format, str] = {"pdf": "application/pdf", "xml": "application/xml", "ubl": "application/xml"}
_ENDINGS: dict[Format, str] = {"pdf": "pdf", "xml": "cii.xml", "ubl": "ubl.xml"}


class Downloads:
    """Loads what documents show in a transaction, and makes files of it outside of any."""

    def __init__(self, *, logos: Logos, files: Files) -> None:
        self._logos = logos
        self.files = files

    async def invoice(self, tx: Tx, tenant_id: UUID, invoice_id: UUID) -> InvoiceContent:
        """An invoice with all that its documents need. Raises `NotFound`."""
        invoice = await invoices.get_invoice(tx.conn, tenant_id=tenant_id, invoice_id=invoice_id)
        if invoice is None:
            raise unknown(invoice_id)
        [state] = await invoices.get_states(tx.conn, tenant_id=tenant_id, invoice_ids=[invoice_id])
        lines = await invoices.get_lines(tx.conn, tenant_id=tenant_id, invoice_id=invoice_id)
        taxes = await downloads.line_taxes_of_invoice(tx.conn, tenant_id=tenant_id, invoice_id=invoice_id)
        applied: list[tuple[str, int]] = []
        prepaid = 0
        if issued_at := invoice.issued_at:
            found = await notes.credits_at_issue(
                tx.conn, tenant_id=tenant_id, invoice_id=invoice_id, issued_at=issued_at
            )
            applied = [(row.number, row.amount_minor) for row in found]
            prepaid = await downloads.prepaid_at_issue(
                tx.conn, tenant_id=tenant_id, invoice_id=invoice_id, issued_at=issued_at
            ) or 0  # fmt: skip
        logo = await self._logos.logo(tx, tenant_id)
        return InvoiceContent(invoice, state, lines, _by_line(taxes), applied, prepaid, logo)

    async def credit_note(self, tx: Tx, tenant_id: UUID, credit_note_id: UUID) -> CreditNoteContent:
        """A credit note with all that its documents need. Raises `NotFound`."""
        note = await notes.get_credit_note(tx.conn, tenant_id=tenant_id, credit_note_id=credit_note_id)
        if note is None:
            raise NotFound(
                f"there is no credit note {credit_note_id}; list credit notes to find its id",
                code="credit_note_not_found",
            )
        lines = await notes.get_credit_note_lines(tx.conn, tenant_id=tenant_id, credit_note_id=credit_note_id)
        taxes = await downloads.line_taxes_of_credit_note(tx.conn, tenant_id=tenant_id, credit_note_id=credit_note_id)
        settled = await downloads.settled_at_issue(
            tx.conn, tenant_id=tenant_id, credit_note_id=credit_note_id, issued_at=note.issued_at
        )
        corrects = note.invoice_id and await invoices.get_invoice(
            tx.conn, tenant_id=tenant_id, invoice_id=note.invoice_id
        )
        return CreditNoteContent(
            note,
            lines,
            _by_line(taxes),
            corrects.number if corrects else None,
            [(row.number, row.amount_minor) for row in settled],
            await self._logos.logo(tx, tenant_id),
        )

    async def order(self, content: Content, wanted: Format) -> Order:
        """What to hand out. Raises `Conflict` for an e-invoice whose data isn't all there."""
        return await asyncio.to_thread(_order, content, wanted)


def _order(content: Content, wanted: Format) -> Order:
    kind, number, is_final = _identity(content)
    name = f"{kind}-{number}.{_ENDINGS[wanted]}".lower()
    row = content.invoice if isinstance(content, InvoiceContent) else content.note
    if wanted != "pdf":
        model = en16931(content)
        make = partial(cii if wanted == "xml" else ubl, model)
        seen = repr((wanted, model)).encode()
    else:
        shown = printable_invoice(content) if isinstance(content, InvoiceContent) else printable_credit_note(content)
        embedded = None if missing(content) else en16931(content)
        make = partial(_pdf, shown, embedded)
        seen = msgspec.json.encode(shown) + repr(embedded).encode()
    key = key_of(row.tenant_id, f"{kind}s", _id(content), seen, _ENDINGS[wanted])
    return Order(ascii_name(name), _MEDIA_TYPES[wanted], key if is_final else None, make)


def _identity(content: Content) -> tuple[str, str, bool]:
    """Kind, number, and whether it is final."""
    if isinstance(content, CreditNoteContent):
        return "credit-note", content.note.number, True
    return "invoice", content.invoice.number or "draft", content.invoice.number is not None


def _id(content: Content) -> UUID:
    return content.invoice.invoice_id if isinstance(content, InvoiceContent) else content.note.credit_note_id


def _pdf(shown: Printable, model: Model | None) -> bytes:
    if model is not None:
        try:
            return marked(render(shown, cii(model)))
        except typst.TypstError as error:
            # PDF/A must have a glyph for every character; a name in a script that the fonts lack is still an invoice.
            logger.warning("{} is no PDF/A, so it goes without its e-invoice: {}", shown.title, error.message)
    return plain_pdf(shown)


def _by_line(
    rows: Iterable[downloads.LineTaxesOfInvoiceRow | downloads.LineTaxesOfCreditNoteRow],
) -> dict[int, Sequence[LineTax]]:
    taxes: dict[int, list[LineTax]] = {}
    for row in rows:
        category: TaxCategory = msgspec.convert(row.category, TaxCategory)
        taxes.setdefault(row.line_no, []).append(
            LineTax(
                row.code,
                row.name,
                row.place,
                category,
                row.rate,
                row.inclusive,
                row.taxable_minor,
                row.tax_minor,
                row.reason,
            )
        )
    return dict(taxes)
