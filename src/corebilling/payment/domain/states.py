"""The states of a payment and the moves between them; drawn in the context's README, mirrored by a CHECK.

A payment recorded by hand has already succeeded: there is one state and no move.
"""

from collections.abc import Mapping
from typing import Literal

Status = Literal["succeeded"]

MOVES: Mapping[Status, frozenset[Status]] = {"succeeded": frozenset()}
