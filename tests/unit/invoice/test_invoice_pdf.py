from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import msgspec
import pytest

from corebilling.invoice.domain.document import Buyer, Seller
from corebilling.invoice.pdf.credit_notes import printable_credit_note
from corebilling.invoice.pdf.invoices import printable_invoice
from corebilling.invoice.pdf.printable import Printable
from corebilling.invoice.pdf.typesetting import pictures, render
from corebilling.kernel.charge import DerivationStep
from corebilling.kernel.party import PostalAddress
from documents import BUYER, ID, PARIS, RIYADH, START, content, credit_note, derived, fee, line, png, step, vat

ARABIC = msgspec.structs.replace(BUYER, name="شركة النور للتقنية والحلول الرقمية المحدودة", address=RIYADH, locale="ar")


def printed(*steps: DerivationStep, billed: int = 0) -> Printable:
    calls = line(1, "usage", "Calls", derived(*steps, billed=billed), 4750, unit="calls", meter_code="calls")
    return printable_invoice(content([calls], taxes={}))


def test_one_unit_price_stands_on_the_line_and_tiers_below_it() -> None:
    [simple] = printed(step(950, "0.05")).lines
    assert (simple.quantity, simple.unit, simple.unit_amount) == ("950", "calls", "0.05")
    assert (simple.amount, simple.steps) == ("47.50", [])
    [stepped] = printed(step(1000, "0.02"), step(1500, "0.015", 5)).lines
    assert (stepped.quantity, stepped.unit_amount) == ("2,500", "")
    assert [(row.quantity, row.unit_amount, row.amount) for row in stepped.steps] == [
        ("1,000", "0.02", "20.00"),
        ("1,500", "0.015 + 5.00", "27.50"),
    ]


def test_packages_stand_below_the_line_that_counts_what_is_in_them() -> None:
    packed = msgspec.structs.replace(derived(step(2, "0.40")), quantity=Decimal(26))
    [shown] = printable_invoice(content([line(1, "usage", "Calls", packed, 80, unit="calls")])).lines
    assert (shown.unit_amount, [(row.quantity, row.unit_amount) for row in shown.steps]) == ("", [("2", "0.40")])


def test_what_was_billed_before_is_shown_on_its_own() -> None:
    [late] = printed(step(1000, "0.05"), billed=250).lines
    assert [(row.label, row.amount) for row in late.steps] == [("tier", "50.00"), ("Billed before", "−2.50")]


@pytest.mark.parametrize("status", ["open", "void"])
def test_the_same_invoice_gives_the_same_bytes(status: str) -> None:
    shown = printable_invoice(content([fee()], status=status, logo=png()))
    one = render(shown)
    assert one.startswith(b"%PDF-")
    assert one == render(shown)


def test_text_of_others_is_set_as_it_is_and_never_run() -> None:
    hostile = '#panic("no") $x$ *b* \\ #sys.inputs " \' <&> 漢字 שלום'
    shown = printable_invoice(content([fee(name=hostile)], buyer=Buyer("x", hostile, None, "UTC"), memo=hostile))
    assert render(shown).startswith(b"%PDF-")


def test_discounts_credits_and_corrections_read_as_what_they_are() -> None:
    coupon = derived(DerivationStep("20 % off", Decimal(30), Decimal("-0.2"), Decimal(0), Decimal(-6)))
    corrected = derived(step(10, "1"), billed=1500, note="10.00 instead of 15.00 that were billed")
    december = datetime(2025, 12, 1, tzinfo=UTC)
    lines = [
        fee(1, 3000, discount_minor=-600),
        line(2, "adjustment", "Data", corrected, -500, unit="GB", period_start=december, period_end=START),
        line(3, "discount", "Coupon LAUNCH", coupon, -600),
        line(4, "carried", "Credit carried from an earlier invoice", derived(step(1, "0", -4)), -400),
    ]
    base, adjustment, discount, credit = printable_invoice(content(lines, taxes={})).lines
    assert (base.unit_amount, base.amount, base.remarks) == (
        "30.00",
        "30.00",
        ["Jan 1\N{THIN SPACE}–\N{THIN SPACE}31, 2026"],
    )
    assert adjustment.remarks == [
        "Usage of Dec 1\N{THIN SPACE}–\N{THIN SPACE}31, 2025",
        "10.00 instead of 15.00 that were billed",
    ]
    assert [(row.label, row.amount) for row in adjustment.steps] == [("tier", "10.00"), ("Billed before", "−15.00")]
    assert (discount.quantity, discount.unit_amount, discount.amount) == ("", "", "−6.00")
    assert (discount.remarks, discount.steps) == (["20 % off 30.00"], [])
    assert (credit.quantity, credit.amount, credit.remarks, credit.steps) == ("", "−4.00", [], [])


