"""Parts of a fee: figures that vendors document, and sums that hold whatever happens."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec
import pytest
from billed_life import Life, Shop, at, contract, phase
from hypothesis import given
from hypothesis import strategies as st

from corebilling.kernel.contract import Calendar, Contract
from corebilling.kernel.money import to_minor
from corebilling.rating.domain.engine import formula
from corebilling.rating.domain.proration import days_text, owed_minor, part_label

APRIL, MAY = at(4), at(5)


def shop(**amounts: str) -> Shop:
    made = Shop()
    for name, amount in amounts.items():
        made.fee(name, amount)
    return made


def test_half_a_period_of_10_against_20_is_5_less_and_10_more() -> None:
    """Stripe, "Prorations": -5 USD of unused time and +10 USD of remaining time (docs.stripe.com/billing/subscriptions/prorations)."""
    sold = shop(ten="10.00", twenty="20.00")
    life = Life(sold, contract(phase(APRIL, sold.item("ten")), currency="USD"))
    assert life.within(APRIL) == [("recurring", 1000)]
    life.contract = contract(phase(APRIL, sold.item("ten")), phase(at(4, 16), sold.item("twenty")), currency="USD")
    assert life.within(at(4, 16)) == [("proration", -500), ("proration", 1000)]


def test_a_plan_in_arrears_of_100_for_14_of_31_days_is_45_16() -> None:
    """Lago, "Upgrades and downgrades": plan A (100.00 a month) from 1 to 15 January is 45.16; then B, of 200.00, for the rest.

    The source: getlago.com/docs/guide/subscriptions/upgrades-downgrades. It invoices A at the change; here both stand on January's.
    """
    sold = Shop()
    sold.fee("A", "100.00", timing="arrears")
    sold.fee("B", "200.00", timing="arrears")
    life = Life(sold, contract(phase(at(1), sold.item("A")), phase(at(1, 15), sold.item("B"))))
    assert life.close(0) == [("recurring", 4516), ("recurring", 10968)]
    assert [formula(line.derivation) for line in life.lines] == ["1 x 100 - 54.84 = 45.16", "1 x 200 - 90.32 = 109.68"]
    assert [line.derivation.steps[-1].label for line in life.lines] == ["only 14 of 31 days", "only 17 of 31 days"]


def test_days_of_a_term_taken_away_are_credited_at_the_price_of_a_day() -> None:
    """Chargebee: credits = plan price / days of the current term x days reduced (its article 251116). Figures of our own."""
    sold = shop(plan="31.00")
    life = Life(sold, contract(phase(at(7), sold.item("plan")), proration="day"))
    life.within(at(7))
    life.contract = contract(phase(at(7), sold.item("plan"), ends_at=at(7, 22)), ends_at=at(7, 22), proration="day")
    assert life.close(0)[0] == ("proration", -1000)


def test_a_part_says_how_much_of_what_it_is() -> None:
    days = contract(phase(APRIL), proration="day")
    exact = contract(phase(APRIL))
    assert part_label(days, APRIL, MAY, APRIL, at(4, 16, 13)) == "15 of 30 days"
    assert part_label(exact, APRIL, MAY, APRIL, at(4, 16)) == "15 of 30 days"
    assert part_label(exact, APRIL, MAY, APRIL, at(4, 16, 13)) == "373 of 720 hours"
    assert part_label(exact, APRIL, MAY, APRIL, APRIL + timedelta(seconds=1)) == "1 of 2592000 seconds"
    assert part_label(exact, APRIL, MAY, APRIL, APRIL + timedelta(microseconds=1)) == "0.000001 of 2592000 seconds"
    assert days_text(APRIL, MAY, "UTC") == "2026-04-01 to 2026-04-30"


def test_by_day_the_day_of_a_change_belongs_to_what_comes() -> None:
    auckland = ZoneInfo("Pacific/Auckland")
    start, end = (datetime(2026, month, 1, tzinfo=auckland).astimezone(UTC) for month in (9, 10))
    calendar = Calendar(start, "Pacific/Auckland", "month", 1, start)
    sold = contract(phase(start), calendars=(calendar,), proration="day")
    change = datetime(2026, 9, 11, 23, 59, tzinfo=auckland)
    assert owed_minor(sold, Decimal(30), start, end, start, change) == 1000, (
        "ten days, though the clocks change on the 27th"
    )
    assert owed_minor(sold, Decimal(30), start, end, change, end) == 2000


def by(proration: str, currency: str = "EUR") -> Contract:
    return msgspec.structs.replace(contract(phase(APRIL), currency=currency), proration=proration)


amounts = st.decimals(min_value=0, max_value=10**9, places=4)
moments = st.integers(min_value=0, max_value=30 * 86_400_000_000).map(lambda us: APRIL + timedelta(microseconds=us))


@given(
    amounts, st.lists(moments, max_size=8), st.sampled_from(["second", "day"]), st.sampled_from(["EUR", "JPY", "KWD"])
)
def test_the_parts_of_a_price_add_up_to_it_however_it_is_cut(
    price: Decimal, cuts: list[datetime], proration: str, currency: str
) -> None:
    bounds = [APRIL, *sorted(cuts), MAY]
    terms = by(proration, currency)
    parts = [owed_minor(terms, price, APRIL, MAY, a, b) for a, b in pairwise(bounds)]
    assert sum(parts) == to_minor(price, currency)
    assert min(parts) >= 0


@given(amounts, st.lists(moments, min_size=1, max_size=6, unique=True), st.sampled_from(["second", "day"]))
def test_changes_that_change_no_price_cost_nothing(price: Decimal, changes: list[datetime], proration: str) -> None:
    """Credit and charge of an unchanged price are zero together, for any number of changes, billed at once or not."""
    sold = shop(plan=str(price))
    life = Life(sold, contract(phase(APRIL, sold.item("plan")), proration=proration))
    life.within(APRIL)
    phases = [phase(APRIL, sold.item("plan"))]
    for number, when in enumerate(sorted(changes)):
        phases.append(phase(when, sold.item("plan", version=number + 1)))
        life.contract = contract(*phases, proration=proration)
        if number % 2:
            life.within(when)
    life.close(0)
    assert life.carried_minor == 0
    assert life.billed_minor == 2 * to_minor(price, "EUR"), "this month, and the next one ahead"


@given(
    st.lists(st.tuples(moments, st.integers(0, 50)), min_size=1, max_size=6, unique_by=lambda change: change[0]),
    st.lists(st.booleans(), min_size=6, max_size=6),
)
def test_what_is_billed_is_what_the_timeline_owes_and_carrying_loses_nothing(
    changes: list[tuple[datetime, int]], at_once: list[bool]
) -> None:
    sold = shop(seat="9.99")
    phases = [phase(APRIL, sold.item("seat", 7))]
    life = Life(sold, contract(*phases))
    life.within(APRIL)
    for number, (when, seats) in enumerate(sorted(changes)):
        phases.append(phase(when, sold.item("seat", seats, number)))
        life.contract = contract(*phases)
        if at_once[number]:
            life.within(when)
    for index in range(3):
        life.close(index)
    bounds = [*(p.starts_at for p in phases), MAY]
    april = sum(
        owed_minor(life.contract, Decimal("9.99") * p.items[0].quantity, APRIL, MAY, a, b)  # type: ignore[index]
        for p, (a, b) in zip(phases, pairwise(bounds), strict=True)
    )
    ahead = 3 * to_minor(Decimal("9.99") * max(changes)[1], "EUR")
    assert life.billed_minor - life.carried_minor == april + ahead
    assert {kind for kind, _ in life.close(2)} <= {"carried"}, "done again, it finds nothing left to charge"


def test_a_quarter_of_months_ahead_is_charged_every_third_time() -> None:
    sold = Shop()
    sold.fee("quarter", "90.00", every=3)
    life = Life(sold, contract(phase(at(1), sold.item("quarter"))))
    assert life.within(at(1)) == [("recurring", 9000)]
    assert [life.close(index) for index in range(4)] == [[], [], [("recurring", 9000)], []]
    assert (life.ratings[3].charges[0].period_start, life.ratings[3].charges[0].period_end) == (at(4), at(7))


def test_a_quarter_of_months_in_arrears_is_charged_at_its_end_or_the_contract_s() -> None:
    sold = Shop()
    sold.fee("quarter", "90.00", timing="arrears", every=3)
    whole = contract(phase(at(1), sold.item("quarter"), ends_at=at(5)), ends_at=at(5))
    life = Life(sold, whole)
    closings = [life.close(index) for index in range(4)]
    # April is 30 of the 91 days of its quarter.
    assert closings == [[], [], [("recurring", 9000)], [("recurring", 2967)]]


def test_prices_of_seats_go_through_their_model() -> None:
    sold = Shop()
    tiers = [{"up_to": "5", "unit_amount": "10.00"}, {"up_to": None, "unit_amount": "8.00"}]
    sold.sell("seats", {"model": "graduated", "tiers": tiers}, kind="recurring", timing="advance")
    life = Life(sold, contract(phase(APRIL, sold.item("seats", 8))))
    assert life.within(APRIL) == [("recurring", 7400)]
    life.contract = contract(phase(APRIL, sold.item("seats", 8)), phase(at(4, 16), sold.item("seats", 4)))
    assert life.within(at(4, 16)) == [("proration", -3700), ("proration", 2000), ("carried", 1700)]
    unused = life.lines[0]
    assert (unused.description, unused.period_start, unused.period_end) == (
        "Unused time of seats, 2026-04-16 to 2026-04-30", at(4, 16), MAY,
    )  # fmt: skip
    assert unused.derivation.note == "37.00 are due, 74.00 were charged before"


def test_without_proration_what_was_paid_is_kept_and_the_new_price_waits_for_the_next_term() -> None:
    """As Stripe's `proration_behavior: none`: no line now, the new price at renewal."""
    sold = shop(small="10.00", large="20.00")
    life = Life(sold, contract(phase(APRIL, sold.item("small"))))
    life.within(APRIL)
    life.contract = contract(
        phase(APRIL, sold.item("small"), credit_unused=False), phase(at(4, 16), sold.item("large"))
    )
    assert life.within(at(4, 16)) == []
    assert life.close(0) == [("recurring", 2000)]


