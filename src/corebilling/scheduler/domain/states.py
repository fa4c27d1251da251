"""The states of a billing cycle. README.md draws this table, and the schema's CHECK holds the same words."""

from typing import Literal

CycleState = Literal["open", "closed"]

MOVES: dict[CycleState, frozenset[CycleState]] = {
    "open": frozenset({"closed"}),
    "closed": frozenset(),
}
