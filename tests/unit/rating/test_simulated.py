"""Past periods by old and by new prices. Figures are worked out by hand beside each case."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import msgspec

from corebilling.kernel.contract import Calendar, Contract, CouponUse, Item, Phase
from corebilling.kernel.plan import PlanPrice, PublishedPlan
from corebilling.kernel.usage import UsageFigures
from corebilling.rating.domain.engine import of_quantity
from corebilling.rating.domain.simulated import Case, cases, changed_offers, periods_within
from corebilling.rating.domain.timeline import Offers

TENANT, PLAN, METER = UUID(int=1), UUID(int=2), UUID(int=3)
FEE, CALLS, OTHER, SET_UP = UUID(int=10), UUID(int=11), UUID(int=12), UUID(int=13)
JANUARY, FEBRUARY, MARCH, APRIL = [datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3, 4)]


def price(price_id: UUID, definition: str, **wanted: object) -> PlanPrice:
    usage = price_id in (CALLS, OTHER)
    whole = {"kind": "usage" if usage else "recurring", "meter_id": METER if usage else None}
    return PlanPrice(
        **{
            "price_id": price_id, "name": "x", "meter_code": "calls" if usage else None, "unit": None,
            "definition": definition, "code": "x", "currency": "EUR", **whole, **wanted,
        }  # type: ignore[arg-type]
    )  # fmt: skip


PRICES = (
    price(FEE, '{"model":"flat","amount":"10"}'),
    price(CALLS, '{"model":"per_unit","unit_amount":"0.10"}'),
)


def contract(**wanted: object) -> Contract:
    calendar = Calendar(JANUARY, "UTC", "month", 1, JANUARY)
    whole: dict[str, object] = {"phases": (Phase(JANUARY, None, PLAN),), **wanted}
    return Contract(TENANT, UUID(int=4), UUID(int=5), PLAN, "EUR", (calendar,), **whole)  # type: ignore[arg-type]


def simulated(
    definitions: Mapping[UUID, str],
    agreed: Contract | None = None,
    prices: tuple[PlanPrice, ...] = PRICES,
    span: tuple[datetime, datetime] = (JANUARY, FEBRUARY),
) -> list[Case]:
    agreed = agreed or contract()
    plan = PublishedPlan(PLAN, "pro", 1, "Pro", "EUR", "month", 1, prices)
    old = Offers({(TENANT, PLAN): plan}, {(TENANT, one.price_id): one for one in prices}, {})
    new = changed_offers(old, TENANT, [agreed], definitions)
    return cases(agreed, old, new, definitions, span, 7)


def totals(found: list[Case], quantity: str) -> list[tuple[int, int]]:
    used: UsageFigures = of_quantity(Decimal(quantity))
    return [case.totals_minor(dict.fromkeys(case.questions(), used)) for case in found]


def test_a_dearer_unit_costs_more_and_the_fee_is_part_of_both_totals() -> None:
    """10.00 + 250 x 0.10 = 35.00; 10.00 + 250 x 0.12 = 40.00"""
    assert totals(simulated({CALLS: '{"model":"per_unit","unit_amount":"0.12"}'}), "250") == [(3500, 4000)]


def test_the_same_definition_makes_no_difference() -> None:
    assert totals(simulated({CALLS: PRICES[1].definition}), "333.33") == [(4333, 4333)]


def test_another_fee_counts_for_each_period_of_the_span() -> None:
    """Two months at 10.00 and 12.00, with 0.10 of usage each."""
    found = simulated({FEE: '{"model":"flat","amount":"12"}'}, span=(JANUARY, MARCH))
    assert totals(found, "1") == [(1010, 1210), (1010, 1210)]
    assert [case.period.start for case in found] == [JANUARY, FEBRUARY]


def test_a_month_of_a_quarterly_fee_owes_its_share() -> None:
    """January is 31 of 90 days: 31/90 of 90.00 is 31.00, of 180.00 is 62.00."""
    prices = (price(FEE, '{"model":"flat","amount":"90"}', every=3, timing="advance"),)
    assert totals(simulated({FEE: '{"model":"flat","amount":"180"}'}, prices=prices), "0") == [(3100, 6200)]


def test_a_one_off_counts_in_the_period_of_its_start_alone() -> None:
    prices = (price(SET_UP, '{"model":"flat","amount":"5"}', kind="one_off"),)
    found = simulated({SET_UP: '{"model":"flat","amount":"7"}'}, prices=prices, span=(JANUARY, APRIL))
    assert totals(found, "0") == [(500, 700)]


def test_a_commitment_eats_the_difference() -> None:
    """Committed to 100.00: usage for 35.00 or 40.00 changes nothing."""
    agreed = contract(phases=(Phase(JANUARY, None, PLAN, commitment=Decimal(100)),))
    changes = {CALLS: '{"model":"per_unit","unit_amount":"0.12"}'}
    assert totals(simulated(changes, agreed), "250") == [(10000, 10000)]


def test_a_minimum_is_part_of_the_new_total() -> None:
    """10.00 + 25.00; 10.00 + 60.00, the least that the new price asks."""
    changes = {CALLS: '{"model":"per_unit","unit_amount":"0.10","minimum_amount":"60"}'}
    assert totals(simulated(changes), "250") == [(3500, 7000)]


def test_coupons_come_off_both_totals() -> None:
    """20 % off 35.00 is 28.00, off 40.00 is 32.00."""
    agreed = contract(coupons=(CouponUse(UUID(int=6), UUID(int=7), "TWENTY", Decimal("0.2"), None, 0, None),))
    changes = {CALLS: '{"model":"per_unit","unit_amount":"0.12"}'}
    assert totals(simulated(changes, agreed), "250") == [(2800, 3200)]


def test_who_has_a_definition_of_its_own_or_another_price_is_left_out() -> None:
    other = price(OTHER, '{"model":"per_unit","unit_amount":"1"}')
    own = Item(UUID(int=20), CALLS, definition='{"model":"per_unit","unit_amount":"0.01"}')
    for items in ((own,), (Item(OTHER, OTHER),)):
        agreed = contract(phases=(Phase(JANUARY, None, PLAN, items),))
        assert not simulated({CALLS: other.definition}, agreed, (*PRICES, other))


def test_only_periods_in_which_the_price_is_paid_are_looked_at() -> None:
    other = price(OTHER, '{"model":"per_unit","unit_amount":"1"}')
    phases = (
        Phase(JANUARY, FEBRUARY, PLAN, (Item(CALLS, CALLS),)),
        Phase(FEBRUARY, None, PLAN, (Item(OTHER, OTHER),)),
    )
    found = simulated({CALLS: other.definition}, contract(phases=phases), (*PRICES, other), (JANUARY, APRIL))
    assert [case.period.start for case in found] == [JANUARY]


def test_periods_belong_to_the_span_in_which_they_begin() -> None:
    agreed = contract()
    middle = datetime(2026, 1, 15, tzinfo=UTC)
    assert [period.start for period in periods_within(agreed, middle, APRIL)] == [FEBRUARY, MARCH]
    ended = msgspec.structs.replace(agreed, ends_at=FEBRUARY)
    assert [period.start for period in periods_within(ended, JANUARY, APRIL)] == [JANUARY]
    assert not list(periods_within(ended, FEBRUARY, APRIL))
    assert not list(periods_within(agreed, datetime(2025, 1, 1, tzinfo=UTC), JANUARY))
