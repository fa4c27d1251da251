"""A seller in France with customers elsewhere: VAT on top, VAT within, reverse charge, exemption, two taxes in Canada.

Each invoice is 80 hours at 99.99, which is 7,999.20, and a discount of 0.20: 7,999.00 before tax.
"""

from datetime import UTC, datetime
from typing import Any

from factories import NewSeller, Seller

MAY = datetime(2026, 5, 4, 9, tzinfo=UTC)
LINES = [
    {"description": "Consulting, hours", "quantity": "80", "unit_amount": "99.99"},
    {"description": "Goodwill", "unit_amount": "-0.20"},
]
PARIS = {"line1": "1 rue de la Paix", "postal_code": "75002", "city": "Paris", "country": "FR"}
MUNICH = {"line1": "Marienplatz 1", "postal_code": "80331", "city": "München", "country": "DE"}
MONTREAL = {"line1": "275 Notre-Dame", "postal_code": "H2Y 1C6", "city": "Montréal", "state": "QC", "country": "CA"}


async def a_seller(new_tenant: NewSeller, name: str, **wanted: Any) -> Seller:
    seller = await new_tenant(name, MAY, country="FR", **wanted)
    for rate in (
        {"name": "VAT", "rate": "0.2", "country": "FR"},
        {"name": "VAT", "rate": "0.055", "country": "FR", "tax_category": "books"},
        {"name": "VAT", "rate": "0.19", "country": "DE", "reverse_charge": True},
        {"name": "GST", "rate": "0.05", "country": "CA"},
        {"name": "QST", "rate": "0.09975", "country": "CA", "region": "QC"},
    ):
        await seller.api.post("/v1/admin/pricing/tax-rates", rate)
    return seller


async def issue(seller: Seller, lines: list[dict[str, Any]] = LINES, **more: Any) -> dict[str, Any]:
    return await seller.api.post("/v1/invoices", {"customer_id": "acme", "lines": lines, "finalize": True, **more})


def figures(invoice: dict[str, Any]) -> tuple[int, int, int]:
    return invoice["subtotal_minor"], invoice["tax_minor"], invoice["total_minor"]


def rates(invoice: dict[str, Any]) -> list[tuple[str, str, str, int, int]]:
    return [(t["name"], t["category"], t["rate"], t["taxable_minor"], t["tax_minor"]) for t in invoice["taxes"]]


async def test_vat_goes_on_top_and_to_the_authorities(new_tenant: NewSeller) -> None:
    seller = await a_seller(new_tenant, "French")
    await seller.customer("acme", billing_address=PARIS)
    invoice = await issue(seller)
    assert figures(invoice) == (799900, 159980, 959880)
    assert rates(invoice) == [("VAT", "S", "0.2", 799900, 159980)]
    assert await seller.balances() == {"Accounts receivable": 959880, "Revenue": -799900, "Tax payable": -159980}


async def test_books_have_a_rate_of_their_own(new_tenant: NewSeller) -> None:
    seller = await a_seller(new_tenant, "Bookshop")
    await seller.customer("acme", billing_address=PARIS)
    lines = [
        {"description": "A novel", "unit_amount": "19.90", "tax_category": "books"},
        {"description": "A lamp", "unit_amount": "49.90"},
    ]
    invoice = await issue(seller, lines)
    # 5.5 % of 19.90 is 1.0945, 20 % of 49.90 is 9.98
    assert figures(invoice) == (6980, 109 + 998, 6980 + 1107)
    assert sorted(rates(invoice)) == [("VAT", "S", "0.055", 1990, 109), ("VAT", "S", "0.2", 4990, 998)]


async def test_a_german_company_owes_the_tax_itself_and_a_german_person_pays_it(new_tenant: NewSeller) -> None:
    seller = await a_seller(new_tenant, "Exporter")
    company = await seller.customer(
        "acme", billing_address=MUNICH, tax_ids=[{"kind": "eu_vat", "value": "DE 136 695 976"}]
    )
    assert company["tax_ids"] == [{"kind": "eu_vat", "value": "DE136695976"}]
    reverse = await issue(seller)
    assert figures(reverse) == (799900, 0, 799900)
    assert [(tax["category"], tax["tax_minor"]) for tax in reverse["taxes"]] == [("AE", 0)]

    await seller.customer("person", billing_address=MUNICH)
    private = await issue(seller, customer_id="person")
    assert figures(private) == (799900, 151981, 951881)


