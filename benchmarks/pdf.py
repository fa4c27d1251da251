"""Invoices set as PDFs, in one process on one core: from rows to bytes, no two alike."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from benchmarks.results import Result
from corebilling.invoice.domain.document import Buyer, Seller
from corebilling.invoice.domain.tax import LineTax
from corebilling.invoice.einvoice.hybrid import marked
from corebilling.invoice.einvoice.model import en16931
from corebilling.invoice.einvoice.syntaxes import cii
from corebilling.invoice.pdf.invoices import InvoiceContent, printable_invoice
from corebilling.invoice.pdf.typesetting import render
from corebilling.invoice.queries.models import Invoice, InvoiceLine, InvoiceState
from corebilling.kernel.charge import Derivation, DerivationStep
from corebilling.kernel.party import LegalEntity, PostalAddress, TaxId

_ID = UUID(int=1)
_START, _END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
_PARIS = PostalAddress("12 rue de la Paix", None, "75002", "Paris", None, "FR")
_LEGAL = LegalEntity(
    "Lumière SAS",
    _PARIS,
    (TaxId("eu_vat", "FR40303265045"),),
    "RCS Paris 303 265 045",
    iban="FR1420041010050500013M02606",
)


def run(scale: float) -> list[Result]:
    """Small and long invoices, and small ones as Factur-X."""
    _plain(_invoice(0, 1))  # the fonts are read once in the life of a process
    return [
        _measured("PDFs, 1 line", _plain, 1, int(1000 * scale)),
        _measured("PDFs, 10 lines of 3 tiers", _plain, 10, int(300 * scale)),
        _measured("PDFs, 500 lines of 3 tiers", _plain, 500, int(10 * scale)),
        _measured("PDFs as Factur-X, 10 lines of 3 tiers", _hybrid, 10, int(300 * scale)),
    ]


def _measured(name: str, make: Callable[[InvoiceContent], bytes], lines: int, count: int) -> Result:
    invoices = [_invoice(number, lines) for number in range(1, max(2, count) + 1)]
    started = time.perf_counter()
    size = sum(len(make(invoice)) for invoice in invoices)
    seconds = time.perf_counter() - started
    detail = f"{1000 * seconds / len(invoices):.1f} ms each, {size // len(invoices) // 1024} KiB"
    return Result(name, len(invoices) / seconds, "PDFs/s", None, detail)


def _plain(invoice: InvoiceContent) -> bytes:
    return render(printable_invoice(invoice))


def _hybrid(invoice: InvoiceContent) -> bytes:
    return marked(render(printable_invoice(invoice), cii(en16931(invoice))))


def _invoice(number: int, count: int) -> InvoiceContent:
    lines = [_line(number, no) for no in range(1, count + 1)]
    taxes = {line.line_no: (_vat(line.amount_minor),) for line in lines}
    subtotal, tax = sum(line.amount_minor for line in lines), sum(one.tax_minor for [one] in taxes.values())
    name = f"INV-2026-{number:06}"
    buyer = Buyer(f"cust_{number}", f"Customer {number} SARL", f"ap@{number}.example", "UTC", _PARIS, (), "fr")
    given = {
        "tenant_id": _ID, "invoice_id": _ID, "number": name, "customer_id": _ID, "currency": "EUR", "period_start": _START,
        "period_end": _END, "subtotal_minor": subtotal, "tax_minor": tax, "included_tax_minor": 0,
        "total_minor": subtotal + tax, "issued_at": _END, "due_at": _END, "created_at": _END,
        "seller": msgspec.json.encode(Seller("Lumière", "Europe/Paris", _LEGAL, "FR", "fr")).decode(),
        "customer": msgspec.json.encode(buyer).decode(),
    }  # fmt: skip
    state = {"status": "open", "total_minor": subtotal + tax}
    return InvoiceContent(_row(Invoice, given), _row(InvoiceState, state), lines, taxes)


def _line(number: int, no: int) -> InvoiceLine:
    first, second, third = (Decimal(1000), Decimal(9000), Decimal(number * 17 + no))
    prices = (Decimal("0.02"), Decimal("0.015"), Decimal("0.0125"))
    units = (first, second, third)
    steps = tuple(
        DerivationStep(f"tier {tier}", quantity, price, Decimal(0), quantity * price)
        for tier, (quantity, price) in enumerate(zip(units, prices, strict=True), 1)
    )
    amount = sum((step.amount for step in steps), Decimal(0))
    how = Derivation("graduated", sum(units, Decimal(0)), steps, amount, 1, "1")
    given = {
        "line_no": no, "kind": "usage", "description": f"API calls of project {number}-{no}", "quantity": how.quantity,
        "unit": "calls", "amount_minor": int(amount * 100), "derivation": msgspec.json.encode(how).decode(),
        "period_start": _START, "period_end": _END, "discount_minor": 0,
    }  # fmt: skip
    return _row(InvoiceLine, given)


def _vat(taxable: int) -> LineTax:
    return LineTax("fr", "TVA", "FR", "S", Decimal("0.2"), False, taxable, (taxable * 2 + 5) // 10)


def _row(kind: Any, given: dict[str, Any]) -> Any:
    return kind(**(dict.fromkeys(kind.__struct_fields__) | given))
