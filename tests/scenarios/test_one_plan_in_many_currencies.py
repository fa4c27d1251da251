"""One plan is sold in euro, yen and Kuwaiti dinar; an upgrade after ten of April's thirty days is right in each."""

from datetime import UTC, datetime

import pytest

from factories import NewSeller

APRIL, APRIL_11, MAY = (datetime(2026, month, day, 1, tzinfo=UTC) for month, day in ((4, 1), (4, 11), (5, 1)))


def plan(name: str, eur: str, jpy: str, kwd: str) -> dict[str, object]:
    amounts = {"JPY": {"model": "flat", "amount": jpy}, "KWD": {"model": "flat", "amount": kwd}}
    flat = {"model": "flat", "amount": eur}
    return {"kind": "recurring", "name": name, "timing": "advance", "price": flat, "currencies": amounts}


@pytest.mark.parametrize(
    ("currency", "opening", "credit", "charge"),
    [
        # What ten days cost is rounded once, and the rest of the month is what is left of the price.
        ("EUR", 1999, 666 - 1999, 3999 - 1333),  # 6.663 and 13.33
        ("JPY", 980, 327 - 980, 1960 - 653),  # 326.67 and 653.33
        ("KWD", 4750, 1583 - 4750, 9500 - 3167),  # 1.58333 and 3.16667
    ],
)
async def test_each_part_is_rounded_to_what_the_currency_has(
    new_tenant: NewSeller, currency: str, opening: int, credit: int, charge: int
) -> None:
    seller = await new_tenant("World", APRIL.replace(hour=0))
    await seller.plan("basic", plan("Basic", "19.99", "980", "4.750"), currencies=["JPY", "KWD"])
    await seller.plan("pro", plan("Pro", "39.99", "1960", "9.500"), currencies=["JPY", "KWD"])
    await seller.customer("acme", currency=currency)
    await seller.subscribe("acme", "basic", external_id="acme")
    await seller.advance(APRIL_11.replace(hour=0))
    assert (await seller.only_invoice())["total_minor"] == opening
    await seller.api.post("/v1/subscriptions/acme/change", {"plan": "pro", "at": "now", "bill": "now"})
    await seller.advance(MAY)
    _, change, april = await seller.invoices()
    assert [line["amount_minor"] for line in change["lines"]] == [credit, charge]
    assert {invoice["currency"] for invoice in (change, april)} == {currency}
    total = opening + credit + charge + april["total_minor"]
    may = april["total_minor"]
    expected = {"Accounts receivable": total, "Revenue": -(total - may), "Deferred revenue": -may}
    assert await seller.balances(currency) == expected
