"""The states of payments, refunds, disputes and collections and the moves between them.

Drawn in the context's README, mirrored by CHECKs. What gateways tell comes in any order and several times, so the states of
payments, refunds and disputes are ordered: a message moves up or is ignored (domain/outcome.py).
"""

from collections.abc import Mapping
from typing import Literal

Status = Literal["pending", "processing", "requires_action", "canceled", "failed", "succeeded", "disputed"]

IN_FLIGHT: frozenset[Status] = frozenset({"pending", "processing", "requires_action"})
"""The outcome isn't known: one such payment per invoice (a unique index)."""

ARRIVED: frozenset[Status] = frozenset({"succeeded", "disputed"})
"""The money came and was posted."""

MOVES: Mapping[Status, frozenset[Status]] = {
    "pending": frozenset({"processing", "requires_action", "canceled", "failed", "succeeded"}),
    "processing": frozenset({"requires_action", "canceled", "failed", "succeeded"}),
    "requires_action": frozenset({"processing", "canceled", "failed", "succeeded"}),
    "canceled": frozenset({"failed", "succeeded"}),
    "failed": frozenset({"succeeded"}),
    "succeeded": frozenset({"disputed"}),
    "disputed": frozenset({"succeeded"}),
}
"""Money that arrives after all counts, whatever was said before. A dispute that is won gives the payment back."""

RefundStatus = Literal["pending", "processing", "succeeded", "failed"]

REFUND_MOVES: Mapping[RefundStatus, frozenset[RefundStatus]] = {
    "pending": frozenset({"processing", "succeeded", "failed"}),
    "processing": frozenset({"succeeded", "failed"}),
    "succeeded": frozenset({"failed"}),
    "failed": frozenset(),
}
"""A bank may send a refund back after the gateway called it done."""

DisputeStatus = Literal["opened", "lost", "won"]

DISPUTE_MOVES: Mapping[DisputeStatus, frozenset[DisputeStatus]] = {
    "opened": frozenset({"lost", "won"}),
    "lost": frozenset({"won"}),
    "won": frozenset(),
}
"""A lost dispute may be won on appeal."""

CollectionStatus = Literal["active", "paid", "stopped", "exhausted"]

COLLECTION_MOVES: Mapping[CollectionStatus, frozenset[CollectionStatus]] = {
    "active": frozenset({"paid", "stopped", "exhausted"}),
    "stopped": frozenset({"active", "paid"}),
    "exhausted": frozenset({"active", "paid", "stopped"}),
    "paid": frozenset({"active"}),
}
"""`active` again by hand: of an invoice that is open, be it for the second time."""