def test_a_one_off_is_charged_once_whatever_follows() -> None:
    sold = Shop()
    sold.fee("setup", "99.00", kind="one_off")
    life = Life(sold, contract(phase(APRIL, sold.item("setup"))))
    assert life.within(APRIL) == [("one_off", 9900)]
    life.contract = contract(phase(APRIL, sold.item("setup")), phase(at(4, 10)), phase(at(4, 20), sold.item("setup")))
    assert [life.within(at(4, 20)), life.close(0), life.close(1)] == [[], [], []]


def test_what_is_scheduled_isn_t_paid_for_before_it_happens_and_a_known_end_is() -> None:
    sold = shop(small="30.00", large="60.00")
    scheduled = contract(phase(APRIL, sold.item("small")), phase(at(4, 11), sold.item("large")))
    assert Life(sold, scheduled).within(APRIL) == [("recurring", 3000)]
    ending = contract(phase(APRIL, sold.item("small"), ends_at=at(4, 11)), ends_at=at(4, 11))
    assert Life(sold, ending).within(APRIL) == [("recurring", 1000)]


def test_a_first_part_of_a_calendar_month_is_a_recurring_fee_for_its_days() -> None:
    sold = shop(plan="30.00")
    life = Life(sold, contract(phase(at(4, 21), sold.item("plan")), anchor_at=APRIL))
    assert life.within(at(4, 21)) == [("recurring", 1000)]
    assert life.close(0) == [("recurring", 3000)]


