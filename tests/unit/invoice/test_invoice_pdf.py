from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
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


def line(no: int, kind: str, name: str, how: Derivation, amount_minor: int, **more: Any) -> InvoiceLine:
    given: dict[str, Any] = {
        "quantity": how.quantity, "unit": None, "period_start": START, "period_end": END, "price_id": ID,
        "meter_code": None, "subscription_id": ID, "discount_minor": 0,
    } | more  # fmt: skip
    return InvoiceLine(
        tenant_id=ID, invoice_id=ID, line_no=no, kind=kind, description=name, amount_minor=amount_minor,
        derivation=msgspec.json.encode(how).decode(), **given,
    )  # fmt: skip


def invoice(lines: list[InvoiceLine], *, currency: str = "EUR", name: str = "Acme", **more: Any) -> Invoice:
    total = sum(line.amount_minor for line in lines)
    given: dict[str, Any] = {"subscription_id": ID, "rating_id": ID, "group_id": None, "subscriptions": None} | more
    return Invoice(
        tenant_id=ID, invoice_id=ID, series="INV-2026", number="INV-2026-000001", customer_id=ID,
        period_start=START, period_end=END, currency=currency, line_count=1, subtotal_minor=total, tax_minor=0,
        total_minor=total, issued_at=END, due_at=datetime(2026, 3, 3, tzinfo=UTC),
        seller=msgspec.json.encode(Seller("Seller", "UTC")).decode(),
        customer=msgspec.json.encode(Buyer("acme", name, None, "UTC")).decode(),
        epoch=1, engine_version="1", journal_id=ID, created_at=END, purpose="period", **given,
    )  # fmt: skip


def state(total_minor: int, status: str = "open") -> InvoiceState:
    return InvoiceState(
        tenant_id=ID, invoice_id=ID, status=status, total_minor=total_minor, paid_minor=0, seq=1, changed_at=END,
        paid_at=None, voided_at=None, void_reason="typo" if status == "void" else None, void_journal_id=None,
        credited_minor=0,
    )  # fmt: skip


def derived(*steps: DerivationStep, billed: int = 0, note: str | None = None) -> Derivation:
    amount = sum((one.amount for one in steps), Decimal(0))
    quantity = sum((one.quantity for one in steps), Decimal(0))
    return Derivation("graduated", quantity, steps, amount, 1, "1", billed, note=note)


def printed(
    *steps: DerivationStep, currency: str = "EUR", status: str = "open", name: str = "Acme", billed: int = 0
) -> Printable:
    calls = line(1, "usage", "Calls", derived(*steps, billed=billed), 4750, unit="calls", meter_code="calls")
    return Printable.of(invoice([calls], currency=currency, name=name), state(4750, status), [calls])


def test_one_unit_price_stands_on_the_line_and_tiers_below_it() -> None:
    [simple] = printed(step(950, "0.05")).lines
    assert (simple.quantity, simple.unit_amount, simple.amount, simple.steps) == ("950 calls", "0.05", "47.50", [])
    [tiered] = printed(step(1000, "0.02"), step(1500, "0.015", 5)).lines
    assert (tiered.quantity, tiered.unit_amount) == ("2,500 calls", "")
    assert [(row.quantity, row.unit_amount, row.amount) for row in tiered.steps] == [
        ("1,000", "0.02", "20.00"),
        ("1,500", "0.015 + 5.00", "27.50"),
    ]


def test_packages_stand_below_the_line_that_counts_what_is_in_them() -> None:
    packed = derived(step(2, "0.40"))
    calls = line(1, "usage", "Calls", msgspec.structs.replace(packed, quantity=Decimal(26)), 80, unit="calls")
    [shown] = Printable.of(invoice([calls]), state(80, "open"), [calls]).lines
    assert (shown.unit_amount, [(row.quantity, row.unit_amount) for row in shown.steps]) == ("", [("2", "0.40")])


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


def test_discounts_credits_and_corrections_read_as_what_they_are() -> None:
    coupon = derived(DerivationStep("20 % off", Decimal(30), Decimal("-0.2"), Decimal(0), Decimal(-6)))
    carried = derived(step(1, "0", -4))
    corrected = derived(step(10, "1"), billed=1500, note="10.00 instead of 15.00 that were billed")
    december = datetime(2025, 12, 1, tzinfo=UTC)
    lines = [
        line(1, "recurring", "Base fee", derived(step(1, "0", 30)), 3000, discount_minor=-600),
        line(2, "adjustment", "Data", corrected, -500, unit="GB", period_start=december, period_end=START),
        line(3, "discount", "Coupon LAUNCH", coupon, -600),
        line(4, "carried", "Credit carried from an earlier invoice", carried, -400),
    ]
    fee, adjustment, discount, credit = Printable.of(invoice(lines), state(1500), lines).lines
    assert (fee.unit_amount, fee.amount, fee.remarks) == ("30.00", "30.00", ["1 Jan \u2013 31 Jan 2026"])
    assert adjustment.remarks == ["Usage of 1 Dec \u2013 31 Dec 2025", "10.00 instead of 15.00 that were billed"]
    assert [(row.label, row.amount) for row in adjustment.steps] == [("tier", "10.00"), ("Billed before", "-15.00")]
    assert (discount.quantity, discount.unit_amount, discount.amount) == ("", "", "-6.00")
    assert (discount.remarks, discount.steps) == (["20 % off 30.00"], [])
    assert (credit.quantity, credit.amount, credit.remarks, credit.steps) == ("", "-4.00", [], [])


def test_each_of_several_subscriptions_has_its_heading() -> None:
    ids = {UUID(int=n): f"line-{n}" for n in (1, 2)}
    lines = [
        line(no, "recurring", "Base fee", derived(step(1, "0", 10)), 1000, subscription_id=subscription)
        for no, subscription in enumerate([UUID(int=1), UUID(int=1), UUID(int=2)], 1)
    ]
    names = msgspec.json.encode({str(key): name for key, name in ids.items()}).decode()
    several = invoice(lines, subscription_id=None, rating_id=None, group_id=ID, subscriptions=names)
    shown = Printable.of(several, state(3000), lines)
    assert [line.heading for line in shown.lines] == ["line-1", None, "line-2"]
    assert render(shown).startswith(b"%PDF-")


def test_credit_notes_that_settled_a_part_leave_what_is_due() -> None:
    fee = line(1, "recurring", "Base fee", derived(step(1, "0", 30)), 3000)
    shown = Printable.of(invoice([fee]), state(3000), [fee], [("CN-2026-000001", 500)])
    assert shown.total == "30.00"
    assert shown.credits == [("Credit note CN-2026-000001", "-5.00"), ("Amount due", "25.00 EUR")]
    assert render(shown).startswith(b"%PDF-")
    settled = Printable.of(invoice([fee]), state(3000), [fee], [("CN-2026-000001", 3000)])
    assert settled.note is None, "nobody is asked to pay"
