"""The demo's own arithmetic, written a second time and without the engine: what each invoice must come to.

Amounts are counted in whole ten-thousandths of a euro, so that no rounding hides; a line is rounded once, half up.
"""

from decimal import Decimal

from corebilling.cli.demo.traffic import Usage

_PARTS = 10_000
_NET_CENTS = {"prepaid": 15_000, "transfer": 128_000, "card": 12_000, "ahead": 120_000}


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


def _storage_by_volume(gb: Decimal) -> Decimal:
    return gb * (2_500 if gb <= 50 else 1_900)


def _packages_of_25(messages: int) -> Decimal:
    return Decimal(-(-messages // 25) * 4_000)


def invoice_cents(plan: str, usage: Usage) -> int:
    """The invoice of a customer on the plan, in cents."""
    if plan == "starter":
        return 2_900 + _cents(usage.api_calls * 57)
    calls = _cents(_calls_in_tiers(usage.api_calls))
    if plan == "growth":
        return 9_900 + calls + _cents(_storage_by_volume(usage.storage_gb))
    users, messages = Decimal(len(usage.users) * 12_500), _packages_of_25(usage.messages)
    return 49_900 + calls + _cents(usage.storage_gb * 1_100) + _cents(users) + _cents(messages)


def story_cents(usage: dict[str, Usage]) -> dict[str, list[int]]:
    """The invoices of the customers with a story, in the order in which they are issued, in cents."""
    studio, agency = 4_600, 11_800
    discounted = invoice_cents("growth", usage["newcomer"])
    return {
        "upgrader": [studio, agency // 2 - studio // 2, agency],
        "newcomer": [discounted - _cents(Decimal(discounted * 20))],
        "committed": [max(90_000, invoice_cents("scale", usage["committed"]))],
        "watched": [invoice_cents("starter", usage["watched"])],
    }


def _with_vat(net: int) -> tuple[int, int]:
    """A net amount in cents and 19 % of it, half up."""
    return net, _cents(Decimal(net) * 19)


TAXED_CENTS = {name: _with_vat(net) for name, net in _NET_CENTS.items()}
"""By customer of the money chapter: net and tax of its invoice."""

_PAID_CENTS = {"prepaid": 10_000 + 2_500, "transfer": 100_000, "card": 14_280, "ahead": 142_800}
DUE_CENTS = {name: sum(TAXED_CENTS[name]) - paid for name, paid in _PAID_CENTS.items()}
"""By customer: what is left to pay at the end."""


def _earned_by(days: int) -> int:
    """What so many days of 365 earn of a year for 1,200.00, in cents."""
    return _cents(Decimal(120_000 * 100 * days) / 365)


EARNED_CENTS = [_earned_by(31), _earned_by(59) - _earned_by(31), _earned_by(90) - _earned_by(59)]
"""January, February, March."""

_BACK, _FEE = _with_vat(3_000), 244

BOOKS_CENTS = {
    "1000": 10_000 + 100_000 + 142_800,
    "1100": 14_280 - _FEE - sum(_BACK),
    "1200": sum(DUE_CENTS.values()),
    "2200": _BACK[1] - sum(tax for _, tax in TAXED_CENTS.values()),
    "2400": sum(EARNED_CENTS) - _NET_CENTS["ahead"],
    "4000": _BACK[0] - sum(EARNED_CENTS) - sum(net for name, net in _NET_CENTS.items() if name != "ahead"),
    "4900": 2_500,
    "5000": _FEE,
}
"""The balance of every account of the money chapter that has one, debits positive."""
