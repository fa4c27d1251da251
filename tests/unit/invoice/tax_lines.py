"""Lines and rates for tests of taxes."""

from decimal import Decimal

import msgspec
from hypothesis import strategies as st

from corebilling.invoice.domain.tax import AppliedRate, LineTax


class Sold(msgspec.Struct, frozen=True):
    """What taxes need to know of a line."""

    amount_minor: int
    discount_minor: int = 0
    kind: str = "usage"


def rate(name: str, fraction: str, *, inclusive: bool = False) -> AppliedRate:
    """A rate of a made-up place."""
    value = Decimal(fraction)
    return AppliedRate(name.lower(), name, "XX", "S" if value else "Z", value, inclusive)


RATES = (
    rate("VAT", "0.20"),
    rate("GST", "0.05"),
    rate("QST", "0.09975"),
    rate("ZERO", "0"),
    rate("MWST", "0.081", inclusive=True),
    rate("TVA", "0.2", inclusive=True),
    rate("LEVY", "0.003", inclusive=True),
)

amounts = st.one_of(st.integers(-60, 60), st.integers(-(10**7), 10**7), st.integers(-(10**17), 10**17))
several_rates = st.lists(st.sampled_from(RATES), max_size=4, unique_by=lambda one: one.code)
roundings = st.sampled_from(("line", "invoice"))


@st.composite
def sales(draw: st.DrawFn) -> tuple[list[Sold], list[list[AppliedRate]]]:
    """Lines of one invoice with their rates: credits, shares of a discount whose own line is there too, carried credit."""
    lines, rates = [], []
    palette = draw(st.lists(several_rates, min_size=1, max_size=3))
    for amount in draw(st.lists(amounts, min_size=1, max_size=6)):
        off = draw(st.integers(0, amount)) if amount > 0 and draw(st.booleans()) else 0
        lines.append(Sold(amount, -off))
        rates.append(draw(st.sampled_from(palette)))
    discounts = sum(line.discount_minor for line in lines)
    if discounts:
        lines.append(Sold(discounts, kind="discount"))
        rates.append(palette[0])
    total = sum(line.amount_minor for line in lines)
    if total < 0:
        lines.append(Sold(-total, kind="carried"))
        rates.append(palette[0])
    elif total and draw(st.booleans()):
        lines.append(Sold(-draw(st.integers(1, total)), kind="carried"))
        rates.append(palette[0])
    return lines, rates


def added(taxes: list[tuple[LineTax, ...]]) -> int:
    """Tax on top of the lines."""
    return sum(tax.tax_minor for of_line in taxes for tax in of_line if not tax.inclusive)


def included(of_line: tuple[LineTax, ...]) -> int:
    """Tax within a line."""
    return sum(tax.tax_minor for tax in of_line if tax.inclusive)
