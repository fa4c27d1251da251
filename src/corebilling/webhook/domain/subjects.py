"""Which events an endpoint asked for: exact subjects, `invoice.*` for all below a word, `*` for every public one."""

from collections.abc import Iterable

from corebilling.events.catalog import CATALOG

ALL = "*"
PUBLIC_SUBJECTS = frozenset(row.subject for row in CATALOG if row.public)


def matches(filters: Iterable[str], subject: str) -> bool:
    """Whether one of the filters takes the subject."""
    return any(
        wanted in (ALL, subject) or (wanted.endswith(".*") and subject.startswith(wanted[:-1])) for wanted in filters
    )


def takes_something(wanted: str) -> bool:
    """Whether there is a public event that the filter takes: one that never matches is a slip of the pen."""
    return any(matches([wanted], subject) for subject in PUBLIC_SUBJECTS)