def test_a_month_that_turns_into_a_year_gives_the_rest_of_the_month_back() -> None:
    sold = shop(monthly="30.00", yearly="300.00")
    month = Calendar(APRIL, "UTC", "month", 1, APRIL)
    year = Calendar(at(4, 16), "UTC", "year", 1, at(4, 16), first_index=1)
    life = Life(sold, contract(phase(APRIL, sold.item("monthly")), calendars=(month,)))
    life.within(APRIL)
    life.contract = contract(
        phase(APRIL, sold.item("monthly")), phase(at(4, 16), sold.item("yearly")), calendars=(month, year)
    )
    assert life.within(at(4, 16)) == [("proration", -1500), ("recurring", 30000)]
    assert [life.close(0), life.close(1)] == [[], [("recurring", 30000)]]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_periods_rated_in_any_order_charge_each_fee_once(order: tuple[int, ...]) -> None:
    sold = shop(small="30.00", large="60.00")
    changed = contract(phase(APRIL, sold.item("small")), phase(at(5, 11), sold.item("large")))
    life = Life(sold, contract(phase(APRIL, sold.item("small"))))
    life.within(APRIL)
    life.contract = changed
    for index in order:
        life.close(index)
    # April, a third of May at 30.00 and two thirds at 60.00 (20.65 rounds up: 10 of 31 days), June and July.
    may = owed_minor(changed, Decimal(30), MAY, at(6), MAY, at(5, 11)) + owed_minor(
        changed, Decimal(60), MAY, at(6), at(5, 11), at(6)
    )
    assert life.billed_minor - life.carried_minor == 3000 + may + 6000 + 6000
