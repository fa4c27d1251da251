"""Which events are meant: subjects as a caller names them, taken apart into what the outbox knows."""

from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from corebilling.events import own_subjects
from corebilling.events.catalog import BY_PAYLOAD, BY_SUBJECT
from corebilling.events.custom import CustomEvent
from corebilling.kernel.errors import invalid_field

ALL = "*"
CUSTOM = BY_PAYLOAD[CustomEvent].subject


class Wanted(msgspec.Struct, frozen=True):
    """`subjects` of the catalog; of the tenant's own events, which all travel under one subject, `own` and `own_prefixes`."""

    every: bool
    subjects: list[str] = []
    own: list[str] = []
    own_prefixes: list[str] = []

    def columns(self) -> dict[str, Any]:
        """As queries take them."""
        return {
            "every_subject": self.every,
            "subjects": self.subjects,
            "custom": CUSTOM,
            "own_subjects": self.own,
            "own_prefixes": self.own_prefixes,
        }

    def only(self, handled: Collection[str]) -> "Wanted":
        """Of these, what is among the subjects that a consumer handles."""
        if self.every:
            return Wanted(False, sorted(handled))
        own = CUSTOM in handled
        found = [subject for subject in self.subjects if subject in handled]
        return Wanted(False, found, self.own if own else [], self.own_prefixes if own else [])

    def nothing(self) -> bool:
        """Whether no event can be meant."""
        return not (self.every or self.subjects or self.own or self.own_prefixes)


def wanted(filters: Sequence[str], pointer: str) -> Wanted:
    """What the filters mean: exact subjects, `invoice.*` for all below a word, `*` or none for all.

    Raises `Invalid`, pointing at the one that can't be a subject of anything.
    """
    if not filters or ALL in filters:
        return Wanted(True)
    subjects: set[str] = set()
    own: list[str] = []
    own_prefixes: list[str] = []
    for number, each in enumerate(filters):
        wild = each.endswith(".*")
        known = {s for s in BY_SUBJECT if s.startswith(each[:-1])} if wild else {each} & BY_SUBJECT.keys()
        subjects |= known
        if known:
            continue
        if fault := own_subjects.refusal(f"{each[:-1]}x" if wild else each):
            raise invalid_field(pointer.format(number), f"{fault}; `corebilling events` lists the product's subjects")
        (own_prefixes if wild else own).append(each[:-1] if wild else each)
    return Wanted(False, sorted(subjects), own, own_prefixes)
