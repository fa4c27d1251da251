"""What other products' own documents and tests work out, to the last digit.

Each case names where its price and its figure come from. Where a document states the price and the rule but not this
figure, the case says so. Percentages are fractions here: 1.3 % there is 0.013.
"""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from corebilling.kernel.usage import UsageFigures
from corebilling.rating.domain.engine import rate
from corebilling.rating.domain.price import parse


def tiers(*rows: tuple[Any, ...]) -> list[dict[str, Any]]:
    names = ("up_to", "unit_amount", "flat_amount")
    return [dict(zip(names, row, strict=False)) for row in rows]


def cost(price: dict[str, Any], *events: str) -> Decimal:
    amounts = tuple(map(Decimal, events))
    used = UsageFigures(sum(amounts, Decimal(0)), len(amounts), amounts=amounts)
    return rate(parse(msgspec.json.encode(price)), used).amount


STRIPE_TIERS = tiers(("5", "7"), ("10", "6.5"), (None, "6"))


@pytest.mark.parametrize(("fonts", "total"), [("1", "7"), ("5", "35"), ("6", "39"), ("20", "120"), ("25", "150")])
def test_stripe_volume(fonts: str, total: str) -> None:
    """docs.stripe.com/subscriptions/pricing-models/tiered-pricing, "Volume-based pricing": its table, row by row."""
    assert cost({"model": "volume", "tiers": STRIPE_TIERS}, fonts) == Decimal(total)


@pytest.mark.parametrize(("fonts", "total"), [("5", "35"), ("6", "41.5"), ("11", "73.5")])
def test_stripe_graduated(fonts: str, total: str) -> None:
    """The same page, "Graduated pricing": 35 for 5 fonts is its figure; 6 and 11 are its rule on its tiers."""
    assert cost({"model": "graduated", "tiers": STRIPE_TIERS}, fonts) == Decimal(total)


@pytest.mark.parametrize(("users", "total"), [("1", "10"), ("3", "10"), ("5", "10"), ("6", "20"), ("7", "20")])
def test_stripe_quantity_transformation(users: str, total: str) -> None:
    """stripe.com/docs/billing/subscriptions/quantity-transformation: 10 USD for every 5 users or portion thereof."""
    assert cost({"model": "package", "package_size": "5", "package_amount": "10"}, users) == Decimal(total)


def test_stripe_transform_quantities() -> None:
    """docs.stripe.com/billing/subscriptions/usage-based/transform-quantities: 150 minutes at 10 USD an hour are 30 USD."""
    assert cost({"model": "package", "package_size": "60", "package_amount": "10", "round": "up"}, "150") == 30


LAGO_GRADUATED = tiers(("10", "10", "2"), ("20", "5", "3"), (None, "5", "3"))


@pytest.mark.parametrize(
    ("units", "total"), [("0", "2"), ("1", "12"), ("10", "102"), ("11", "110"), ("12", "115"), ("21", "163")]
)
def test_lago_graduated(units: str, total: str) -> None:
    """getlago/lago-api, spec/services/charge_models/graduated_service_spec.rb."""
    assert cost({"model": "graduated", "tiers": LAGO_GRADUATED}, units) == Decimal(total)


@pytest.mark.parametrize(("units", "total"), [("0.05", "0.5"), ("0.5", "3")])
def test_lago_graduated_with_fractional_bounds(units: str, total: str) -> None:
    """The same file, "with decimal adjacent ranges"."""
    price = {"model": "graduated", "tiers": tiers(("0.1", "10"), ("1", "5"), (None, "2"))}
    assert cost(price, units) == Decimal(total)


LAGO_VOLUME = tiers(("100", "2", "10"), ("200", "1", "0"), (None, "0.5", "50"))


@pytest.mark.parametrize(
    ("units", "total"),
    [("0", "10"), ("1", "12"), ("100", "210"), ("100.5", "100.5"), ("101", "101"), ("200", "200"), ("300", "200")],
)
def test_lago_volume(units: str, total: str) -> None:
    """getlago/lago-api, spec/services/charge_models/volume_service_spec.rb; 100.5 lies in the tier after 100."""
    assert cost({"model": "volume", "tiers": LAGO_VOLUME}, units) == Decimal(total)


