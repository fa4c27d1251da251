"""The demo's own arithmetic, written a second time and without the engine: what each invoice must come to.

Amounts are counted in whole ten-thousandths of a euro, so that no rounding hides; a line is rounded once, half up.
"""

from decimal import Decimal

from corebilling.cli.demo.traffic import Usage

_PARTS = 10_000


def _cents(parts: Decimal) -> int:
    """Ten-thousandths of a euro as cents, half up (amounts here are never negative)."""
    return int((parts / 100 + Decimal("0.5")) // 1)


def _calls_in_tiers(calls: Decimal) -> Decimal:
    parts = Decimal(0)
    if calls > 1000:
        parts += (min(calls, Decimal(5000)) - 1000) * 42
    if calls > 5000:
        parts += (calls - 5000) * 31 + 5 * _PARTS
    return parts


def invoice_cents(plan: str, usage: Usage) -> int:
    """The invoice of a customer on the plan, in cents."""
    if plan == "starter":
        return 2_900 + _cents(usage.api_calls * 57)
    calls = _cents(_calls_in_tiers(usage.api_calls))
    if plan == "growth":
        return 9_900 + calls + _cents(usage.storage_gb * 1_900)
    users, messages = len(usage.users) * 12_500, usage.messages * 135
    return 49_900 + calls + _cents(usage.storage_gb * 1_100) + _cents(Decimal(users)) + _cents(Decimal(messages))
