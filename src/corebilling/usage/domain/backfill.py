"""What a backfill takes back and puts in, given what is there."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec

from corebilling.usage.domain.correction import StoredEvent, says_the_same
from corebilling.usage.domain.identity import corrected_key
from corebilling.usage.domain.normalise import UsageRow


class Known(msgspec.Struct, frozen=True):
    """A name that was used before: whether it counts now, and the hash of what it says (None where it is forgotten)."""

    counts: bool
    body: str | None


class Ground(msgspec.Struct, frozen=True):
    """What is there, by the key of its name: the events that count in the range, and what is known of the names sent."""

    counting: Mapping[str, StoredEvent]
    known: Mapping[str, Known]


class Problem(msgspec.Struct, frozen=True):
    """What is wrong with the event at a place."""

    place: int
    pointer: str
    detail: str


class Plan(msgspec.Struct):
    """What to take back and to put in, or why not."""

    voided: list[StoredEvent]
    added: list[UsageRow]
    problems: list[Problem]


_TAKEN = "an event of this name says something else; amend that one, or send another id"
_TAKEN_BACK = "the event of this name was taken back; send another id, or replace the range"
_ELSEWHERE = "an event of this name counts outside of the range; take that one back first, or send another id"


def plan(rows: Sequence[UsageRow], ground: Ground, correction_id: UUID, *, replaces: bool) -> Plan:
    """What the rows change, which have different names and still carry the keys of their names.

    Adding leaves alone what is there and refuses to say something else under a taken name. Replacing takes back what is
    in the range unless it is sent just so, timestamp included; a name may come back with it, under a key of the correction.
    """
    made = Plan([], [], [])
    kept: set[str] = set()
    for row in rows:
        there, known = ground.counting.get(row.key), ground.known.get(row.key)
        if there is not None and says_the_same(there, row) and (not replaces or there.ts == row.timestamp):
            kept.add(row.key)
        elif there is None and known is None:
            made.added.append(row)
        elif refusal := _refusal(row, there, known, replaces):
            made.problems.append(Problem(row.index, "/id", refusal))
        elif replaces:
            made.added.append(msgspec.structs.replace(row, key=corrected_key(correction_id, row.key)))
    if replaces:
        made.voided = [event for name, event in ground.counting.items() if name not in kept]
    return made


def _refusal(row: UsageRow, there: StoredEvent | None, known: Known | None, replaces: bool) -> str | None:
    """Why a taken name can't be used; None where it may come back, or is only repeated."""
    if replaces:
        return _ELSEWHERE if there is None and known is not None and known.counts else None
    if known is not None and not known.counts:
        return _TAKEN_BACK
    return _TAKEN if there is not None or known is None or known.body != row.body else None