def test_lago_volume_in_its_guide() -> None:
    """getlago.com/docs/guide/plans/charges/charge-models/volume: 65,000 API calls cost 49 USD."""
    given = tiers(
        ("10000", "0.0010", "10"), ("50000", "0.0008", "10"), ("100000", "0.0006", "10"), (None, "0.0004", "10")
    )
    assert cost({"model": "volume", "tiers": given}, "65000") == 49


def test_lago_standard() -> None:
    """getlago.com/docs/guide/plans/charges/charge-models/standard: 1,000 calls at 0.05 USD are 50 USD."""
    assert cost({"model": "per_unit", "unit_amount": "0.05"}, "1000") == 50


@pytest.mark.parametrize(("free_units", "total"), [("0", "1300"), ("10", "1200"), ("200", "0")])
def test_lago_package(free_units: str, total: str) -> None:
    """getlago/lago-api, spec/services/charge_models/package_service_spec.rb: 121 units by packages of 10."""
    price = {"model": "package", "package_size": "10", "package_amount": "100", "free_units": free_units}
    assert cost(price, "121") == Decimal(total)


def test_lago_package_in_its_guide() -> None:
    """getlago.com/docs/guide/plans/charges/charge-models/package: 201 units, the first 100 free, 5 USD per 100."""
    price = {"model": "package", "package_size": "100", "package_amount": "5", "free_units": "100"}
    assert cost(price, "201") == 10


def percentage(**fields: Any) -> dict[str, Any]:
    return {"model": "percentage", **fields}


@pytest.mark.parametrize(
    ("free", "total"),
    [
        ({"free_events": 3, "free_amount": "250"}, "11.15"),
        ({"free_amount": "250"}, "11.15"),
        ({"free_events": 3}, "7.2"),
        ({"free_events": 3, "free_amount": "500"}, "7.2"),
        ({}, "18.4"),
        ({"free_events": 5}, "0"),
    ],
)
def test_lago_percentage(free: dict[str, Any], total: str) -> None:
    """getlago/lago-api, spec/services/charge_models/percentage_service_spec.rb: events of 50, 100, 250 and 400, 1.3 %
    and 2 an event. The third event is partly within the free 250 and pays its whole fixed amount.

    (The case of five free events is run there over a total of 400; it is 0 for any four events.)
    """
    assert cost(percentage(rate="0.013", fixed_amount="2", **free), "50", "100", "250", "400") == Decimal(total)


@pytest.mark.parametrize(
    ("fields", "total"),
    [
        ({}, "16.142"),
        ({"fixed_amount": "2"}, "18.691"),
        ({"free_events": 2}, "12"),
        ({"free_amount": "30"}, "13.794"),
        ({"free_events": 3, "free_amount": "10000"}, "2.691"),
    ],
)
def test_lago_percentage_with_limits_per_event(fields: dict[str, Any], total: str) -> None:
    """The same file, "when applying min / max amount per transaction": events of 10, 80 and 10,000 at 2.99 %."""
    price = percentage(rate="0.0299", min_per_event="1.75", max_per_event="12", **fields)
    assert cost(price, "10", "80", "10000") == Decimal(total)


RATES = [
    {"up_to": "10", "rate": "0.01", "flat_amount": "200"},
    {"up_to": "20", "rate": "0.02", "flat_amount": "300"},
    {"up_to": None, "rate": "0.03", "flat_amount": "400"},
]


@pytest.mark.parametrize(
    ("total", "due"), [("1", "200.01"), ("10", "200.1"), ("11", "500.12"), ("12", "500.14"), ("21", "900.33")]
)
def test_lago_graduated_percentage(total: str, due: str) -> None:
    """getlago/lago-api, spec/services/charge_models/graduated_percentage_service_spec.rb. (Without any usage it asks
    nothing there; here a flat amount of the first tier is due, as in every model with tiers.)
    """
    assert cost({"model": "graduated_percentage", "tiers": RATES}, total) == Decimal(due)


