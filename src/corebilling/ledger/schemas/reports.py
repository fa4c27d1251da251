"""Wire structs of the ledger. Amounts are integer minor units of `currency`."""

from datetime import date, datetime
from uuid import UUID

import msgspec

from corebilling.kernel.journal import DocumentType


class BalanceOut(msgspec.Struct, frozen=True):
    """An account's debits and credits in a currency, and the one less the other."""

    currency: str
    debit_minor: int
    credit_minor: int
    balance_minor: int


class AccountOut(msgspec.Struct, frozen=True):
    """An account of the tenant's chart; `id` is its code. `balances` has the currencies that were posted to it."""

    id: str
    name: str
    kind: str
    balances: list[BalanceOut]


class EntryOut(msgspec.Struct, frozen=True):
    """One side of a journal. `amount_minor` is positive for a debit and negative for a credit."""

    id: str
    journal_id: UUID
    entry_no: int
    account: str
    currency: str
    amount_minor: int
    customer_id: UUID | None
    document_type: str
    document_id: UUID
    description: str
    effective_at: datetime
    posted_at: datetime
    journal_digest: str


class EntryFilter(msgspec.Struct, frozen=True):
    """Which entries; all that is given must hold. `customer` is an id or external id; `from_at` is inclusive, `to_at` is not,
    both are effective times.
    """

    account: str | None = None
    document_id: UUID | None = None
    customer: str | None = None
    from_at: datetime | None = None
    to_at: datetime | None = None
    document_type: DocumentType | None = None
    currency: str | None = None


class AccountTotalOut(msgspec.Struct, frozen=True):
    """An account's debits and credits, and the one less the other."""

    account: str
    name: str
    kind: str
    debit_minor: int
    credit_minor: int
    balance_minor: int


class CurrencyTotalOut(msgspec.Struct, frozen=True):
    """The trial balance of one currency: `difference_minor` is 0 unless the ledger is broken."""

    currency: str
    accounts: list[AccountTotalOut]
    debit_minor: int
    credit_minor: int
    difference_minor: int


class TrialBalanceOut(msgspec.Struct, frozen=True):
    """Of journals effective before `as_of`; null means all."""

    as_of: datetime | None
    currencies: list[CurrencyTotalOut]


class DeferredMonthOut(msgspec.Struct, frozen=True):
    """What a month earns of what was billed before, on one account: posted already, and still to come."""

    currency: str
    month: date
    account: str
    recognised_minor: int
    deferred_minor: int


class DeferredCurrencyOut(msgspec.Struct, frozen=True):
    """What is left to earn in a currency: the balance of Deferred revenue."""

    currency: str
    deferred_minor: int


class DeferredRevenueOut(msgspec.Struct, frozen=True):
    """Deferred revenue by month."""

    totals: list[DeferredCurrencyOut]
    months: list[DeferredMonthOut]
