"""Wire structs of journals: one with all its parts, and what is posted by hand. Debits are positive, credits negative."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from corebilling.kernel.money import MAX_MINOR
from corebilling.ledger.domain.chart import AccountKind

Code = Annotated[str, Meta(pattern=r"^[0-9]{4}(\.[a-z0-9][a-z0-9_-]{0,39})?$(?!\n)", max_length=45)]
Text = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$(?!\n)")]


class AccountCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An account of the tenant's own, for journals by hand. `code` has four digits, and may have a part: `1010`, `4000.setup`."""

    code: Annotated[str, Meta(min_length=1, max_length=80)]
    name: Text
    kind: AccountKind


class ManualEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One side: a debit is positive, a credit negative."""

    account: Code
    amount_minor: Annotated[int, Meta(ge=-MAX_MINOR, le=MAX_MINOR)]


class ManualJournalCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A journal by hand: its entries add up to 0. Without `effective_at` it takes effect now."""

    description: Text
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$(?!\n)")]
    entries: Annotated[list[ManualEntry], Meta(min_length=1, max_length=1000)]
    effective_at: Annotated[datetime, Meta(tz=True)] | None = None
    reference: Text | None = None


class JournalEntryOut(msgspec.Struct, frozen=True):
    """One side of a journal."""

    entry_no: int
    account: str
    account_name: str
    amount_minor: int
    customer_id: UUID | None


class MonthShareOut(msgspec.Struct, frozen=True):
    """What a month earns of a deferral; `recognised` once it is posted."""

    month: date
    amount_minor: int
    recognised: bool


class DeferralOut(msgspec.Struct, frozen=True):
    """Revenue that the journal put off, and the months that earn it."""

    account: str
    amount_minor: int
    starts_at: datetime
    ends_at: datetime
    months: list[MonthShareOut]


class JournalOut(msgspec.Struct, frozen=True):
    """A journal without its parts."""

    id: UUID
    document_type: str
    document_id: UUID
    currency: str
    total_minor: int
    effective_at: datetime
    posted_at: datetime
    description: str
    digest: str


class JournalDetailOut(JournalOut, frozen=True):
    """A journal with all of its parts. `reference` and `posted_by` are those of one by hand."""

    entries: list[JournalEntryOut]
    deferrals: list[DeferralOut]
    reference: str | None
    posted_by: str | None
