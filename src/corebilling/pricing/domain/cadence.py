"""How often a recurring price is due, counted in periods of its plan."""

from corebilling.kernel.errors import FieldError, Invalid
from corebilling.kernel.period import Interval

_MONTHS: dict[Interval, int] = {"month": 1, "quarter": 3, "year": 12}


def every(
    interval: Interval | None, count: int | None, plan_interval: Interval, plan_count: int, pointer: str = ""
) -> int:
    """After how many periods of the plan a price with this interval is due again; without one, after each.

    An interval without a count is one of them, a count without an interval counts the plan's. Raises `Invalid` unless
    the price's interval is a whole multiple of the plan's: weeks of weeks, months, quarters and years in months.
    """
    if interval is None and count is None:
        return 1
    at = f"{pointer}/interval_count" if interval is None else f"{pointer}/interval"
    unit, length = _length(interval or plan_interval, count or 1)
    plan_unit, plan_length = _length(plan_interval, plan_count)
    times, rest = divmod(length, plan_length)
    if unit != plan_unit or rest:
        raise _fault(
            at, f"must be a whole multiple of the plan's period of {plan_count} {plan_interval}; send such a multiple"
        )
    return times


def _length(interval: Interval, count: int) -> tuple[str, int]:
    return ("weeks", count) if interval == "week" else ("months", _MONTHS[interval] * count)


def _fault(pointer: str, detail: str) -> Invalid:
    return Invalid(f"{pointer} {detail}", code="invalid_interval", fields=[FieldError(pointer, detail)])
