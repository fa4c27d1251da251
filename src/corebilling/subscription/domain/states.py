"""The states of a subscription. The README draws this table, the CHECK on `subscriptions.status` repeats its words."""

from typing import Literal

from corebilling.kernel.errors import Conflict

SubscriptionStatus = Literal["active", "canceled"]

INITIAL: SubscriptionStatus = "active"

MOVES: frozenset[tuple[str, str]] = frozenset({("active", "canceled")})
"""Every allowed (before, after). Canceled is final: whoever comes back gets a new subscription."""


def require_active(status: str) -> None:
    """Raises `Conflict` for a subscription that can't be canceled any more."""
    if (status, "canceled") not in MOVES:
        raise Conflict(
            f"the subscription is {status} already; create a new one to go on", code="subscription_not_active"
        )
