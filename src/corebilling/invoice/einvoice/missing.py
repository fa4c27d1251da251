"""What keeps a document from being an e-invoice, each with where it is to be mended."""

from collections.abc import Iterator

from corebilling.invoice.domain.tax import LineTax
from corebilling.invoice.einvoice.lines import UNTAXED_KINDS
from corebilling.invoice.einvoice.parties import has_vat_id, missing_of_buyer, missing_of_seller
from corebilling.invoice.pdf.credit_notes import CreditNoteContent
from corebilling.invoice.pdf.invoices import InvoiceContent
from corebilling.invoice.queries.models import CreditNote, Invoice
from corebilling.invoice.reading import buyer, seller
from corebilling.kernel.errors import FieldError
from corebilling.kernel.money import exponent

_BETWEEN_TAXABLE_PERSONS = frozenset({"AE", "K"})


def missing(content: InvoiceContent | CreditNoteContent) -> list[FieldError]:
    """What an e-invoice needs and the document doesn't have."""
    row = content.invoice if isinstance(content, InvoiceContent) else content.note
    taxes = [tax for found in content.taxes.values() for tax in found]
    return [
        *missing_of_seller(seller(row)),
        *missing_of_buyer(buyer(row)),
        *_missing_of_state(content, row),
        *_missing_taxes(content, taxes, row.total_minor),
        *_missing_vat_ids(row, taxes),
    ]


def _missing_of_state(content: InvoiceContent | CreditNoteContent, row: Invoice | CreditNote) -> Iterator[FieldError]:
    if row.number is None:
        yield FieldError("/number", "a number; finalise the draft")
    if isinstance(content, InvoiceContent) and content.state.status == "void":
        yield FieldError("/status", "an invoice that holds; this one was voided")
    if exponent(row.currency) > 2:
        yield FieldError("/currency", f"amounts with at most two decimals; those of {row.currency} have more")


def _missing_taxes(
    content: InvoiceContent | CreditNoteContent, taxes: list[LineTax], total_minor: int
) -> Iterator[FieldError]:
    """EN 16931 has one tax on a line, and taxed amounts with their taxes make up the total."""
    if not taxes:
        yield FieldError("/taxes", "taxes; set up tax rates for where the customer is")
    several = False
    for line in content.lines:
        count = len(content.taxes.get(line.line_no, ()))
        counted = getattr(line, "kind", "") not in UNTAXED_KINDS and line.amount_minor
        if count > 1 or (not count and counted):
            several = True
            yield FieldError(f"/lines/{line.line_no}/taxes", f"exactly one tax on each line; here are {count}")
    if taxes and not several and sum(tax.taxable_minor + tax.tax_minor for tax in taxes) != total_minor:
        yield FieldError("/total_minor", "taxed amounts and taxes that make up the total")


def _missing_vat_ids(row: Invoice | CreditNote, taxes: list[LineTax]) -> Iterator[FieldError]:
    if not any(tax.category in _BETWEEN_TAXABLE_PERSONS for tax in taxes):
        return
    if not has_vat_id(seller(row).legal.tax_ids):
        yield FieldError("/seller/legal/tax_ids", "the seller's VAT id, where the customer accounts for the tax")
    if not has_vat_id(buyer(row).tax_ids):
        yield FieldError("/customer/tax_ids", "the customer's VAT id, where it accounts for the tax")
