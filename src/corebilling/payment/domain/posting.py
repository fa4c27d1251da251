"""The journals of payments, refunds and disputes."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from corebilling.kernel.accounts import BAD_DEBT, CASH, CLEARING, CUSTOMER_CREDIT, FEES, RECEIVABLE, REFUNDS_PAYABLE
from corebilling.kernel.journal import DocumentType, EntryDraft, JournalDraft

MANUAL = "manual"
"""The gateway of money that the tenant takes and gives itself."""

_BY_CUSTOMER = frozenset({RECEIVABLE, CUSTOMER_CREDIT, REFUNDS_PAYABLE})


def money_account(gateway: str) -> str:
    """Where money of a gateway lies: with the tenant itself, or with the gateway until it pays out."""
    return CASH if gateway == MANUAL else CLEARING


def journal(
    tenant_id: UUID,
    kind: DocumentType,
    document_id: UUID,
    customer_id: UUID,
    currency: str,
    at: datetime,
    description: str,
    entries: Iterable[tuple[str, int]],
) -> JournalDraft:
    """A journal of (account, amount) pairs, debits positive; amounts of 0 are left out."""
    return JournalDraft(
        tenant_id=tenant_id,
        document_type=kind,
        document_id=document_id,
        currency=currency,
        effective_at=at,
        description=description,
        entries=tuple(
            EntryDraft(account, amount, customer_id if account in _BY_CUSTOMER else None)
            for account, amount in entries
            if amount
        ),
    )


def received(gateway: str, allocated_minor: int, credited_minor: int, fee_minor: int) -> list[tuple[str, int]]:
    """We have the money, less what the gateway kept; the customer owes so much less and has the rest as credit."""
    return [
        (money_account(gateway), allocated_minor + credited_minor - fee_minor),
        (FEES, fee_minor),
        (RECEIVABLE, -allocated_minor),
        (CUSTOMER_CREDIT, -credited_minor),
    ]


def promised(reopened_minor: int, drawn_minor: int) -> list[tuple[str, int]]:
    """A refund is owed: taken from invoices that are owed again, and from the customer's credit."""
    return [
        (RECEIVABLE, reopened_minor),
        (CUSTOMER_CREDIT, drawn_minor),
        (REFUNDS_PAYABLE, -reopened_minor - drawn_minor),
    ]


def paid_out(gateway: str, amount_minor: int) -> list[tuple[str, int]]:
    """A refund went out."""
    return [(REFUNDS_PAYABLE, amount_minor), (money_account(gateway), -amount_minor)]


def not_paid_out(gateway: str, had_gone: bool, settled_minor: int, granted_minor: int) -> list[tuple[str, int]]:
    """A refund didn't go out, or came back: invoices are paid by it again, the rest is the customer's credit."""
    source = money_account(gateway) if had_gone else REFUNDS_PAYABLE
    return [(source, settled_minor + granted_minor), (RECEIVABLE, -settled_minor), (CUSTOMER_CREDIT, -granted_minor)]


def charged_back(
    gateway: str, reopened_minor: int, drawn_minor: int, lost_minor: int, fee_minor: int
) -> list[tuple[str, int]]:
    """The gateway took money back: invoices are owed again, credit is gone as far as it was there, the rest is lost."""
    return [
        (RECEIVABLE, reopened_minor),
        (CUSTOMER_CREDIT, drawn_minor),
        (BAD_DEBT, lost_minor),
        (FEES, fee_minor),
        (money_account(gateway), -(reopened_minor + drawn_minor + lost_minor + fee_minor)),
    ]


def won_back(gateway: str, settled_minor: int, granted_minor: int, lost_minor: int) -> list[tuple[str, int]]:
    """The gateway gave it back: what was lost is no more, invoices are paid again, the rest is the customer's credit."""
    return [
        (money_account(gateway), settled_minor + granted_minor + lost_minor),
        (BAD_DEBT, -lost_minor),
        (RECEIVABLE, -settled_minor),
        (CUSTOMER_CREDIT, -granted_minor),
    ]
