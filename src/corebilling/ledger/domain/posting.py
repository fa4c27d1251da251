"""A journal ready to be written: checked, totalled and digested."""

from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

import msgspec

from corebilling.kernel.errors import Invalid
from corebilling.kernel.journal import JournalDraft
from corebilling.kernel.money import MAX_MINOR

FORMAT = "corebilling.journal.v1"
"""First element of the canonical encoding; a change of the encoding changes this."""


class Posting(msgspec.Struct, frozen=True):
    """A draft with its id, the sum of its debits, and its digest as 64 hexadecimal digits."""

    journal_id: UUID
    draft: JournalDraft
    total_minor: int
    digest: str


def prepare(draft: JournalDraft, journal_id: UUID, posted_at: datetime) -> Posting:
    """The draft ready to post.

    Raises `Invalid` when it has no entry, an entry of 0, doesn't add up to 0, or is larger than a journal can hold.
    """
    debits = balance = 0
    for entry in draft.entries:
        amount = entry.amount_minor
        if amount == 0 or abs(amount) > MAX_MINOR:
            raise _refused(draft, f"{amount} is not an amount; each is between 1 and {MAX_MINOR} minor units, signed")
        balance += amount
        debits += max(amount, 0)
    if balance != 0 or debits == 0:
        raise _refused(draft, f"its entries add up to {balance} and its debits to {debits}; make debits equal credits")
    if debits > MAX_MINOR:
        raise _refused(draft, f"its debits of {debits} are larger than a journal can hold; split the document")
    return Posting(journal_id, draft, debits, digest(draft, journal_id, posted_at))


def digest(draft: JournalDraft, journal_id: UUID, posted_at: datetime) -> str:
    """SHA-256 over the journal's canonical encoding: a JSON array without white space, times in UTC with microseconds."""
    return sha256(
        msgspec.json.encode(
            (
                FORMAT,
                draft.tenant_id,
                journal_id,
                draft.document_type,
                draft.document_id,
                draft.currency,
                _instant(draft.effective_at),
                _instant(posted_at),
                draft.description,
                [
                    (number, entry.account, entry.amount_minor, entry.customer_id)
                    for number, entry in enumerate(draft.entries, 1)
                ],
            )
        )
    ).hexdigest()


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _refused(draft: JournalDraft, why: str) -> Invalid:
    return Invalid(
        f"the journal of {draft.document_type} {draft.document_id} can't be posted: {why}", code="invalid_journal"
    )
