"""Laws of taxes, for whatever is on an invoice."""

from collections.abc import Sequence
from decimal import Decimal

from hypothesis import assume, given
from hypothesis import strategies as st
from tax_lines import RATES, Sold, added, amounts, included, rate, roundings, sales, several_rates

from corebilling.invoice.domain.splitting import apportion, spread
from corebilling.invoice.domain.tax import AppliedRate, assess, bases, totals
from corebilling.kernel.party import TaxRounding

Sales = tuple[list[Sold], list[list[AppliedRate]]]
HALF = Decimal("0.5")


@given(sales(), roundings)
def test_an_invoice_never_falls_below_zero(sold: Sales, rounding: TaxRounding) -> None:
    lines, rates = sold
    assert sum(line.amount_minor for line in lines) + added(assess(lines, rates, rounding)) >= 0


@given(sales())
def test_bases_add_up_to_what_is_invoiced(sold: Sales) -> None:
    lines, _ = sold
    found = bases(lines)
    assert sum(found) == sum(line.amount_minor for line in lines)
    for line, base in zip(lines, found, strict=True):
        own = line.amount_minor + line.discount_minor
        assert line.kind == "usage" or base == 0
        assert line.kind != "usage" or 0 <= base <= own or own <= base <= 0


@given(sales(), roundings)
def test_net_and_included_tax_make_up_each_base(sold: Sales, rounding: TaxRounding) -> None:
    lines, rates = sold
    for base, taxes, wanted in zip(bases(lines), assess(lines, rates, rounding), rates, strict=True):
        for tax in taxes:
            assert tax.taxable_minor + included(taxes) == base
        assert not taxes or [tax.code for tax in taxes] == [one.code for one in wanted]


@given(sales())
def test_by_line_each_tax_is_its_rate_of_the_net(sold: Sales) -> None:
    lines, rates = sold
    owed = sum(line.amount_minor for line in lines)
    taxes = assess(lines, rates, "line")
    assume(owed + added(taxes) > 0)  # otherwise tax may have been left off
    for of_line in taxes:
        within = sum((tax.rate for tax in of_line if tax.inclusive), Decimal(0))
        for tax in of_line:
            away = abs(tax.tax_minor - tax.taxable_minor * tax.rate)
            assert away <= (HALF if not tax.inclusive else 1 + HALF * (1 + within)), tax


@given(sales())
def test_by_invoice_each_tax_is_its_rate_of_the_sum(sold: Sales) -> None:
    lines, rates = sold
    taxes = assess(lines, rates, "invoice")
    assume(sum(line.amount_minor for line in lines) + added(taxes) > 0)
    for total in totals(tax for of_line in taxes for tax in of_line if not tax.inclusive):
        assert abs(total.tax_minor - total.taxable_minor * total.rate) <= HALF, total
    for of_line in taxes:
        for tax in of_line:
            assert tax.inclusive or abs(tax.tax_minor - tax.taxable_minor * tax.rate) < 1, tax


@given(st.lists(amounts, min_size=1, max_size=6), several_rates, roundings)
def test_taking_everything_back_gives_the_opposite(
    given_amounts: list[int], rates: list[AppliedRate], rounding: TaxRounding
) -> None:
    """What was sold beside it keeps both totals above zero, so that nothing is left off."""
    floor = 10 * sum(abs(amount) for amount in given_amounts) + 1
    there = [Sold(floor), *map(Sold, given_amounts)]
    back = [Sold(floor), *(Sold(-amount) for amount in given_amounts)]
    wanted: list[Sequence[AppliedRate]] = [(), *[rates] * len(given_amounts)]
    mine, theirs = assess(there, wanted, rounding), assess(back, wanted, rounding)
    assert [[(t.taxable_minor, t.tax_minor) for t in of_line] for of_line in mine] == [
        [(-t.taxable_minor, -t.tax_minor) for t in of_line] for of_line in theirs
    ]


@given(st.integers(0, 10**12), several_rates, roundings)
def test_a_price_with_its_taxes_within_costs_what_it_says(
    amount: int, rates: list[AppliedRate], rounding: TaxRounding
) -> None:
    (taxes,) = assess([Sold(amount)], [rates], rounding)
    nets = {tax.taxable_minor for tax in taxes} or {amount}
    assert nets == {amount - included(taxes)}
    assert 0 <= included(taxes) <= amount


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=8), st.sampled_from(RATES))
def test_both_roundings_agree_on_one_line_and_differ_by_half_a_unit_a_line(
    given_amounts: list[int], one: AppliedRate
) -> None:
    lines, rates = [Sold(amount) for amount in given_amounts], [[one]] * len(given_amounts)
    by_line, by_invoice = (
        sum(tax.tax_minor for (tax,) in assess(lines, rates, rounding)) for rounding in ("line", "invoice")
    )
    assert abs(by_line - by_invoice) <= HALF * (len(lines) + 1)
    if len(lines) == 1:
        assert by_line == by_invoice


@given(sales(), roundings)
def test_sums_by_rate_hold_every_tax_once(sold: Sales, rounding: TaxRounding) -> None:
    every = [tax for of_line in assess(*sold, rounding) for tax in of_line]
    sums = totals(every)
    assert sum(tax.tax_minor for tax in sums) == sum(tax.tax_minor for tax in every)
    assert len({tax.code for tax in sums}) == len(sums)


@given(st.integers(-(10**18), 10**18), st.lists(st.integers(0, 10**9), min_size=1, max_size=9))
def test_spreading_keeps_the_sum_and_the_signs(amount: int, weights: list[int]) -> None:
    parts = spread(amount, weights)
    assert sum(parts) == (amount if any(weights) else 0)
    assert [-part for part in spread(-amount, weights)] == parts
    assert all(part * amount >= 0 and (weight or not part) for part, weight in zip(parts, weights, strict=True))


@given(st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=9), st.integers(1, 1000), st.integers(-3, 3))
def test_apportioned_parts_add_up_whatever_they_miss(numerators: list[int], divisor: int, off: int) -> None:
    exact = [(Decimal(numerator), divisor) for numerator in numerators]
    amount = round(Decimal(sum(numerators)) / divisor) + off
    assert sum(apportion(amount, exact)) == amount
    assert apportion(-amount, [(-n, d) for n, d in exact]) == [-part for part in apportion(amount, exact)]


def test_lines_that_share_a_rate_share_its_rounding() -> None:
    lines, rates = [Sold(2)] * 3, [[rate("VAT", "0.2")]] * 3
    assert [tax.tax_minor for (tax,) in assess(lines, rates, "line")] == [0, 0, 0]
    assert [tax.tax_minor for (tax,) in assess(lines, rates, "invoice")] == [1, 0, 0]