async def test_two_taxes_in_quebec_do_not_compound(new_tenant: NewSeller) -> None:
    seller = await a_seller(new_tenant, "Canadian")
    await seller.customer("acme", billing_address=MONTREAL, currency="CAD")
    invoice = await issue(seller, currency="CAD")
    # 5 % of 7,999.00 is 399.95; 9.975 % is 797.90025
    assert sorted(rates(invoice)) == [("GST", "S", "0.05", 799900, 39995), ("QST", "S", "0.09975", 799900, 79790)]
    assert invoice["total_minor"] == 799900 + 39995 + 79790


async def test_an_exempt_customer_pays_none_and_the_invoice_says_why(new_tenant: NewSeller) -> None:
    seller = await a_seller(new_tenant, "Charity")
    await seller.customer(
        "acme", billing_address=PARIS, tax_status="exempt", exemption_reason="Article 261-7 of the French tax code"
    )
    invoice = await issue(seller)
    assert figures(invoice) == (799900, 0, 799900)
    assert [(tax["category"], tax["reason"]) for tax in invoice["taxes"]] == [
        ("E", "Article 261-7 of the French tax code")
    ]


async def test_a_shop_whose_prices_contain_the_tax(new_tenant: NewSeller) -> None:
    seller = await new_tenant("Shop", MAY, country="CH", currency="CHF")
    await seller.api.post(
        "/v1/admin/pricing/tax-rates", {"name": "VAT", "rate": "0.081", "country": "CH", "inclusive": True}
    )
    await seller.customer("acme", billing_address={"city": "Bern", "country": "CH"})
    invoice = await issue(seller, [{"description": "A watch", "unit_amount": "108.10"}])
    assert (invoice["subtotal_minor"], invoice["tax_minor"], invoice["total_minor"]) == (10810, 0, 10810)
    assert (invoice["included_tax_minor"], rates(invoice)) == (810, [("VAT", "S", "0.081", 10000, 810)])
    assert await seller.balances("CHF") == {"Accounts receivable": 10810, "Revenue": -10000, "Tax payable": -810}


async def test_what_a_month_of_usage_cost_is_taxed_after_its_coupon(new_tenant: NewSeller) -> None:
    seller = await a_seller(new_tenant, "Metered")
    await seller.api.post(
        "/v1/admin/pricing/coupons",
        {"code": "TENTH", "name": "A tenth off", "percent_off": "0.1", "duration": "forever"},
    )
    fee = {"kind": "recurring", "name": "Fee", "price": {"model": "flat", "amount": "49.90"}, "product": "platform"}
    book = {
        "kind": "recurring",
        "name": "Handbook",
        "price": {"model": "flat", "amount": "9.90"},
        "product": "books",
        "tax_category": "books",
    }
    await seller.plan("plan", fee, book)
    await seller.customer("acme", billing_address=PARIS)
    await seller.subscribe("acme", "plan", coupons=["TENTH"])
    await seller.advance(datetime(2026, 6, 5, tzinfo=UTC))
    invoice = await seller.only_invoice()
    # 49.90 + 9.90 - 5.98; of the discount 4.99 and 0.99 by largest remainder; 20 % of 44.91 and 5.5 % of 8.91
    assert invoice["subtotal_minor"] == 4990 + 990 - 598
    assert sorted(rates(invoice)) == [("VAT", "S", "0.055", 891, 49), ("VAT", "S", "0.2", 4491, 898)]
    assert await seller.balances() == {
        "Accounts receivable": 5382 + 947,
        "Revenue: platform": -4491,
        "Revenue: books": -891,
        "Tax payable": -947,
    }


async def test_a_wrong_tax_number_is_refused_with_the_place_where_it_stands(new_tenant: NewSeller) -> None:
    seller = await a_seller(new_tenant, "Strict")
    body = {"external_id": "acme", "name": "Acme", "tax_ids": [{"kind": "eu_vat", "value": "DE136695977"}]}
    answer = await seller.api.send("POST", "/v1/customers", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].startswith("/tax_ids/0")
