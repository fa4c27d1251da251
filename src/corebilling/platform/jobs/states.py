"""The states of a job. README.md draws this table, and the schema's CHECK holds the same words."""

from typing import Literal

JobState = Literal["queued", "running", "succeeded", "failed", "canceled"]

MOVES: dict[JobState, frozenset[JobState]] = {
    "queued": frozenset({"running", "canceled"}),
    "running": frozenset({"queued", "succeeded", "failed", "canceled"}),
    "succeeded": frozenset(),
    "failed": frozenset(),
    "canceled": frozenset(),
}
