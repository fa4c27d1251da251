"""The states of an invoice and the moves between them; drawn in the context's README, mirrored by a CHECK."""

from collections.abc import Mapping
from typing import Literal
from uuid import UUID

from corebilling.kernel.errors import Conflict

Status = Literal["draft", "open", "paid", "void", "uncollectible"]

Shown = Literal["draft", "open", "paid", "void", "uncollectible", "past_due"]
"""What invoices can be listed by: `past_due` is an open one whose due date is over."""

MOVES: Mapping[Status, frozenset[Status]] = {
    "draft": frozenset({"open", "paid"}),
    "open": frozenset({"paid", "void", "uncollectible"}),
    "paid": frozenset({"open"}),
    "void": frozenset(),
    "uncollectible": frozenset({"open", "paid"}),
}
"""A draft is finalised as open, or as paid when nothing is due. Money that went back opens a paid one again; money for one
that was given up opens or pays it."""

_ADVICE: Mapping[str, str] = {
    "draft": "finalise it first",
    "open": "it is final and waits for payment",
    "paid": "it is settled and stays as it is",
    "void": "issue a new invoice instead",
    "uncollectible": "it was given up; money for it can still be recorded",
}


def demand(invoice_id: UUID, before: str, after: Status) -> None:
    """Raises `Conflict` when the state table has no such move."""
    if not any(status == before and after in moves for status, moves in MOVES.items()):
        raise refusal(invoice_id, before, after)


def demand_draft(invoice_id: UUID, status: str) -> None:
    """Raises `Conflict` for what is final."""
    if status != "draft":
        raise Conflict(
            f"invoice {invoice_id} is {status} and no draft any more: {_ADVICE[status]}", code="invoice_state"
        )


def refusal(invoice_id: UUID, before: str, after: Status) -> Conflict:
    """An invoice can't become that."""
    why = "already" if before == after else f"and can't become {after}"
    return Conflict(f"invoice {invoice_id} is {before} {why}: {_ADVICE[before]}", code="invoice_state")
