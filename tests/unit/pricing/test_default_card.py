from decimal import Decimal
from uuid import UUID

from corebilling.kernel.plan import RateCard
from corebilling.pricing.domain import default_card
from corebilling.rating.domain import rate_card


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