def test_lago_graduated_percentage_in_its_guide() -> None:
    """getlago.com/docs/guide/plans/charges/charge-models/graduated-percentage: transactions of 500, 550 and 4,000 USD cost
    205, 306 and 80 one after the other; together they are what one rating of the period says.
    """
    rows = [("1000", "0.01", "200"), ("10000", "0.02", "300"), (None, "0.03", "400")]
    given = [dict(zip(("up_to", "rate", "flat_amount"), row, strict=True)) for row in rows]
    assert cost({"model": "graduated_percentage", "tiers": given}, "500") == 205
    assert cost({"model": "graduated_percentage", "tiers": given}, "500", "550") == 205 + 306
    assert cost({"model": "graduated_percentage", "tiers": given}, "500", "550", "4000") == 205 + 306 + 80


def test_lago_dynamic() -> None:
    """getlago.com/docs/guide/plans/charges/charge-models/dynamic: 0.70, 0.55 and 2.20 make 3.45 (its table)."""
    assert cost({"model": "dynamic"}, "0.70", "0.55", "2.20") == Decimal("3.45")


def test_chargebee_stairstep() -> None:
    """chargebee.com, "What are pricing models available for plans, addons & charges": each tier has a flat price instead
    of a price per unit. It shows no figures; these are our own.
    """
    price = {"model": "volume", "tiers": [{"up_to": "10", "flat_amount": "50"}, {"up_to": None, "flat_amount": "90"}]}
    assert [cost(price, units) for units in ("1", "10", "10.5", "1000")] == [50, 50, 90, 90]


def test_flexprice_packages_in_a_volume_tier() -> None:
    """docs.flexprice.io, "Tiered", "Package size in a tier": 4,500 calls by packages of 1,000 at 1 USD are 5 USD; and
    "Tier modes": 65,000 calls in the tier at 0.0006 USD are 39 USD. Chargebee's package pricing states the same rule.
    """
    packed = [
        {"up_to": "50000", "unit_amount": "1", "package_size": "1000"},
        {"up_to": None, "unit_amount": "0.0006"},
    ]
    assert cost({"model": "volume", "tiers": packed}, "4500") == 5
    assert cost({"model": "volume", "tiers": packed}, "65000") == 39


def test_autumn_graduated() -> None:
    """docs.useautumn.com/documentation/modelling-pricing/graduated-pricing: 15,000 requests cost 107 USD."""
    assert (
        cost({"model": "graduated", "tiers": tiers(("1000", "0.01"), ("10000", "0.008"), (None, "0.005"))}, "15000")
        == 107
    )


@pytest.mark.parametrize(("model", "total"), [("graduated", "600"), ("volume", "150")])
def test_zuplo_tiers(model: str, total: str) -> None:
    """zuplo.com/docs/articles/monetization/pricing-models: 15,000 units, 600 USD graduated and 150 USD by volume."""
    given = tiers(("1000", "0.10"), ("10000", "0.05"), (None, "0.01"))
    assert cost({"model": model, "tiers": given}, "15000") == Decimal(total)


def test_kill_bill_consumable_in_arrear() -> None:
    """docs.killbill.io/latest/consumable_in_arrear: the first 5 videos at 2 USD, the next at 1 USD. The sum for 7 is ours."""
    assert cost({"model": "graduated", "tiers": tiers(("5", "2"), (None, "1"))}, "7") == 12


def test_orb_tiered() -> None:
    """docs.withorb.com/reference/fetch-subscription-costs, "Tiered pricing": ten units at 0.50 USD, all thereafter at 0.10
    USD. The sum for 15 is ours.
    """
    assert cost({"model": "graduated", "tiers": tiers(("10", "0.50"), (None, "0.10"))}, "15") == Decimal("5.50")
