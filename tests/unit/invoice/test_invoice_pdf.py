from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import msgspec
import pytest

from corebilling.invoice.domain.document import Buyer, Seller
from corebilling.invoice.pdf.render import Printable, day, figure, priced, render, span
from corebilling.invoice.queries.models import Invoice, InvoiceLine, InvoiceState
from corebilling.kernel.charge import Derivation, DerivationStep

ID = UUID(int=1)
START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)


def step(quantity: int, unit_amount: str, flat_amount: int = 0) -> DerivationStep:
    amount = quantity * Decimal(unit_amount) + flat_amount
    return DerivationStep("tier", Decimal(quantity), Decimal(unit_amount), Decimal(flat_amount), amount)


def printed(
    *steps: DerivationStep, currency: str = "EUR", status: str = "open", name: str = "Acme", billed: int = 0
) -> Printable:
    amount = sum((one.amount for one in steps), Decimal(0))
    how = Derivation("graduated", sum((one.quantity for one in steps), Decimal(0)), steps, amount, 1, "1", billed)
    line = InvoiceLine(
        tenant_id=ID, invoice_id=ID, line_no=1, kind="usage", description="Calls", quantity=how.quantity, unit="calls",
        amount_minor=4750, period_start=START, period_end=END, price_id=ID, meter_code="calls",
        derivation=msgspec.json.encode(how).decode(),
    )  # fmt: skip
    invoice = Invoice(
        tenant_id=ID, invoice_id=ID, series="INV-2026", number="INV-2026-000001", customer_id=ID, subscription_id=ID,
        period_start=START, period_end=END, currency=currency, line_count=1, subtotal_minor=4750, tax_minor=0,
        total_minor=4750, issued_at=END, due_at=datetime(2026, 3, 3, tzinfo=UTC),
        seller=msgspec.json.encode(Seller("Seller", "UTC")).decode(),
        customer=msgspec.json.encode(Buyer("acme", name, None, "UTC")).decode(),
        rating_id=ID, epoch=1, engine_version="1", journal_id=ID, created_at=END,
    )  # fmt: skip
    state = InvoiceState(
        tenant_id=ID, invoice_id=ID, status=status, total_minor=4750, paid_minor=0, seq=1, changed_at=END, paid_at=None,
        voided_at=None, void_reason="typo" if status == "void" else None, void_journal_id=None,
    )  # fmt: skip
    return Printable.of(invoice, state, [line])


def test_one_unit_price_stands_on_the_line_and_tiers_below_it() -> None:
    [simple] = printed(step(950, "0.05")).lines
    assert (simple.quantity, simple.unit_amount, simple.amount, simple.steps) == ("950 calls", "0.05", "47.50", [])
    [tiered] = printed(step(1000, "0.02"), step(1500, "0.015", 5)).lines
    assert (tiered.quantity, tiered.unit_amount) == ("2,500 calls", "")
    assert [(row.quantity, row.unit_amount, row.amount) for row in tiered.steps] == [
        ("1,000", "0.02", "20.00"),
        ("1,500", "0.015 + 5.00", "27.50"),
    ]


def test_what_was_billed_before_is_shown_on_its_own() -> None:
    [late] = printed(step(1000, "0.05"), billed=250).lines
    assert [(row.label, row.amount) for row in late.steps] == [("tier", "50.00"), ("Billed before", "-2.50")]


@pytest.mark.parametrize("status", ["open", "void"])
def test_the_same_invoice_gives_the_same_bytes(status: str) -> None:
    one = render(printed(step(950, "0.05"), status=status))
    assert one.startswith(b"%PDF-")
    assert one == render(printed(step(950, "0.05"), status=status))


def test_text_of_others_is_set_as_it_is_and_never_run() -> None:
    hostile = '#panic("no") $x$ *b* \\ #sys.inputs " \' <&> 漢字 שלום'
    assert render(printed(step(950, "0.05"), name=hostile)).startswith(b"%PDF-")


def test_figures_dates_and_spans_read_well() -> None:
    assert figure(Decimal("1234567.500")) == "1,234,567.5"
    assert [priced(Decimal(text), "EUR") for text in ("20", "0.00015", "1234.5")] == ["20.00", "0.00015", "1,234.50"]
    assert (priced(Decimal(5), "JPY"), priced(Decimal(5), "KWD")) == ("5", "5.000")
    assert day(datetime(2026, 1, 31, 23, 30, tzinfo=UTC), "Europe/Berlin") == "1 February 2026"
    assert span(START, END, "UTC") == "1 Jan \u2013 31 Jan 2026"
    assert (
        span(datetime(2025, 12, 15, tzinfo=UTC), datetime(2026, 1, 15, tzinfo=UTC), "UTC")
        == "15 Dec 2025 \u2013 14 Jan 2026"
    )
    assert span(START, datetime(2026, 1, 2, tzinfo=UTC), "UTC") == "1 January 2026"
