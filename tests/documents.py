"""Invoices, credit notes and statements as values, to be printed: a seller in Hamburg with all that the law wants, and its customers."""

import struct
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from corebilling.invoice.domain.document import Buyer, Seller
from corebilling.invoice.domain.statement import LineKind, StatementLine
from corebilling.invoice.domain.tax import LineTax
from corebilling.invoice.pdf.credit_notes import CreditNoteContent
from corebilling.invoice.pdf.invoices import InvoiceContent
from corebilling.invoice.pdf.statements import StatementContent
from corebilling.invoice.queries.models import CreditNote, CreditNoteLine, Invoice, InvoiceLine, InvoiceState, Statement
from corebilling.kernel.charge import Derivation, DerivationStep
from corebilling.kernel.party import LegalEntity, PostalAddress, TaxId

ID = UUID(int=1)
START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
DUE = datetime(2026, 3, 3, tzinfo=UTC)

LEGAL = LegalEntity(
    legal_name="Nordlicht Messdienste GmbH",
    address=PostalAddress("Speicherstraße 14", None, "20457", "Hamburg", None, "DE"),
    tax_ids=(TaxId("eu_vat", "DE136695976"),),
    registration="Amtsgericht Hamburg HRB 12345",
    email="rechnung@nordlicht.example",
    phone="+49 40 123456",
    bank_name="Hamburger Sparkasse",
    iban="DE89370400440532013000",
    bic="COBADEFFXXX",
)
SELLER = Seller("Nordlicht", "Europe/Berlin", LEGAL, "DE", "en")
BERLIN = PostalAddress("Lange Straße 1", None, "10243", "Berlin", None, "DE")
BUYER = Buyer(
    "cust_42", "Sonnenschein GmbH", "ap@sonnenschein.example", "UTC", BERLIN, (TaxId("eu_vat", "DE129273398"),)
)
PARIS = PostalAddress("12 rue de la Paix", None, "75002", "Paris", None, "FR")
RIYADH = PostalAddress("شارع الملك فهد 12", "حي العليا", "12214", "الرياض", None, "SA")


def step(quantity: int | str, unit_amount: str, flat_amount: int = 0, label: str = "tier") -> DerivationStep:
    """A step of a derivation."""
    units = Decimal(quantity)
    amount = units * Decimal(unit_amount) + flat_amount
    return DerivationStep(label, units, Decimal(unit_amount), Decimal(flat_amount), amount)


def derived(*steps: DerivationStep, billed: int = 0, note: str | None = None) -> Derivation:
    """A derivation of these steps."""
    amount = sum((one.amount for one in steps), Decimal(0))
    quantity = sum((one.quantity for one in steps), Decimal(0))
    return Derivation("graduated", quantity, steps, amount, 1, "1", billed, note=note)


def line(no: int, kind: str, name: str, how: Derivation, amount_minor: int, **more: Any) -> InvoiceLine:
    """A line for January 2026."""
    given = {
        "tenant_id": ID, "invoice_id": ID, "line_no": no, "kind": kind, "description": name, "amount_minor": amount_minor,
        "derivation": msgspec.json.encode(how).decode(), "quantity": how.quantity, "unit": None, "period_start": START,
        "period_end": END, "price_id": ID, "meter_code": None, "subscription_id": ID, "discount_minor": 0,
    } | more  # fmt: skip
    return _row(InvoiceLine, given)


