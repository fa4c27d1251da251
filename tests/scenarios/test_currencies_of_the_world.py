"""Currencies without cents and with a thousandth: one tenant sells in yen, Kuwaiti dinar and euro."""

from datetime import UTC, datetime

import pytest

from factories import NewSeller, event, hours, metered, per_unit, recurring

JANUARY, FEBRUARY = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("currency", "fee", "unit", "quantity", "lines"),
    [
        ("JPY", "980", "0.35", "1001", [980, 350]),  # 350.35 yen
        ("JPY", "980", "0.5", "1001", [980, 501]),  # 500.5: half rounds away from zero
        ("KWD", "4.750", "1.2345", "3", [4750, 3704]),  # 3.7035 dinar
        ("EUR", "9.99", "0.015", "1", [999, 2]),  # 1.5 cents
    ],
)
async def test_a_line_is_rounded_once_to_what_the_currency_has(
    new_tenant: NewSeller, currency: str, fee: str, unit: str, quantity: str, lines: list[int]
) -> None:
    seller = await new_tenant("World", JANUARY)
    await seller.meter("data", "sum")
    await seller.plan("plan", recurring("Fee", fee), metered("Data", "data", per_unit(unit)), currency=currency)
    await seller.customer("acme", currency=currency)
    await seller.subscribe("acme", "plan")
    await seller.advance(FEBRUARY - hours(1))
    await seller.use([event("data", "acme", JANUARY, quantity)])
    await seller.advance(FEBRUARY + hours(1))
    invoice = await seller.only_invoice()
    assert [line["amount_minor"] for line in invoice["lines"]] == lines
    assert (invoice["currency"], invoice["total_minor"]) == (currency, sum(lines))
    assert await seller.balances(currency) == {"Accounts receivable": sum(lines), "Revenue": -sum(lines)}


async def test_a_plan_in_another_currency_than_the_customers_is_refused(new_tenant: NewSeller) -> None:
    seller = await new_tenant("Mixed", JANUARY)
    await seller.plan("yen", recurring("Fee", "980"), currency="JPY")
    await seller.customer("acme")
    answer = await seller.api.send("POST", "/v1/subscriptions", json={"customer_id": "acme", "plan": "yen"})
    assert answer.status_code == 409, answer.text
    assert "JPY" in answer.json()["detail"]
    assert "EUR" in answer.json()["detail"]
