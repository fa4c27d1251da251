"""Taxes as authorities and standards work them out; each test names its source."""

from collections.abc import Sequence
from decimal import Decimal

from tax_lines import Sold, added, included, rate

from corebilling.invoice.domain.tax import AppliedRate, LineTax, assess, totals
from corebilling.kernel.party import TaxRounding


def of(lines: Sequence[Sold], *rates: AppliedRate, rounding: TaxRounding = "line") -> list[tuple[LineTax, ...]]:
    """All lines at the same rates."""
    return assess(lines, [rates] * len(lines), rounding)


def by_name(taxes: list[tuple[LineTax, ...]]) -> dict[str, tuple[int, int]]:
    """What is taxed and the tax, by the name of the tax."""
    return {t.name: (t.taxable_minor, t.tax_minor) for t in totals(tax for of_line in taxes for tax in of_line)}


def test_peppol_base_example() -> None:
    """OpenPEPPOL peppol-bis-invoice-3, rules/examples/base-example.xml: 2800 - 1500 + 25 at 25 % are 331.25 on 1325."""
    vat = rate("VAT", "0.25")
    for rounding in ("line", "invoice"):
        taxes = of([Sold(280000), Sold(-150000), Sold(2500)], vat, rounding=rounding)
        assert by_name(taxes) == {"VAT": (132500, 33125)}


def test_quebec_puts_both_taxes_on_the_price() -> None:
    """Revenu Québec, "Calculating the Taxes": 100.00, GST 5 % 5.00, QST 9.975 % 9.98, total 114.98. None is on the other."""
    taxes = of([Sold(10000)], rate("GST", "0.05"), rate("QST", "0.09975"))
    assert by_name(taxes) == {"GST": (10000, 500), "QST": (10000, 998)}
    assert 10000 + added(taxes) == 11498


def test_quebec_lets_taxes_be_worked_out_on_the_total() -> None:
    """Same source: the taxes may be calculated on the total price, half a cent counts as a cent."""
    three = [Sold(3333)] * 3
    gst, qst = rate("GST", "0.05"), rate("QST", "0.09975")
    assert by_name(of(three, gst, qst, rounding="invoice")) == {"GST": (9999, 500), "QST": (9999, 997)}
    assert by_name(of(three, gst, qst, rounding="line")) == {"GST": (9999, 501), "QST": (9999, 996)}


def test_kansas_rounds_by_item_or_by_invoice() -> None:
    """K.S.A. 79-3676 (Streamlined Sales and Use Tax Agreement, section 324): up from the third decimal above four, on an
    item or an invoice basis. Three items of 0.99 at the state's 6.5 %: 0.06435 each, 0.19305 in all."""
    three, sales_tax = [Sold(99)] * 3, rate("Sales tax", "0.065")
    assert added(of(three, sales_tax, rounding="line")) == 18
    assert added(of(three, sales_tax, rounding="invoice")) == 19


def test_swiss_prices_contain_their_tax() -> None:
    """Swiss rates since 1 January 2024: 8.1 % and 2.6 %; of 108.1 % of the net, so 1081.00 contains 81.00, 100.00 contains 2.53."""
    (standard,), (reduced,) = assess(
        [Sold(108100), Sold(10000)],
        [[rate("MWST", "0.081", inclusive=True)], [rate("MWST", "0.026", inclusive=True)]],
        "line",
    )
    assert (standard.taxable_minor, standard.tax_minor) == (100000, 8100)
    assert (reduced.taxable_minor, reduced.tax_minor) == (9747, 253)


def test_british_vat_fraction() -> None:
    """HMRC, VAT guide (Notice 700): the VAT fraction of 20 % is one sixth of a price with VAT in it."""
    vat = rate("VAT", "0.2", inclusive=True)
    assert [included(of_line) for of_line in of([Sold(12000), Sold(600), Sold(-12000)], vat)] == [2000, 100, -2000]


def test_rates_within_and_on_top_of_one_price() -> None:
    """103.00 with 3 % in it is 100.00 net; 20 % on the net is on top."""
    (taxes,) = of([Sold(10300)], rate("Levy", "0.03", inclusive=True), rate("VAT", "0.2"))
    assert [(tax.taxable_minor, tax.tax_minor) for tax in taxes] == [(10000, 300), (10000, 2000)]


def test_two_rates_within_one_price_share_what_is_in_it() -> None:
    """110.00 with 4 % and 6 % in it."""
    (taxes,) = of([Sold(11000)], rate("A", "0.04", inclusive=True), rate("B", "0.06", inclusive=True))
    assert [tax.tax_minor for tax in taxes] == [400, 600]


def test_currencies_without_minor_units_and_with_three_digits() -> None:
    """1,235 JPY at 10 % is 123.5: 124 JPY. 12.345 KWD at 5 % is 0.61725: 0.617 KWD. Amounts are in minor units alike."""
    assert added(of([Sold(1235)], rate("JCT", "0.1"))) == 124
    assert added(of([Sold(12345)], rate("VAT", "0.05"))) == 617


def test_discounts_come_off_before_tax() -> None:
    """Directive 2006/112/EC art. 79 (b): 100.00 and 50.00 less 10 % at 20 %; the line of the discount has no tax of its own."""
    lines = [Sold(10000, -1000), Sold(5000, -500), Sold(-1500, kind="discount")]
    taxes = of(lines, rate("VAT", "0.2"))
    assert [[tax.tax_minor for tax in of_line] for of_line in taxes] == [[1800], [900], []]


def test_credit_that_is_carried_is_taxed_where_it_is_used() -> None:
    """A downgrade gives 30.00 back against 10.00: 20.00 is carried with its tax, and comes off the next invoice."""
    vat = rate("VAT", "0.2")
    this = of([Sold(1000), Sold(-3000), Sold(2000, kind="carried")], vat)
    assert [[tax.taxable_minor for tax in of_line] for of_line in this] == [[1000], [-1000], []]
    following = of([Sold(5000), Sold(1000), Sold(-2000, kind="carried")], vat)
    assert [[tax.taxable_minor for tax in of_line] for of_line in following] == [[3333], [667], []]
    assert added(this) + added(following) == (1000 - 3000 + 6000) // 5


def test_tax_given_back_is_limited_to_what_keeps_the_total_at_zero() -> None:
    """100.00 at 5.5 % against 100.00 back at 20 %: the tax would be -14.50 on a total of nothing."""
    sold = [Sold(10000), Sold(-10000)]
    taxes = assess(sold, [[rate("VAT", "0.055")], [rate("VAT", "0.2")]], "line")
    assert [tax.tax_minor for (tax,) in taxes] == [550, -550]


def test_a_rate_of_nothing_still_says_what_it_is_on() -> None:
    (taxes,) = of([Sold(10000)], rate("VAT", "0"))
    assert (taxes[0].category, taxes[0].rate, taxes[0].taxable_minor, taxes[0].tax_minor) == ("Z", Decimal(0), 10000, 0)
