"""Subjects that tenants choose for events of their own: which there may be."""

import re

from corebilling.events.catalog import CATALOG

RESERVED_WORDS = frozenset(row.subject.partition(".")[0] for row in CATALOG) | {
    "billing",
    "webhook",
    "custom",
    "corebilling",
    "platform",
}
"""First words that belong to the product, so that nobody takes a tenant's event for one of ours."""

LONGEST_SUBJECT = 100
_SUBJECT = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+){1,7}")


def refusal(subject: str) -> str | None:
    """Why a tenant can't have events of this subject, or None."""
    if len(subject) > LONGEST_SUBJECT or not _SUBJECT.fullmatch(subject):
        return (
            "not a subject; use two to eight words of lower-case letters, digits and _ with dots between, "
            f"{LONGEST_SUBJECT} characters at most, such as order.shipped"
        )
    first = subject.partition(".")[0]
    if first in RESERVED_WORDS:
        return f"subjects that begin with {first} belong to the product; begin with another word"
    return None
