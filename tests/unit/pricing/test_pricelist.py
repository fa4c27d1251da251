from decimal import Decimal
from uuid import UUID

import pytest

from corebilling.kernel.errors import Invalid
from corebilling.kernel.plan import RateCard
from corebilling.pricing.domain import default_card
from corebilling.pricing.domain.pricelist import Offer, PriceKind, drafts
from corebilling.rating.domain import rate_card
from corebilling.rating.domain.price import parse

METERS = {"calls": UUID(int=7)}
FLAT = '{"model":"flat","amount":"10"}'
PER_UNIT = '{"model":"per_unit","unit_amount":"0.01"}'


def check(definition: str, kind: PriceKind, currency: str, pointer: str) -> str:
    return parse(definition, pointer).MODEL


def test_prices_keep_their_order_their_meter_and_their_exact_definition() -> None:
    base, calls = drafts(
        [Offer("recurring", "Base", None, None, FLAT), Offer("usage", "Calls", "calls", "call", PER_UNIT)],
        "EUR",
        METERS,
        check,
    )
    assert (base.model, base.meter_id, base.offer.definition) == ("flat", None, FLAT)
    assert (calls.model, calls.meter_id, calls.offer.definition) == ("per_unit", METERS["calls"], PER_UNIT)


def test_everything_wrong_with_any_price_is_named_at_once() -> None:
    offers = [
        Offer("recurring", "Base", "calls", None, FLAT),
        Offer("usage", "Calls", None, None, PER_UNIT),
        Offer("usage", "Calls", "unheard", None, PER_UNIT),
        Offer("usage", "Calls", "calls", None, '{"model":"per_unit","unit_amount":"-1"}'),
        Offer("usage", "Calls", "calls", None, '{"model":"magic"}'),
    ]
    with pytest.raises(Invalid) as caught:
        drafts(offers, "EUR", METERS, check)
    assert [field.pointer for field in caught.value.fields] == [
        "/prices/0/meter",
        "/prices/1/meter",
        "/prices/2/meter",
        "/prices/3/price/unit_amount",
        "/prices/4/price/model",
    ]


def test_the_default_card_quotes_71_60_for_10_5_kg_over_15_2_km() -> None:
    card = RateCard(
        UUID(int=1),
        default_card.CODE,
        default_card.NAME,
        default_card.CURRENCY,
        default_card.ORDER_AMOUNT,
        default_card.RULES,
    )
    rate_card.check(card)
    assert rate_card.quote(card, {"weight": Decimal("10.5"), "distance": Decimal("15.2")}).total_minor == 7160
