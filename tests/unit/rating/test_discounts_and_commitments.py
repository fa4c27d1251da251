"""What comes on top of fees and usage: minimums, commitments, coupons, and credits that are carried on."""

from datetime import datetime
from decimal import Decimal

import pytest
from billed_life import Life, Shop, at, contract, coupon, phase
from hypothesis import given
from hypothesis import strategies as st

from corebilling.kernel.contract import CouponUse

APRIL, MAY = at(4), at(5)


def metered(price: str = "1.00", **modifiers: str) -> Shop:
    sold = Shop()
    sold.sell("data", {"model": "per_unit", "unit_amount": price, **modifiers})
    return sold


@pytest.mark.parametrize(("used", "true_up"), [(800, [("commitment", 20000)]), (1300, [])])
def test_usage_below_a_commitment_is_made_up(used: int, true_up: list[tuple[str, int]]) -> None:
    """Lago, "Negotiated contract billing": 1,000.00 agreed, 800.00 used, 200.00 true-up; none at 1,300.00.

    The source: getlago.com/docs/guide/lago-cloud/contract-billing.
    """
    sold = metered()
    life = Life(sold, contract(phase(APRIL, sold.item("data"), commitment=Decimal(1000)), currency="USD"))
    assert life.close(0, {"data": used}) == [("usage", used * 100), *true_up]


def test_usage_below_a_price_s_minimum_is_made_up_by_a_line_of_its_own() -> None:
    """Lago, "Spending minimums": at 0.010 each and a minimum of 100.00, usage of 50.00 has a true-up of 50.00.

    The source: getlago.com/docs/guide/plans/charges/spending-minimum.
    """
    sold = metered("0.010", minimum_amount="100")
    life = Life(sold, contract(phase(APRIL, sold.item("data")), currency="USD"))
    assert life.close(0, {"data": 5000}) == [("usage", 5000), ("minimum", 5000)]


def test_the_minimum_comes_before_the_commitment_and_coupons_come_last() -> None:
    sold = metered(minimum_amount="40")
    life = Life(
        sold,
        contract(phase(APRIL, sold.item("data"), commitment=Decimal(100)), coupons=(coupon(1, percent="0.25"),)),
    )
    assert life.close(0, {"data": 10}) == [
        ("usage", 1000),
        ("minimum", 3000),
        ("commitment", 6000),
        ("discount", -2500),
    ]
    assert [line.discount_minor for line in life.lines] == [-250, -750, -1500, 0]


def test_fees_charged_ahead_count_towards_the_commitment_of_their_own_period() -> None:
    sold = metered()
    sold.fee("base", "30.00")
    life = Life(sold, contract(phase(APRIL, sold.item("base"), sold.item("data"), commitment=Decimal(100))))
    assert life.within(APRIL) == [("recurring", 3000)]
    assert life.close(0, {"data": 50}) == [("recurring", 3000), ("usage", 5000), ("commitment", 2000)]


def test_a_part_of_a_period_owes_its_share_of_the_commitment() -> None:
    sold = metered()
    changed = contract(
        phase(APRIL, sold.item("data"), commitment=Decimal(100)),
        phase(at(4, 11), sold.item("data"), commitment=Decimal(10)),
    )
    # A third of 100.00 and two thirds of 10.00: 33.33 + 6.67.
    assert Life(sold, changed).close(0) == [("usage", 0), ("commitment", 4000)]
    ended = contract(phase(APRIL, sold.item("data"), commitment=Decimal(100)), ends_at=at(4, 16))
    assert Life(sold, ended).close(0, {"data": 20}) == [("usage", 2000), ("commitment", 3000)]


def test_coupons_come_off_in_their_order_each_off_what_is_left() -> None:
    sold = Shop()
    sold.fee("fee", "100.00", timing="arrears")
    half, ten = coupon(1, percent="0.5"), coupon(2, minor=1000)
    for coupons, off in (((half, ten), [-5000, -1000]), ((ten, half), [-1000, -4500])):
        life = Life(sold, contract(phase(APRIL, sold.item("fee")), coupons=coupons))
        assert life.close(0) == [("recurring", 10000), *(("discount", amount) for amount in off)]
        assert life.lines[0].discount_minor == sum(off)


