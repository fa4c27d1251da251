"""What an outside tax engine may answer, and how much of it is believed."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from corebilling.invoice.domain.document import Document, buyer_of, one_off_line, seller_of
from corebilling.invoice.domain.tax import LineTax
from corebilling.invoice.domain.tax_quote import (
    AnsweredLine,
    TaxAnswer,
    TaxFailure,
    quoted,
    request_of,
)
from corebilling.kernel.errors import Unavailable
from corebilling.kernel.party import CustomerProfile, PostalAddress, TenantProfile

ID = UUID(int=7)
TENANT = TenantProfile(UUID(int=1), "Seller", "USD", "UTC", False, "INV", 30, country="US")
CUSTOMER = CustomerProfile(
    UUID(int=1), UUID(int=2), "c", "C", None, "USD", "UTC", address=PostalAddress(state="NY", country="US")
)


def document() -> Document:
    """100.00 and 50.00, 10.00 of them off, and 20.00 of carried credit."""
    sold = [one_off_line(f"Item {n}", Decimal(1), None, Decimal(amount), "USD") for n, amount in enumerate((100, 50))]
    lines = (
        replace(sold[0], discount_minor=-1000),
        sold[1],
        replace(sold[0], kind="discount", amount_minor=-1000),
        replace(sold[0], kind="carried", amount_minor=-2000),
    )
    total = sum(line.amount_minor for line in lines)
    return Document(
        TENANT.tenant_id, ID, CUSTOMER.customer_id, "USD", lines, total, seller_of(TENANT), buyer_of(CUSTOMER), None
    )


def tax(taxable: int, amount: int, **wanted: Any) -> LineTax:
    given: dict[str, Any] = {"rate": Decimal("0.04"), "inclusive": False, **wanted}
    return LineTax("ny", "Sales tax", "US-NY", "S", given["rate"], given["inclusive"], taxable, amount)


def answer(*lines: AnsweredLine, **wanted: Any) -> TaxAnswer:
    sums = [sum(t.tax_minor for line in lines for t in line.taxes if t.inclusive is within) for within in (False, True)]
    return replace(TaxAnswer(ID, lines, sums[0], sums[1]), **wanted)


GOOD = answer(AnsweredLine(1, (tax(7714, 309),)), AnsweredLine(2, (tax(4286, 171),)))


def test_the_engine_is_asked_about_what_is_taxed_alone() -> None:
    asked = request_of(document(), TENANT, CUSTOMER, datetime(2026, 5, 1, tzinfo=UTC))
    assert [(line.line_no, line.base_minor) for line in asked.lines] == [(1, 7714), (2, 4286)]
    assert (asked.reference, asked.buyer.country, asked.buyer.region) == (ID, "US", "NY")


def test_a_good_answer_is_on_the_document_with_its_totals() -> None:
    done = quoted(document(), replace(GOOD, document="T-1"))
    assert (done.subtotal_minor, done.tax_minor, done.included_tax_minor, done.total_minor) == (12000, 480, 0, 12480)
    assert [line.taxes for line in done.lines] == [*(line.taxes for line in GOOD.lines), (), ()]
    assert done.tax_reference == "T-1"
    assert quoted(document(), GOOD).tax_reference == str(ID)


def test_tax_within_prices_and_untaxed_lines_are_answers_too() -> None:
    within = answer(AnsweredLine(1, ()), AnsweredLine(2, (tax(4121, 165, inclusive=True),)))
    done = quoted(document(), within)
    assert (done.total_minor, done.included_tax_minor) == (12000, 165)
    assert done.lines[1].net_minor == 5000 - 165


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (answer(GOOD.lines[0]), "lacks line 2"),
        (answer(*GOOD.lines, AnsweredLine(3, ())), "has line 3"),
        (answer(*GOOD.lines, AnsweredLine(9, ())), "has line 9"),
        (answer(*GOOD.lines, GOOD.lines[0]), "line 1 more than once"),
        (replace(GOOD, tax_minor=481), "481 are added"),
        (replace(GOOD, included_tax_minor=1), "1 included"),
        (answer(AnsweredLine(1, (tax(7715, 309),)), GOOD.lines[1]), "isn't a part of 7714"),
        (answer(AnsweredLine(1, (tax(-7714, -309),)), GOOD.lines[1]), "isn't a part of 7714"),
        (answer(AnsweredLine(1, (tax(7714, 30900),)), GOOD.lines[1]), "isn't 0.04 of 7714"),
        (answer(AnsweredLine(1, (tax(0, 0),) * 51), GOOD.lines[1]), "more than 50 taxes"),
        (answer(AnsweredLine(1, (replace(tax(0, 0), name="\x00"),)), GOOD.lines[1]), "words"),
        (answer(AnsweredLine(1, (tax(0, 0, rate=Decimal("1E-9999")),)), GOOD.lines[1]), "not a fraction"),
        (answer(AnsweredLine(1, (tax(7714, -7714, rate=Decimal(-1)),)), GOOD.lines[1]), "not a fraction"),
        (answer(AnsweredLine(1, (tax(7714, 0, rate=Decimal("NaN")),)), GOOD.lines[1]), "not a fraction"),
        (answer(AnsweredLine(1, (tax(7714, 7714, rate=Decimal(1), inclusive=True),) * 2), GOOD.lines[1]), "more tax"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused(wrong: TaxAnswer, told: str) -> None:
    with pytest.raises(Unavailable, match=told) as caught:
        quoted(document(), wrong)
    assert caught.value.code == "tax_engine_wrong"


def test_a_failure_is_no_answer() -> None:
    with pytest.raises(Unavailable, match="answered 500") as caught:
        quoted(document(), TaxFailure(ID, "the tax engine answered 500: oops"))
    assert caught.value.code == "tax_engine_failed"
