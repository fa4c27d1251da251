"""Lines that a caller wrote, checked so that a refusal names the line."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from msgspec.structs import replace

from corebilling.invoice.domain.document import Line, one_off_line
from corebilling.invoice.schemas import LineCreate
from corebilling.kernel.errors import Invalid, invalid_field

LARGEST = Decimal(10) ** 15
FINEST = -12
YEARS = (1900, 2200)
LONGEST_YEARS = 50


def lines_of(lines: Sequence[LineCreate], currency: str) -> list[Line]:
    """The lines of a one-off invoice. Raises `Invalid` for one that can't be computed or has half a period."""
    return [_line(no, line, currency) for no, line in enumerate(lines)]


def _line(index: int, line: LineCreate, currency: str) -> Line:
    for name, value in (("quantity", line.quantity), ("unit_amount", line.unit_amount)):
        exponent = value.as_tuple().exponent
        if not isinstance(exponent, int) or abs(value) >= LARGEST or exponent < FINEST:
            raise invalid_field(
                f"/lines/{index}/{name}", f"send a number below {LARGEST:f} with at most {-FINEST} decimals"
            )
    if line.quantity < 0:
        raise invalid_field(
            f"/lines/{index}/quantity", "a quantity can't be negative; for a discount make unit_amount negative"
        )
    if (line.period_start is None) != (line.period_end is None):
        raise invalid_field(f"/lines/{index}/period_end", "send both ends of the period, or neither")
    if line.period_start is not None and line.period_end is not None and line.period_start >= line.period_end:
        raise invalid_field(f"/lines/{index}/period_end", "a period ends after it starts")
    if line.period_start is not None and line.period_end is not None:
        _require_earnable(f"/lines/{index}", line.period_start, line.period_end)
    try:
        made = one_off_line(line.description, line.quantity, line.unit, line.unit_amount, currency)
    except Invalid as error:
        raise invalid_field(f"/lines/{index}", error.message, code=error.code) from None
    return replace(
        made,
        product=line.product,
        tax_category=line.tax_category,
        period_start=line.period_start,
        period_end=line.period_end,
    )


def _require_earnable(pointer: str, start: datetime, end: datetime) -> None:
    """Each month of a period earns its part of the line: a row of the ledger."""
    if start.year < YEARS[0]:
        raise invalid_field(f"{pointer}/period_start", f"send a period of the years {YEARS[0]} to {YEARS[1]}")
    if end.year > YEARS[1]:
        raise invalid_field(f"{pointer}/period_end", f"send a period of the years {YEARS[0]} to {YEARS[1]}")
    if end.year - start.year > LONGEST_YEARS:
        raise invalid_field(f"{pointer}/period_end", f"send a period of at most {LONGEST_YEARS} years")