def test_each_of_several_subscriptions_has_its_heading() -> None:
    ids = [UUID(int=1), UUID(int=1), UUID(int=2)]
    lines = [fee(no, subscription_id=subscription) for no, subscription in enumerate(ids, 1)]
    names = msgspec.json.encode({str(UUID(int=n)): f"line-{n}" for n in (1, 2)}).decode()
    shown = printable_invoice(content(lines, subscription_id=None, group_id=ID, subscriptions=names))
    assert [line.heading for line in shown.lines] == ["line-1", None, "line-2"]
    assert render(shown).startswith(b"%PDF-")


def test_prepaid_credit_and_credit_notes_leave_what_is_due() -> None:
    shown = printable_invoice(content([fee()], taxes={}, credits=[("CN-2026-000001", 500)], prepaid=1000))
    assert (shown.total, shown.due) == ("€49.00", "€34.00")
    assert shown.settled == [("Credit note CN-2026-000001", "−5.00"), ("Prepaid credit", "−10.00")]
    assert ("IBAN", "DE89 3704 0044 0532 0130 00") in shown.payment
    settled = printable_invoice(content([fee()], taxes={}, prepaid=4900))
    assert (settled.terms, settled.payment) == ("Nothing is left to pay.", [])


def test_taxes_are_summed_up_by_rate_and_said_why_where_there_is_none() -> None:
    lines = [fee(1, 10000), fee(2, 5000), fee(3, 2000)]
    exempt = vat(2000, "0", "E", reason="Art. 132")
    shown = printable_invoice(content(lines, taxes={1: (vat(10000),), 2: (vat(5000, "0.07"),), 3: (exempt,)}))
    assert [(row.rate, row.taxable, row.tax) for row in shown.taxes] == [
        ("19%", "100.00", "19.00"), ("7%", "50.00", "3.50"), ("0%", "20.00", "0.00"),
    ]  # fmt: skip
    assert shown.totals == [("Subtotal", "170.00"), ("Tax", "22.50")]
    assert (shown.total, shown.notes) == ("€192.50", ["Exempt from tax: Art. 132"])
    assert [line.rate for line in shown.lines] == ["19%", "7%", "0%"]


def test_tax_within_prices_stands_below_the_total() -> None:
    gross = vat(10000, inclusive=True)
    shown = printable_invoice(content([fee(1, 11900)], taxes={1: (gross,)}))
    assert (shown.totals, shown.total, shown.included) == ([], "€119.00", [("Includes tax", "19.00")])


def test_reverse_charge_is_said_in_the_language_of_the_customer() -> None:
    french = msgspec.structs.replace(BUYER, address=PARIS, locale="fr-FR")
    shown = printable_invoice(content([fee()], buyer=french, taxes={1: (vat(4900, "0", "AE", reason="x"),)}))
    assert shown.notes == ["Autoliquidation : la taxe est due par le preneur."]
    assert shown.customer.lines[:3] == ["12 rue de la Paix", "75002 Paris", "France"]


@pytest.mark.parametrize(
    ("country", "lines"),
    [
        ("US", ["1 Main St", "Springfield, IL 62701", "United States"]),
        ("GB", ["1 Main St", "Springfield, IL", "62701", "United Kingdom"]),
        ("DE", ["1 Main St", "62701 Springfield", "IL", "Germany"]),
    ],
)
def test_addresses_are_written_as_in_their_country(country: str, lines: list[str]) -> None:
    there = Buyer("x", "X", None, "UTC", PostalAddress("1 Main St", None, "62701", "Springfield", "IL", country))
    assert printable_invoice(content([fee()], buyer=there)).customer.lines == lines


def test_documents_run_from_right_to_left_where_the_language_does() -> None:
    shown = printable_invoice(content([fee()], buyer=ARABIC))
    assert (shown.right_to_left, shown.language, shown.kind) == (True, "ar", "فاتورة")
    assert render(shown).startswith(b"%PDF-")


def test_a_credit_note_says_what_it_corrects_and_where_the_money_went() -> None:
    shown = printable_credit_note(credit_note())
    assert (shown.title, shown.total) == ("Credit note CN-2026-000009", "€152.02")
    assert ("Corrects invoice", "INV-2026-000123") in shown.facts
    assert shown.settled == [("Settles invoice INV-2026-000123", "90.00"), ("Added to your credit balance", "62.02")]
    assert "Billed 178.75, should be 100.00" in shown.lines[0].remarks
    assert render(shown).startswith(b"%PDF-")


def test_five_hundred_lines_and_endless_names_stay_on_their_pages() -> None:
    endless = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerk" * 5
    lines = [fee(no, name=endless if no % 50 == 0 else "Meter") for no in range(1, 501)]
    pages = pictures(printable_invoice(content(lines, seller=Seller(endless, "UTC"))), dots_per_inch=20)
    assert len(pages) > 15
    assert len(pages) < 40
