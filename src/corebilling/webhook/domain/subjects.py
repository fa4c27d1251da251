"""Which events an endpoint asked for: exact subjects, `invoice.*` for all below a word, `*` for every public one.

A tenant's own event is known by the subject that the tenant gave it; `custom.published`, under which it travels, is nobody's.
"""

from collections.abc import Iterable

from corebilling.events import own_subjects
from corebilling.events.catalog import BY_PAYLOAD, CATALOG
from corebilling.events.custom import CustomEvent

ALL = "*"
PUBLIC_SUBJECTS = frozenset(row.subject for row in CATALOG if row.public) - {BY_PAYLOAD[CustomEvent].subject}


def matches(filters: Iterable[str], subject: str) -> bool:
    """Whether one of the filters takes the subject."""
    return any(
        wanted in (ALL, subject) or (wanted.endswith(".*") and subject.startswith(wanted[:-1])) for wanted in filters
    )


def takes_something(wanted: str) -> bool:
    """Whether the filter takes a public event or could take one of the tenant's own: one that never matches is a slip."""
    if any(matches([wanted], subject) for subject in PUBLIC_SUBJECTS):
        return True
    return own_subjects.refusal(f"{wanted[:-1]}x" if wanted.endswith(".*") else wanted) is None