def fee(no: int = 1, amount_minor: int = 4900, name: str = "Team plan", **more: Any) -> InvoiceLine:
    """A flat fee."""
    return line(no, "recurring", name, derived(step(1, "0", amount_minor // 100)), amount_minor, **more)


def tiered(no: int = 2) -> InvoiceLine:
    """178.75 for 11,500 calls in three tiers."""
    steps = (step(1000, "0.02"), step(9000, "0.015", 5), step(1500, "0.0125"))
    return line(no, "usage", "API calls", derived(*steps), 17875, unit="calls", meter_code="calls")


def vat(taxable_minor: int, rate: str = "0.19", category: Any = "S", **more: Any) -> LineTax:
    """A tax, worked out by itself."""
    due = int((Decimal(rate) * taxable_minor).to_integral_value())
    given = {"code": "de", "name": "USt", "place": "DE", "inclusive": False, "reason": None} | more
    return LineTax(category=category, rate=Decimal(rate), taxable_minor=taxable_minor, tax_minor=due, **given)


def content(
    lines: Sequence[InvoiceLine],
    *,
    taxes: dict[int, Sequence[LineTax]] | None = None,
    currency: str = "EUR",
    seller: Seller = SELLER,
    buyer: Buyer = BUYER,
    status: str = "open",
    credits: Sequence[tuple[str, int]] = (),
    prepaid: int = 0,
    logo: bytes | None = None,
    **more: Any,
) -> InvoiceContent:
    """An invoice of these lines; without `taxes` all lines have 19 % on top."""
    if taxes is None:
        taxes = {one.line_no: (vat(one.amount_minor + one.discount_minor),) for one in lines if one.kind != "discount"}
    every = [tax for found in taxes.values() for tax in found]
    subtotal = sum(one.amount_minor for one in lines)
    added = sum(tax.tax_minor for tax in every if not tax.inclusive)
    given = {
        "tenant_id": ID, "invoice_id": ID, "series": "INV-2026", "number": "INV-2026-000123", "customer_id": ID,
        "subscription_id": ID, "period_start": START, "period_end": END, "currency": currency, "line_count": len(lines),
        "subtotal_minor": subtotal, "tax_minor": added, "total_minor": subtotal + added, "issued_at": END, "due_at": DUE,
        "included_tax_minor": sum(tax.tax_minor for tax in every if tax.inclusive),
        "seller": msgspec.json.encode(seller).decode(), "customer": msgspec.json.encode(buyer).decode(),
        "rating_id": ID, "epoch": 1, "engine_version": "1", "journal_id": ID, "created_at": END, "purpose": "period",
    } | more  # fmt: skip
    void_reason = "Wrong customer" if status == "void" else None
    state = {
        "tenant_id": ID, "invoice_id": ID, "status": status, "total_minor": subtotal + added, "seq": 1, "paid_minor": 0,
        "changed_at": END, "void_reason": void_reason, "credited_minor": 0, "prepaid_minor": prepaid, "noted_minor": 0,
    }  # fmt: skip
    return InvoiceContent(_row(Invoice, given), _row(InvoiceState, state), lines, taxes, credits, prepaid, logo)


def credit_note(buyer: Buyer = BUYER) -> CreditNoteContent:
    """152.02 back: a part of a line and a whole one, 90.00 of it for the invoice that it corrects."""
    how = msgspec.json.encode(derived(step(1, "1"))).decode()
    period = {"period_start": START, "period_end": END, "derivation": how, "tenant_id": ID, "credit_note_id": ID}
    part = period | {"line_no": 1, "description": "API calls", "quantity": Decimal(10500), "unit": "calls"}
    whole = period | {"line_no": 2, "description": "Team plan", "quantity": Decimal(1)}
    lines = [
        _row(CreditNoteLine, part | {"billed_minor": 17875, "corrected_minor": 10000, "amount_minor": 7875}),
        _row(CreditNoteLine, whole | {"billed_minor": 4900, "corrected_minor": 0, "amount_minor": 4900}),
    ]
    taxes = {1: (vat(7875),), 2: (vat(4900),)}
    tax = sum(tax.tax_minor for found in taxes.values() for tax in found)
    note = {
        "tenant_id": ID, "credit_note_id": ID, "series": "CN-2026", "number": "CN-2026-000009", "customer_id": ID,
        "invoice_id": ID, "currency": "EUR", "line_count": 2, "total_minor": 12775 + tax, "applied_minor": 9000,
        "unapplied_minor": 3775 + tax, "balance_minor": 3775 + tax, "issued_at": END, "journal_id": ID, "created_at": END,
        "seller": msgspec.json.encode(SELLER).decode(), "customer": msgspec.json.encode(buyer).decode(),
        "tax_minor": tax, "included_tax_minor": 0, "refund": False, "reason": "Half of the calls were ours",
    }  # fmt: skip
    return CreditNoteContent(_row(CreditNote, note), lines, taxes, "INV-2026-000123", [("INV-2026-000123", 9000)])


def statement(
    *moved: tuple[str, str | None, int],
    opening: int = 0,
    currency: str = "EUR",
    buyer: Buyer = BUYER,
    descriptions: Sequence[str] = (),
    **more: Any,
) -> StatementContent:
    """A statement of January 2026: a movement of (kind, number, amount) each day; `descriptions` are those of the first ones."""
    lines, balance = [], opening
    for place, (kind, number, amount) in enumerate(moved):
        balance += amount
        at = START + timedelta(days=place % 31, hours=12)
        described = descriptions[place] if place < len(descriptions) else ""
        lines.append(StatementLine(at, msgspec.convert(kind, LineKind), number, described, amount, balance, ID, ID))
    charged = sum(line.amount_minor for line in lines if line.amount_minor > 0)
    given = {
        "tenant_id": ID, "statement_id": ID, "customer_id": ID, "currency": currency, "period_start": START,
        "period_end": END, "opening_minor": opening, "charged_minor": charged, "settled_minor": opening + charged - balance,
        "closing_minor": balance, "line_count": len(lines), "lines": msgspec.json.encode(lines).decode(),
        "seller": msgspec.json.encode(SELLER).decode(), "customer": msgspec.json.encode(buyer).decode(), "created_at": END,
    } | more  # fmt: skip
    return StatementContent(_row(Statement, given))


def png(width: int = 300, height: int = 80) -> bytes:
    """A picture of one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + b"\x1f\x4e\x79" * width for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def _row(kind: Any, given: dict[str, Any]) -> Any:
    """A row of a table; columns that don't matter here are null."""
    return kind(**(dict.fromkeys(kind.__struct_fields__) | given))
