"""Which rates apply to whom, where, and from when on."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from corebilling.invoice.domain.tax_rates import (
    EXEMPT,
    REVERSE_CHARGE,
    Place,
    TaxRate,
    applicable,
    applied,
    place_of,
    rate_code,
    rate_faults,
    region_code,
)
from corebilling.kernel.party import CustomerProfile, LegalEntity, PostalAddress, TaxId, TenantProfile

DAY = date(2026, 5, 1)
_numbers = iter(range(1, 10**6))


def rate(name: str, fraction: str, country: str, region: str | None = None, **wanted: Any) -> TaxRate:
    given = {"tax_category": None, "inclusive": False, "reverse_charge": False, "category": "S", **wanted}
    code = rate_code(name, country, region, given["tax_category"], Decimal(fraction), given.get("valid_from"))
    return TaxRate(UUID(int=next(_numbers)), code, name, Decimal(fraction), country, region, **given)


def tenant(country: str | None = "FR", address: PostalAddress | None = None) -> TenantProfile:
    legal = LegalEntity(address=address)
    return TenantProfile(UUID(int=1), "Seller", "EUR", "UTC", False, "INV", 30, country=country, legal=legal)


def customer(country: str | None = None, state: str | None = None, *ids: TaxId, **wanted: Any) -> CustomerProfile:
    address = PostalAddress(country=country, state=state) if country else None
    return CustomerProfile(
        UUID(int=1), UUID(int=2), "c", "C", None, "EUR", "UTC", address=address, tax_ids=ids, **wanted
    )


def codes(rates: list[TaxRate], place: Place, category: str | None = None, on: date = DAY) -> list[str]:
    return [found.code for found in applicable(rates, place, category, on)]


def test_taxes_of_different_names_are_all_due_those_of_the_country_first() -> None:
    rates = [rate("QST", "0.09975", "CA", "QC"), rate("GST", "0.05", "CA"), rate("HST", "0.13", "CA", "ON")]
    assert codes(rates, Place("CA", "QC")) == ["gst-ca-5", "qst-ca-qc-9.975"]
    assert codes(rates, Place("CA", "AB")) == ["gst-ca-5"]
    assert codes(rates, Place("US", "QC")) == []


def test_of_one_name_the_most_specific_wins() -> None:
    rates = [
        rate("VAT", "0.2", "FR"),
        rate("vat", "0.13", "FR", "20R"),
        rate("VAT", "0.055", "FR", tax_category="books"),
        rate("Vat", "0.021", "FR", "20R", tax_category="books"),
    ]
    assert codes(rates, Place("FR")) == ["vat-fr-20"]
    assert codes(rates, Place("FR", "20R")) == ["vat-fr-20r-13"]
    assert codes(rates, Place("FR"), "books") == ["vat-fr-books-5.5"]
    assert codes(rates, Place("FR", "20R"), "books") == ["vat-fr-20r-books-2.1"]
    assert codes(rates[:3], Place("FR", "20R"), "books") == ["vat-fr-books-5.5"]


def test_a_later_rate_takes_the_place_of_an_earlier_one_from_its_day_on() -> None:
    rates = [
        rate("VAT", "0.19", "DE"),
        rate("VAT", "0.16", "DE", valid_from=date(2026, 7, 1), valid_until=date(2027, 1, 1)),
    ]
    days = (date(2026, 6, 30), date(2026, 7, 1), date(2026, 12, 31), date(2027, 1, 1))
    assert [codes(rates, Place("DE"), on=day) for day in days] == [
        ["vat-de-19"],
        ["vat-de-16-2026-07-01"],
        ["vat-de-16-2026-07-01"],
        ["vat-de-19"],
    ]


def test_a_sale_is_where_the_customer_is_else_where_the_seller_is() -> None:
    montreal = PostalAddress(city="Montréal", state="QC", country="CA")
    assert place_of(tenant(), customer("CA", "ca-qc")) == Place("CA", "QC")
    assert place_of(tenant(), customer()) == Place("FR")
    assert place_of(tenant("CA", montreal), customer()) == Place("CA", "QC")
    assert place_of(tenant(None, montreal), customer()) == Place("CA", "QC")
    assert place_of(tenant("FR", montreal), customer()) == Place("FR")
    assert place_of(tenant(None), customer()) is None


@pytest.mark.parametrize(("given", "code"), [("QC", "QC"), ("ca-qc", "QC"), (" qc ", "QC"), ("", None), (None, None)])
def test_a_region_is_the_same_however_it_is_written(given: str | None, code: str | None) -> None:
    assert region_code("CA", given) == code


@pytest.mark.parametrize(
    ("country", "tax_id", "category"),
    [
        ("DE", TaxId("eu_vat", "DE136695976"), "AE"),
        ("GR", TaxId("eu_vat", "EL094259216"), "AE"),
        ("GB", TaxId("gb_vat", "980780684"), "AE"),
        ("DE", TaxId("eu_vat", "AT12345675"), "S"),
        ("DE", TaxId("gb_vat", "980780684"), "S"),
        ("FR", TaxId("eu_vat", "FR40303265045"), "S"),
    ],
)
def test_businesses_abroad_account_for_the_tax_themselves(country: str, tax_id: TaxId, category: str) -> None:
    """Directive 2006/112/EC art. 196: with a tax id of their own country, and not at home."""
    (found,) = applied(
        [rate("VAT", "0.2", country, reverse_charge=True)], tenant("FR"), customer(country, None, tax_id)
    )
    assert found.category == category
    assert (found.rate, found.reason) == ((Decimal(0), REVERSE_CHARGE) if category == "AE" else (Decimal("0.2"), None))


def test_a_rate_without_reverse_charge_is_due_from_everybody() -> None:
    german = customer("DE", None, TaxId("eu_vat", "DE136695976"))
    assert applied([rate("VAT", "0.19", "DE")], tenant("FR"), german)[0].category == "S"


def test_whoever_is_exempt_pays_nothing_and_it_says_why() -> None:
    rates = [rate("GST", "0.05", "CA"), rate("QST", "0.09975", "CA", "QC")]
    charity = customer("CA", "QC", tax_status="exempt", exemption_reason="Registered charity")
    assert [(one.category, one.rate, one.reason) for one in applied(rates, tenant("CA"), charity)] == [
        ("E", Decimal(0), "Registered charity"),
        ("E", Decimal(0), "Registered charity"),
    ]
    assert applied(rates, tenant("CA"), customer("CA", tax_status="exempt"))[0].reason == EXEMPT


def test_a_customer_may_be_told_to_account_for_the_tax() -> None:
    (found,) = applied([rate("VAT", "0.2", "FR")], tenant("FR"), customer("FR", tax_status="reverse_charge"))
    assert (found.category, found.rate, found.place) == ("AE", Decimal(0), "FR")


@pytest.mark.parametrize(
    ("fraction", "category", "pointer"),
    [("10", "S", "/rate"), ("-0.1", "S", "/rate"), ("0.123456789", "S", "/rate"), ("NaN", "Z", "/rate"),
     ("Infinity", "S", "/rate"), ("0", "S", "/category"), ("0.1", "AE", "/category"), ("0", "E", "/reason")],
)  # fmt: skip
def test_rates_that_make_no_sense_are_named(fraction: str, category: Any, pointer: str) -> None:
    assert [fault.pointer for fault in rate_faults(Decimal(fraction), category, None, None, None)] == [pointer]


def test_a_rate_must_hold_for_a_day() -> None:
    (fault,) = rate_faults(Decimal("0.2"), "S", None, DAY, DAY)
    assert fault.pointer == "/valid_until"


def test_codes_are_made_of_what_is_particular() -> None:
    assert rate_code("Sales tax", "US", "NY", None, Decimal("0.04"), None) == "sales-tax-us-ny-4"
    assert rate_code("消費税", "JP", None, "food", Decimal("0.08"), DAY) == "jp-food-8-2026-05-01"
