"""From invoices and credit notes to the business terms of EN 16931 (BT-1 to BT-161), as the syntaxes are made from them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from corebilling.invoice.domain.document import Buyer, Seller
from corebilling.invoice.einvoice.lines import TaxedLine, breakdown_of, line_of, local_days, money
from corebilling.invoice.einvoice.missing import missing
from corebilling.invoice.einvoice.parties import buyer_party, delivered_to, seller_party
from corebilling.invoice.pdf.credit_notes import CreditNoteContent
from corebilling.invoice.pdf.invoices import InvoiceContent
from corebilling.invoice.reading import buyer, derivation, seller
from corebilling.kernel.charge import Derivation
from corebilling.kernel.errors import Conflict
from corebilling.kernel.period import zone

INVOICE, CREDIT_NOTE = "380", "381"
"""UNTDID 1001."""

_TRANSFER = "30"
"""UNTDID 4461: credit transfer."""

Model = dict[str, Any]
"""Business terms by their identifiers."""


def en16931(content: InvoiceContent | CreditNoteContent) -> Model:
    """The document in business terms. Raises `Conflict` with all that is missing."""
    if lacking := missing(content):
        names = ", ".join(one.pointer for one in lacking)
        raise Conflict(
            f"an e-invoice needs what this document was issued without: {names}; complete the settings and the customer, "
            "then reissue it",
            code="einvoice_incomplete",
            fields=lacking,
        )
    return _invoice(content) if isinstance(content, InvoiceContent) else _credit_note(content)


def _invoice(content: InvoiceContent) -> Model:
    invoice = content.invoice
    assert invoice.issued_at is not None
    assert invoice.due_at is not None
    sold_by, sold_to = seller(invoice), buyer(invoice)
    lines = [
        TaxedLine(
            line.line_no, line.description, line.quantity, line.unit, _unit_amount(derivation(line)), line.amount_minor,
            content.taxes[line.line_no][0], line.period_start, line.period_end,
        )
        for line in content.lines
        if line.line_no in content.taxes
    ]  # fmt: skip
    model = _head(INVOICE, invoice.number or "", invoice.issued_at, invoice.currency, sold_by, sold_to)
    model |= _sums(lines, invoice.total_minor, content.settled_minor, invoice.currency, sold_to.time_zone)
    model["BT-9"] = _day(invoice.due_at, sold_by)
    if invoice.purchase_order:
        model["BT-13"] = invoice.purchase_order
    if invoice.period_start and invoice.period_end and invoice.period_start < invoice.period_end:
        model["BT-73"], model["BT-74"] = local_days(invoice.period_start, invoice.period_end, sold_to.time_zone)
    if sold_by.legal.iban and content.settled_minor < invoice.total_minor:
        account = {"BT-84": sold_by.legal.iban, "BT-85": sold_by.legal.legal_name, "BT-86": sold_by.legal.bic}
        model |= {"BT-81": _TRANSFER, "BT-83": invoice.number}
        model |= {term: value for term, value in account.items() if value}
    if invoice.memo:
        model["BG-1"] = [{"BT-22": invoice.memo}]
    return model


def _credit_note(content: CreditNoteContent) -> Model:
    note = content.note
    sold_by, sold_to = seller(note), buyer(note)
    lines = [
        TaxedLine(
            line.line_no, line.description, line.quantity, line.unit, None, line.amount_minor,
            content.taxes[line.line_no][0], line.period_start, line.period_end,
        )
        for line in content.lines
        if line.line_no in content.taxes
    ]  # fmt: skip
    model = _head(CREDIT_NOTE, note.number, note.issued_at, note.currency, sold_by, sold_to)
    model |= _sums(lines, note.total_minor, 0, note.currency, sold_to.time_zone)
    model["BT-20"] = "Settled against invoices or added to the customer's credit"
    if content.corrects:
        model["BG-3"] = [{"BT-25": content.corrects}]
    notes = [text for text in (note.reason, note.memo) if text]
    if notes:
        model["BG-1"] = [{"BT-22": text} for text in notes]
    return model


def _head(kind: str, number: str, issued_at: datetime, currency: str, sold_by: Seller, sold_to: Buyer) -> Model:
    return {
        "BT-1": number,
        "BT-2": _day(issued_at, sold_by),
        "BT-3": kind,
        "BT-5": currency,
        "BG-4": seller_party(sold_by),
        "BG-7": buyer_party(sold_to),
        "BG-13": delivered_to(sold_to),
    }


def _sums(lines: Sequence[TaxedLine], total: int, paid: int, currency: str, time_zone: str) -> Model:
    net = sum(line.tax.taxable_minor for line in lines)
    model = {
        "BG-23": breakdown_of((line.tax for line in lines), currency),
        "BG-25": [line_of(line, currency, time_zone) for line in lines],
        "BT-106": money(net, currency),
        "BT-109": money(net, currency),
        "BT-110": money(total - net, currency),
        "BT-112": money(total, currency),
        "BT-115": money(total - paid, currency),
    }
    return model | ({"BT-113": money(paid, currency)} if paid else {})


def _unit_amount(how: Derivation) -> Any:
    if len(how.steps) != 1 or how.already_billed_minor or how.steps[0].flat_amount:
        return None
    return how.steps[0].unit_amount


def _day(at: datetime, sold_by: Seller) -> Any:
    return at.astimezone(zone(sold_by.time_zone)).date()
