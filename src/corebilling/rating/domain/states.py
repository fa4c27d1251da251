"""The states of a rating. README.md draws this table, and the schema's CHECK holds the same words."""

from typing import Literal

RatingState = Literal["live", "final"]

MOVES: dict[RatingState, frozenset[RatingState]] = {
    "live": frozenset({"final"}),
    "final": frozenset(),
}
