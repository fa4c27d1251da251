"""The states of an invoice and the moves between them; drawn in the context's README, mirrored by a CHECK."""

from collections.abc import Mapping
from typing import Literal
from uuid import UUID

from corebilling.kernel.errors import Conflict

Status = Literal["draft", "open", "paid", "void"]

MOVES: Mapping[Status, frozenset[Status]] = {
    "draft": frozenset({"open", "paid"}),
    "open": frozenset({"paid", "void"}),
    "paid": frozenset(),
    "void": frozenset(),
}
"""A draft is finalised as open, or as paid when nothing is due."""

_ADVICE: Mapping[str, str] = {
    "draft": "finalise it first",
    "open": "it is final and waits for payment",
    "paid": "it is settled and stays as it is",
    "void": "issue a new invoice instead",
}


def demand(invoice_id: UUID, before: str, after: Status) -> None:
    """Raises `Conflict` when the state table has no such move."""
    if not any(status == before and after in moves for status, moves in MOVES.items()):
        raise Conflict(
            f"invoice {invoice_id} is {before} and can't become {after}: {_ADVICE[before]}",
            code="invoice_state",
        )
