"""Lines (BG-25) and the breakdown of taxes (BG-23)."""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec

from corebilling.invoice.domain.tax import LineTax
from corebilling.kernel.decimals import plain
from corebilling.kernel.money import EXACT, from_minor, to_minor
from corebilling.kernel.period import zone

UNTAXED_KINDS = frozenset({"discount", "carried"})
"""Lines that have no tax of their own: what they take off or carry over is part of what the other lines are taxed on."""

_UNITS = {
    "second": "SEC", "seconds": "SEC", "minute": "MIN", "minutes": "MIN", "hour": "HUR", "hours": "HUR", "h": "HUR",
    "day": "DAY", "days": "DAY", "week": "WEE", "weeks": "WEE", "month": "MON", "months": "MON", "year": "ANN",
    "years": "ANN", "kwh": "KWH", "mwh": "MWH", "kb": "2P", "mb": "4L", "gb": "E34", "tb": "E35", "kg": "KGM",
    "g": "GRM", "m": "MTR", "km": "KMT", "l": "LTR", "litre": "LTR", "litres": "LTR",
}  # fmt: skip
_ONE = "C62"
"""UN/ECE Recommendation 20: one."""

_REASON_CODES = {"AE": "VATEX-EU-AE", "G": "VATEX-EU-G", "K": "VATEX-EU-IC", "O": "VATEX-EU-O"}
_REASONS = {
    "AE": "Reverse charge",
    "E": "Exempt from tax",
    "G": "Export",
    "K": "Intra-Community supply",
    "O": "Not subject to tax",
}


class TaxedLine(msgspec.Struct, frozen=True):
    """A line of a document with its one tax. `unit_amount` is given where quantity x unit amount is all that the line is."""

    line_no: int
    name: str
    quantity: Decimal
    unit: str | None
    unit_amount: Decimal | None
    amount_minor: int
    tax: LineTax
    period_start: datetime | None
    period_end: datetime | None


def line_of(line: TaxedLine, currency: str, time_zone: str) -> dict[str, Any]:
    """BG-25: net of tax and of the line's share of discounts, which it says as an allowance (BG-27) or a charge (BG-28).

    Net amounts that no single price explains (tiers, prices that include tax) are one unit at that price.
    """
    net = line.tax.taxable_minor
    gross = net if line.tax.inclusive else line.amount_minor
    quantity, price = _priced(line, gross, currency)
    entry: dict[str, Any] = {
        "BT-126": str(line.line_no),
        "BT-129": plain(quantity),
        "BT-130": _unit(line.unit) if quantity == line.quantity else _ONE,
        "BT-131": money(net, currency),
        "BT-146": plain(price),
        "BT-151": line.tax.category,
        "BT-152": percent(line.tax),
        "BT-153": line.name,
    }
    if quantity != line.quantity:
        entry["BT-154"] = f"{plain(line.quantity)} {line.unit or ''}".strip()
    if line.period_start and line.period_end and line.period_start < line.period_end:
        entry["BT-134"], entry["BT-135"] = local_days(line.period_start, line.period_end, time_zone)
    if net < gross:
        entry["BG-27"] = [{"amount": money(gross - net, currency), "reason": "Discount", "reason_code": "95"}]
    elif net > gross:
        entry["BG-28"] = [{"amount": money(net - gross, currency), "reason": "Carried over"}]
    return entry


def breakdown_of(taxes: Iterable[LineTax], currency: str) -> list[dict[str, Any]]:
    """BG-23: one for each category and rate."""
    sums: dict[tuple[str, Decimal], tuple[int, int, str | None]] = {}
    for tax in taxes:
        key = (tax.category, tax.rate.normalize())
        taxable, due, reason = sums.get(key, (0, 0, None))
        sums[key] = (taxable + tax.taxable_minor, due + tax.tax_minor, reason or tax.reason)
    rows = []
    for (category, rate), (taxable, due, reason) in sums.items():
        row = {
            "BT-116": money(taxable, currency),
            "BT-117": money(due, currency),
            "BT-118": category,
            "BT-119": plain(rate * 100),
        }
        if category in _REASONS:
            row |= {"BT-120": reason or _REASONS[category]}
        if category in _REASON_CODES:
            row |= {"BT-121": _REASON_CODES[category]}
        rows.append(row)
    return rows


def money(minor: int, currency: str) -> str:
    """An amount in major units."""
    return f"{from_minor(minor, currency):f}"


def percent(tax: LineTax) -> str:
    """A rate as so many per cent."""
    return plain(tax.rate * 100)


def local_days(start: datetime, end: datetime, time_zone: str) -> tuple[date, date]:
    """A half-open period as its first and last day."""
    last = end - datetime.resolution
    return start.astimezone(zone(time_zone)).date(), last.astimezone(zone(time_zone)).date()


def _priced(line: TaxedLine, gross_minor: int, currency: str) -> tuple[Decimal, Decimal]:
    """Quantity and price; a price is never negative (BR-27), so a credit is so many less."""
    unit = line.unit_amount
    explains = unit is not None and to_minor(EXACT.multiply(line.quantity, unit), currency) == gross_minor
    if unit is not None and explains and unit >= 0 and line.quantity and not line.tax.inclusive:
        return line.quantity, unit
    amount = from_minor(gross_minor, currency)
    return (Decimal(1), amount) if amount >= 0 else (Decimal(-1), -amount)


def _unit(unit: str | None) -> str:
    return _UNITS.get((unit or "").lower(), _ONE)
