"""The guide's examples are true: each is taxed, and comes to what stands below it."""

import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from corebilling.invoice.domain.document import one_off, one_off_line
from corebilling.invoice.domain.tax import LineTax, assess, totals
from corebilling.invoice.domain.tax_quote import TaxAnswer, TaxRequest, fault
from corebilling.invoice.domain.tax_rates import TaxRate, applicable, applied, place_of, rate_code, region_code
from corebilling.invoice.domain.taxed import taxed
from corebilling.invoice.schemas import LineCreate
from corebilling.invoice.schemas.tax_rates import TaxRateCreate
from corebilling.kernel.decimals import plain
from corebilling.kernel.money import from_minor
from corebilling.kernel.party import (
    CustomerProfile,
    InvoicingTerms,
    PostalAddress,
    TaxId,
    TaxRounding,
    TaxStatus,
    TenantProfile,
)

GUIDE = (Path(__file__).resolve().parents[3] / "docs/guides/tax.md").read_text()
EXAMPLES = re.findall(r"```json\n(.*?)```\nTaxes: `([^`]+)`. Total: `([^`]+)`", GUIDE, re.DOTALL)
SELLER, BUYER, INVOICE = UUID(int=1), UUID(int=2), UUID(int=3)


class Seller(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    country: str
    tax_rounding: TaxRounding = "line"


class Customer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    billing_address: PostalAddress
    tax_ids: tuple[TaxId, ...] = ()
    tax_status: TaxStatus = "taxable"
    exemption_reason: str | None = None


class Line(LineCreate, frozen=True, forbid_unknown_fields=True, kw_only=True):
    tax_category: str | None = None


class Example(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    seller: Seller
    rates: list[TaxRateCreate]
    customer: Customer
    lines: list[Line]
    currency: str = "EUR"


def kept(number: int, rate: TaxRateCreate) -> TaxRate:
    region = region_code(rate.country, rate.region)
    code = rate_code(rate.name, rate.country, region, rate.tax_category, rate.rate, None)
    return TaxRate(
        UUID(int=number), code, rate.name, rate.rate, rate.country, region, rate.tax_category, rate.inclusive,
        rate.reverse_charge, "S",
    )  # fmt: skip


def told(tax: LineTax, currency: str) -> str:
    percent = plain(tax.rate * 100)
    amounts = f"{from_minor(tax.taxable_minor, currency)}: {from_minor(tax.tax_minor, currency)}"
    within = " included" if tax.inclusive else ""
    return f"{tax.name} {percent}% on {amounts}{within}" + (f" ({tax.category}, {tax.reason})" if tax.reason else "")


@pytest.mark.parametrize(("body", "taxes", "total"), EXAMPLES, ids=[taxes for _, taxes, _ in EXAMPLES])
def test_an_example_comes_to_what_the_guide_says(body: str, taxes: str, total: str) -> None:
    example = msgspec.json.decode(body, type=Example)
    terms = InvoicingTerms(tax_rounding=example.seller.tax_rounding)
    tenant = TenantProfile(
        SELLER, "S", example.currency, "UTC", False, "INV", 30, country=example.seller.country, invoicing=terms
    )
    bought = example.customer
    customer = CustomerProfile(
        SELLER, BUYER, "c", "C", None, example.currency, "UTC", bought.billing_address, bought.tax_ids, bought.tax_status,
        bought.exemption_reason,
    )  # fmt: skip
    rates = [kept(number, rate) for number, rate in enumerate(example.rates)]
    place = place_of(tenant, customer)
    assert place is not None
    lines = [
        one_off_line(line.description, Decimal(1), None, line.unit_amount, example.currency) for line in example.lines
    ]
    wanted = [
        applied(applicable(rates, place, line.tax_category, date(2026, 5, 1)), tenant, customer)
        for line in example.lines
    ]
    document = taxed(
        one_off(INVOICE, example.currency, lines, tenant, customer), assess(lines, wanted, terms.tax_rounding)
    )
    sums = totals(tax for line in document.lines for tax in line.taxes)
    assert ", ".join(told(tax, example.currency) for tax in sums) == taxes
    assert f"{from_minor(document.total_minor, example.currency)} {example.currency}" == total


def test_every_block_is_an_example() -> None:
    assert len(EXAMPLES) == GUIDE.count("```json\n") > 5


def test_what_an_engine_is_asked_and_answers_is_as_the_guide_shows_it() -> None:
    (asked,) = re.findall(r"```json tax-request\n(.*?)```", GUIDE, re.DOTALL)
    (answered,) = re.findall(r"```json tax-answer\n(.*?)```", GUIDE, re.DOTALL)
    request = msgspec.json.decode(asked, type=TaxRequest)
    assert msgspec.json.decode(msgspec.json.encode(request)) == msgspec.json.decode(asked)
    answer = msgspec.json.decode(answered, type=TaxAnswer)
    lines = [
        one_off_line(
            line.description, Decimal(1), None, from_minor(line.base_minor, request.currency), request.currency
        )
        for line in request.lines
    ]
    assert answer.reference == request.reference
    assert fault(lines, answer) is None
