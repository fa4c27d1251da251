"""Statements of account: what a customer owed, what moved, what it owes. Amounts are minor units, positive where it owes."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from corebilling.kernel.journal import DocumentType
from corebilling.kernel.subledger import CustomerAccount

LineKind = DocumentType | Literal["earlier"]
"""What moved the balance: a document, or `earlier`: all that was posted for days before the period after they had been stated."""


class StatementLine(msgspec.Struct, frozen=True):
    """One journal of the customer's. `amount_minor` is 0 where credit paid for an invoice: both are the customer's.

    `number` is that of the invoice or credit note that it is about, `balance_minor` what the customer owes after it.
    """

    at: datetime
    kind: LineKind
    number: str | None
    description: str
    amount_minor: int
    balance_minor: int
    document_id: UUID | None = None
    journal_id: UUID | None = None


class Statement(msgspec.Struct, frozen=True):
    """An account over a period. `closing_minor = opening_minor + charged_minor - settled_minor`, always."""

    customer_id: UUID
    currency: str
    opening_minor: int
    lines: tuple[StatementLine, ...]

    @property
    def charged_minor(self) -> int:
        """All that it came to owe."""
        return sum(line.amount_minor for line in self.lines if line.amount_minor > 0)

    @property
    def settled_minor(self) -> int:
        """All that it came to owe less."""
        return -sum(line.amount_minor for line in self.lines if line.amount_minor < 0)

    @property
    def closing_minor(self) -> int:
        """What it owes at the end."""
        return self.opening_minor + self.charged_minor - self.settled_minor


def drawn_up(
    account: CustomerAccount, stated_minor: int | None, numbers: Mapping[UUID, str], start: datetime
) -> Statement | None:
    """The account as a statement; None where nothing moved and nothing is owed.

    It opens with what the statement before closed with (`stated_minor`, None without one), so that statements join: what was
    posted for those days since then is its first line. `numbers` are by document.
    """
    opening = account.opening_minor if stated_minor is None else stated_minor
    lines = []
    if late := account.opening_minor - opening:
        lines.append(StatementLine(start, "earlier", None, "", late, account.opening_minor))
    balance = account.opening_minor
    for moved in account.movements:
        balance += moved.amount_minor
        lines.append(
            StatementLine(
                moved.effective_at,
                moved.document_type,
                numbers.get(moved.document_id),
                moved.description,
                moved.amount_minor,
                balance,
                moved.document_id,
                moved.journal_id,
            )
        )
    if not lines and not opening:
        return None
    return Statement(account.customer_id, account.currency, opening, tuple(lines))


def documents_of(accounts: Iterable[CustomerAccount]) -> list[UUID]:
    """The documents that moved them, each once."""
    return sorted({moved.document_id for account in accounts for moved in account.movements})
