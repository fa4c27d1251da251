"""The states of a subscription. The README draws this table, the CHECK on `subscriptions.status` repeats its words."""

from typing import Literal

from corebilling.kernel.errors import Conflict

SubscriptionStatus = Literal["incomplete", "trialing", "active", "past_due", "paused", "canceled", "expired"]

INITIAL: frozenset[str] = frozenset({"incomplete", "trialing", "active"})
"""A subscription begins in one of these."""

MOVES: frozenset[tuple[str, str]] = frozenset(
    {
        ("incomplete", "active"),
        ("incomplete", "canceled"),
        ("incomplete", "expired"),
        ("trialing", "active"),
        ("trialing", "paused"),
        ("trialing", "canceled"),
        ("active", "past_due"),
        ("active", "paused"),
        ("active", "canceled"),
        ("past_due", "active"),
        ("past_due", "paused"),
        ("past_due", "canceled"),
        ("paused", "active"),
        ("paused", "canceled"),
    }
)
"""Every allowed (before, after). Canceled and expired are final: whoever comes back gets a new subscription."""

OVER: frozenset[str] = frozenset({"canceled", "expired"})


def may_move(before: str, after: str) -> bool:
    """Whether the table has this move."""
    return (before, after) in MOVES


def require_move(before: str, after: str) -> None:
    """Raises `Conflict` for a move that the table doesn't have."""
    if not may_move(before, after):
        raise Conflict(f"a subscription that is {before} can't become {after}", code="subscription_state")


def require_alive(status: str) -> None:
    """Raises `Conflict` for a subscription that is over."""
    if status in OVER:
        raise Conflict(
            f"the subscription is {status} already; create a new one to go on", code="subscription_not_active"
        )


def require_settled(status: str) -> None:
    """Raises `Conflict` for one that is over, or whose first invoice isn't paid yet."""
    require_alive(status)
    if status == "incomplete":
        raise Conflict(
            "the subscription waits for its first payment; let that invoice be paid, or cancel the subscription",
            code="subscription_incomplete",
        )