def test_a_fixed_discount_counts_once_a_period_whichever_invoice_comes_first() -> None:
    sold = metered()
    sold.fee("base", "30.00")
    once, always = coupon(1, minor=500, last=0), coupon(2, minor=100)
    life = Life(sold, contract(phase(APRIL, sold.item("base"), sold.item("data")), coupons=(once, always)))
    assert life.within(APRIL) == [("recurring", 3000), ("discount", -500), ("discount", -100)]
    closed = life.close(0, {"data": 70})
    assert closed == [("recurring", 3000), ("usage", 7000), ("discount", -100)], "May's, on the fee ahead"
    assert life.lines[0].discount_minor == -100

    late = Life(sold, contract(phase(APRIL, sold.item("data")), coupons=(once,)))
    assert late.close(0, {"data": 3}) == [("usage", 300), ("discount", -300)], "down to nothing at most"
    assert late.close(1, {"data": 9}) == [("usage", 900)]


def test_a_credit_gives_discounts_back_in_proportion_and_stays_exact_over_several() -> None:
    sold = Shop()
    sold.fee("seat", "30.00")
    tenth = (coupon(1, percent="0.1", last=0),)
    phases = [phase(APRIL, sold.item("seat"))]
    life = Life(sold, contract(*phases, coupons=tenth))
    life.within(APRIL)
    phases.append(phase(at(4, 16)))
    life.contract = contract(*phases, coupons=tenth)
    assert life.within(at(4, 16)) == [("proration", -1350), ("carried", 1350)], "half of 27.00"
    assert life.lines[0].derivation.steps[-1].label == "discounts given on it"
    phases[-1] = phase(at(4, 16), sold.item("seat", version=1))
    life.contract = contract(*phases, coupons=tenth)
    assert life.within(at(4, 16)) == [("proration", 1500), ("discount", -150), ("carried", -1350)]
    assert life.billed_minor == 2700


coupons = st.lists(
    st.one_of(
        st.builds(lambda n, p: coupon(n, percent=str(p)), st.integers(0, 9), st.decimals("0.01", "1", places=2)),
        st.builds(lambda n, m: coupon(n, minor=m), st.integers(10, 19), st.integers(1, 10**6)),
    ),
    max_size=5,
    unique_by=lambda use: use.redemption_id,
)


@given(coupons, st.lists(st.integers(0, 10**6), min_size=1, max_size=5))
def test_discounts_are_shared_out_to_the_last_cent_and_never_below_nothing(
    uses: list[CouponUse], amounts: list[int]
) -> None:
    sold = Shop()
    for number, amount in enumerate(amounts):
        sold.fee(f"fee {number}", str(Decimal(amount) / 100), timing="arrears")
    items = [sold.item(f"fee {number}") for number in range(len(amounts))]
    life = Life(sold, contract(phase(APRIL, *items), coupons=tuple(uses)))
    life.close(0)
    fees = [line for line in life.lines if line.kind == "recurring"]
    discounts = [line for line in life.lines if line.kind == "discount"]
    assert sum(line.discount_minor for line in fees) == sum(line.amount_minor for line in discounts)
    assert all(-line.amount_minor <= line.discount_minor <= 0 for line in fees)


moments = st.integers(1, 29 * 24).map(
    lambda hours: datetime.fromtimestamp(APRIL.timestamp() + hours * 3600, APRIL.tzinfo)
)


@given(st.lists(st.tuples(moments, st.integers(0, 9)), min_size=1, max_size=6, unique_by=lambda c: c[0]))
def test_carrying_never_loses_a_cent(changes: list[tuple[datetime, int]]) -> None:
    """All that was invoiced, less what is still carried, is the sum of all lines that aren't about carrying."""
    sold = Shop()
    sold.fee("seat", "7.77")
    phases = [phase(APRIL, sold.item("seat", 5))]
    life = Life(sold, contract(*phases))
    life.within(APRIL)
    for number, (when, seats) in enumerate(sorted(changes)):
        phases.append(phase(when, sold.item("seat", seats, number + 1)))
        life.contract = contract(*phases)
        life.within(when)
        assert life.ratings[-1].total_minor >= 0
    life.close(0)
    lines = [line for rated in life.ratings for line in rated.charges]
    due = sum(line.amount_minor for line in lines if line.kind != "carried")
    assert life.billed_minor - life.carried_minor == due
