"""A fresh tenant quotes at once, by the rate card that every tenant starts with: weight, distance and a fee an order."""

from datetime import UTC, datetime

from factories import NewSeller

NOW = datetime(2026, 1, 1, tzinfo=UTC)


async def test_ten_and_a_half_kilos_over_fifteen_kilometres_cost_71_60(new_tenant: NewSeller) -> None:
    seller = await new_tenant("Courier", NOW)
    quote = await seller.api.post("/v1/pricing/quote", {"order": {"weight": "10.5", "distance": "15.2"}})
    assert (quote["total"], quote["total_minor"], quote["currency"]) == ("71.60", 7160, "EUR")
    assert [(rule["metric"], rule["calculation"], rule["subtotal"]) for rule in quote["applied_rules"]] == [
        ("weight", "30.00 + 10.5 kg x 2.00", "51.00"),
        ("distance", "10.00 + 15.2 km x 0.50", "17.60"),
        ("order", "3.00 per order", "3.00"),
    ]
    assert quote["warnings"] == []


async def test_ranges_begin_where_the_one_before_ends(new_tenant: NewSeller) -> None:
    seller = await new_tenant("Borders", NOW)

    async def total(weight: str, distance: str) -> tuple[str, int]:
        order = {"order": {"weight": weight, "distance": distance}}
        quote = await seller.api.post("/v1/pricing/quote", order)
        return quote["total"], quote["total_minor"]

    assert await total("9.999", "9.999") == ("37.9985", 3800)  # 15 + 14.9985, 5, 3
    assert await total("10", "10") == ("68.00", 6800)  # 30 + 20, 10 + 5, 3
    assert await total("50", "50") == ("263.00", 26300)  # 60 + 125, 25 + 50, 3


async def test_an_order_with_something_the_card_does_not_price_is_quoted_with_a_warning(new_tenant: NewSeller) -> None:
    seller = await new_tenant("Bulky", NOW)
    quote = await seller.api.post("/v1/pricing/quote", {"order": {"weight": 1, "volume": 2.5}})
    assert len([warning for warning in quote["warnings"] if "volume" in warning]) == 1
