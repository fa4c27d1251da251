"""Wire structs of statements. Amounts are integer minor units of `currency`, positive where the customer owes."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from corebilling.invoice.domain.statement import LineKind

Month = Annotated[
    str, Meta(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$(?!\n)", description="A month in the tenant's zone: 2026-01.")
]
Instant = Annotated[datetime, Meta(tz=True)]


class StatementRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"start": "from", "end": "to"}):
    """A period that is over: a month, or `[from, to)`. With `customer_id` (id or external id) for that customer alone."""

    period: Month | None = None
    start: Instant | None = None
    end: Instant | None = None
    customer_id: Annotated[str, Meta(min_length=1, max_length=255)] | None = None


class StatementOrder(msgspec.Struct, frozen=True):
    """A run as its job keeps it; `at`, the tenant's time, dates all of its statements."""

    period_start: datetime
    period_end: datetime
    at: datetime
    customer_id: UUID | None = None


class StatementRunResult(msgspec.Struct, frozen=True):
    """How many customers were looked at, how many statements were made, and how many there were before."""

    customers: int
    statements: int
    there_before: int


class StatementMade(msgspec.Struct, frozen=True):
    """A statement that a run made: an item of its job."""

    statement_id: UUID
    customer_id: UUID
    currency: str
    closing_minor: int


class StatementOut(msgspec.Struct, frozen=True):
    """A statement of `[period_start, period_end)` without its lines: `closing = opening + charged - settled`."""

    id: UUID
    customer_id: UUID
    currency: str
    period_start: datetime
    period_end: datetime
    opening_minor: int
    charged_minor: int
    settled_minor: int
    closing_minor: int
    line_count: int
    created_at: datetime


class StatementLineOut(msgspec.Struct, frozen=True):
    """A journal of the customer's. `kind` is what it is for, as in the ledger.

    Lines of kind `earlier` have no journal: they are what was posted for days before the period after those had been stated.
    `number` is that of the invoice or credit note, `balance_minor` what the customer owes after it.
    """

    at: datetime
    kind: LineKind
    number: str | None
    description: str
    amount_minor: int
    balance_minor: int
    document_id: UUID | None
    journal_id: UUID | None


class StatementDetailOut(StatementOut, frozen=True):
    """A statement with its lines, and the parties as they stood when it was made."""

    seller_name: str
    customer_name: str
    customer_external_id: str
    lines: list[StatementLineOut]
