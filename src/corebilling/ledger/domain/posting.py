"""A journal ready to be written: checked, totalled, moved out of closed months and digested."""

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

import msgspec

from corebilling.kernel.accounts import DEFERRED_REVENUE, REVENUE
from corebilling.kernel.errors import Invalid
from corebilling.kernel.journal import Deferral, JournalDraft
from corebilling.kernel.money import MAX_MINOR
from corebilling.ledger.domain.chart import PRODUCT, code_of

FORMAT = "corebilling.journal.v1"
"""First element of the canonical encoding; a change of the encoding changes this."""

Line = tuple[int, str, int, UUID | None]
"""Number, account, amount in minor units and customer of an entry, as it is stored and digested."""


class Posting(msgspec.Struct, frozen=True):
    """A draft with its id, when it takes effect, the sum of its debits, and its digest as 64 hexadecimal digits."""

    journal_id: UUID
    draft: JournalDraft
    effective_at: datetime
    lines: tuple[Line, ...]
    total_minor: int
    digest: str


def prepare(
    draft: JournalDraft, journal_id: UUID, posted_at: datetime, *, open_from: datetime | None = None
) -> Posting:
    """The draft ready to post, in a ledger that is closed before `open_from`.

    Raises `Invalid` when it has no entry, an entry of 0, doesn't add up to 0, is larger than a journal can hold, names a
    product that can't be one, or defers another amount than it posts to Deferred revenue.
    """
    debits = balance = put_off = 0
    for entry in draft.entries:
        amount = entry.amount_minor
        if amount == 0 or abs(amount) > MAX_MINOR:
            raise _refused(draft, f"{amount} is not an amount; each is between 1 and {MAX_MINOR} minor units, signed")
        if entry.product is not None and not (entry.account == REVENUE and PRODUCT.fullmatch(entry.product)):
            raise _refused(
                draft, f"{code_of(entry)} can't be an account; products are slugs such as api-calls, of {REVENUE}"
            )
        balance += amount
        debits += max(amount, 0)
        put_off -= amount if entry.account == DEFERRED_REVENUE else 0
    if balance != 0 or debits == 0:
        raise _refused(draft, f"its entries add up to {balance} and its debits to {debits}; make debits equal credits")
    if debits > MAX_MINOR:
        raise _refused(draft, f"its debits of {debits} are larger than a journal can hold; split the document")
    if draft.document_type != "revenue_recognition":
        _require_deferred(draft, put_off)
    lines = tuple(
        (number, code_of(entry), entry.amount_minor, entry.customer_id) for number, entry in enumerate(draft.entries, 1)
    )
    effective_at = draft.effective_at if open_from is None else max(draft.effective_at, open_from)
    return Posting(
        journal_id,
        draft,
        effective_at,
        lines,
        debits,
        digest(draft, journal_id, posted_at, effective_at=effective_at, lines=lines),
    )


def digest(
    draft: JournalDraft, journal_id: UUID, posted_at: datetime, *, effective_at: datetime, lines: Sequence[Line]
) -> str:
    """SHA-256 over the journal's canonical encoding: a JSON array without white space, times in UTC with microseconds.

    Its deferrals are a further element of journals that have any.
    """
    encoded: list[object] = [
        FORMAT,
        draft.tenant_id,
        journal_id,
        draft.document_type,
        draft.document_id,
        draft.currency,
        _instant(effective_at),
        _instant(posted_at),
        draft.description,
        lines,
    ]
    if draft.deferrals:
        encoded.append(
            [
                (number, earned_by(item), item.amount_minor, _instant(item.starts_at), _instant(item.ends_at))
                for number, item in enumerate(draft.deferrals, 1)
            ]
        )
    return sha256(msgspec.json.encode(encoded)).hexdigest()


def earned_by(deferral: Deferral) -> str:
    """The revenue account that a deferral is earned by."""
    return REVENUE if deferral.product is None else f"{REVENUE}.{deferral.product}"


def _require_deferred(draft: JournalDraft, put_off: int) -> None:
    """What a journal posts to Deferred revenue is what its deferrals say: else nobody would ever earn it."""
    deferred = 0
    for item in draft.deferrals:
        if item.amount_minor == 0 or item.ends_at <= item.starts_at:
            raise _refused(draft, "each deferral needs an amount and a period that ends after it starts")
        if item.product is not None and not PRODUCT.fullmatch(item.product):
            raise _refused(draft, f"{item.product!r} can't be a product; use a slug such as api-calls")
        deferred += item.amount_minor
    if deferred != put_off:
        raise _refused(
            draft,
            f"it posts {put_off} to {DEFERRED_REVENUE} and defers {deferred}; give a deferral for each such entry",
        )


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _refused(draft: JournalDraft, why: str) -> Invalid:
    return Invalid(
        f"the journal of {draft.document_type} {draft.document_id} can't be posted: {why}", code="invalid_journal"
    )
