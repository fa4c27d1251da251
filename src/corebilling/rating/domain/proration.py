"""Parts of a term by cumulative rounding: what is owed up to an instant is rounded, and a part owes the difference.

So the parts of a price add up to it to the last minor unit, however it is cut: R(x) = round(price x position(x)), and
`[a, b)` owes R(b) - R(a).
"""

from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal

from corebilling.kernel.contract import Contract
from corebilling.kernel.decimals import plain
from corebilling.kernel.money import EXACT, to_minor
from corebilling.kernel.period import zone

_MICROSECOND = timedelta(microseconds=1)
_SECOND = 1_000_000
_UNITS = ((86_400 * _SECOND, "days"), (3_600 * _SECOND, "hours"), (_SECOND, "seconds"))


def owed_minor(
    contract: Contract, price: Decimal, start: datetime, end: datetime, first: datetime, last: datetime
) -> int:
    """What `[first, last)` owes of a price for `[start, end)`, in minor units of the contract's currency."""
    return _owed_until(contract, price, start, end, last) - _owed_until(contract, price, start, end, first)


def part_label(contract: Contract, start: datetime, end: datetime, first: datetime, last: datetime) -> str:
    """Such as `15 of 31 days`: in days where both are whole ones, else in hours or seconds."""
    upper, whole = _position(contract, start, end, last)
    lower, _ = _position(contract, start, end, first)
    if contract.proration == "day":
        return f"{upper - lower} of {whole} days"
    part = upper - lower
    for unit, name in _UNITS:
        if not part % unit and not whole % unit:
            return f"{part // unit} of {whole // unit} {name}"
    return f"{_seconds(part)} of {_seconds(whole)} seconds"


def days_text(start: datetime, end: datetime, time_zone: str) -> str:
    """The days of a span in a zone's calendar, both included: `2026-01-01 to 2026-01-31`."""
    tz = zone(time_zone)
    return f"{start.astimezone(tz).date()} to {max(start, end - _MICROSECOND).astimezone(tz).date()}"


def _owed_until(contract: Contract, price: Decimal, start: datetime, end: datetime, at: datetime) -> int:
    if at <= start:
        return 0
    if at >= end:
        return to_minor(price, contract.currency)
    passed, whole = _position(contract, start, end, at)
    return to_minor(EXACT.divide(EXACT.multiply(price, Decimal(passed)), Decimal(whole)), contract.currency)


def _position(contract: Contract, start: datetime, end: datetime, at: datetime) -> tuple[int, int]:
    """How much of `[start, end)` has passed at an instant, and how much it is altogether.

    By microseconds; with proration by day in days of the contract's zone, of which the one that `at` falls on has not passed.
    """
    at = min(max(at, start), end)
    if contract.proration == "day":
        tz = zone(contract.time_zone)
        first, last = _date(start, tz), _date(end, tz)
        return (last - first).days if at == end else (_date(at, tz) - first).days, (last - first).days
    return (at - start) // _MICROSECOND, (end - start) // _MICROSECOND


def _date(at: datetime, tz: tzinfo) -> date:
    return at.astimezone(tz).date()


def _seconds(microseconds: int) -> str:
    return plain(EXACT.scaleb(Decimal(microseconds), -6))
