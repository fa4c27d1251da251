"""Wallets: which credit is used first, what moves, and the journals of it."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal, Protocol
from uuid import UUID

import msgspec

from corebilling.kernel import accounts
from corebilling.kernel.journal import DocumentType, EntryDraft, JournalDraft
from corebilling.kernel.settlement import GrantDraft

WalletKey = tuple[UUID, UUID, str]
"""(tenant, customer, currency)"""

MovementKind = Literal["application", "reversal", "draw", "expiry"]

OWN_JOURNAL = frozenset({"purchase", "promotion"})
"""Sources that no other document posts."""

_FAR = datetime.max.replace(tzinfo=UTC)
_JOURNALS: dict[MovementKind, tuple[DocumentType, str]] = {
    "application": ("wallet_application", "Credit used"),
    "reversal": ("wallet_reversal", "Credit given back"),
    "expiry": ("wallet_expiry", "Credit expired"),
}


class Grant(Protocol):
    """What must be known of a grant to use it."""

    @property
    def grant_id(self) -> UUID: ...
    @property
    def left_minor(self) -> int: ...
    @property
    def priority(self) -> int: ...
    @property
    def expires_at(self) -> datetime | None: ...
    @property
    def granted_at(self) -> datetime: ...
    @property
    def source(self) -> str: ...


class Movement(msgspec.Struct, frozen=True):
    """Credit that leaves a grant, or comes back to it (`reversal`, of the movement `reverses_id`)."""

    tenant_id: UUID
    movement_id: UUID
    grant_id: UUID
    customer_id: UUID
    currency: str
    kind: MovementKind
    amount_minor: int
    moved_at: datetime
    source: str | None = None
    invoice_id: UUID | None = None
    reverses_id: UUID | None = None

    @property
    def key(self) -> WalletKey:
        """The wallet."""
        return self.tenant_id, self.customer_id, self.currency


def order_of_use(grant: Grant) -> tuple[int, datetime, datetime, UUID]:
    """Lower priorities first, then what expires first, then what is older."""
    return grant.priority, grant.expires_at or _FAR, grant.granted_at, grant.grant_id


def use(grants: Iterable[Grant], amount_minor: int, at: datetime, prefer: UUID | None = None) -> list[tuple[UUID, int]]:
    """How much of each grant goes into an amount: in the order of use, `prefer` before all, nothing of what has expired.

    Less comes out where less is left.
    """
    missing, parts = amount_minor, []
    for grant in sorted(grants, key=lambda one: (one.grant_id != prefer, order_of_use(one))):
        if grant.expires_at is not None and grant.expires_at <= at:
            continue
        if (part := min(missing, grant.left_minor)) > 0:
            parts.append((grant.grant_id, part))
            missing -= part
    return parts


def is_money(grant: Grant) -> bool:
    """Whether credit may be paid out: what the customer paid for, or was given back; never what was given away."""
    return grant.source != "promotion"


def grant_journal(grant_id: UUID, draft: GrantDraft) -> JournalDraft:
    """Bought credit came in as money, given credit is a discount on what it will pay."""
    against = accounts.CASH if draft.source == "purchase" else accounts.PROMOTIONS
    return JournalDraft(
        tenant_id=draft.tenant_id,
        document_type="wallet_grant",
        document_id=grant_id,
        currency=draft.currency,
        effective_at=draft.granted_at,
        description="Credit bought" if draft.source == "purchase" else "Credit given",
        entries=(
            EntryDraft(against, draft.amount_minor),
            EntryDraft(accounts.CUSTOMER_CREDIT, -draft.amount_minor, draft.customer_id),
        ),
    )


def movement_journal(moved: Movement) -> JournalDraft:
    """Of all kinds but draws, whose journal is that of who drew."""
    document_type, description = _JOURNALS[moved.kind]
    if moved.kind == "expiry":
        other = EntryDraft(
            accounts.PROMOTIONS if moved.source == "promotion" else accounts.EXPIRED_CREDIT, -moved.amount_minor
        )
    else:
        other = EntryDraft(accounts.RECEIVABLE, -moved.amount_minor, moved.customer_id)
    entries = (EntryDraft(accounts.CUSTOMER_CREDIT, moved.amount_minor, moved.customer_id), other)
    if moved.kind == "reversal":
        entries = (_opposite(entries[1]), _opposite(entries[0]))
    return JournalDraft(
        tenant_id=moved.tenant_id,
        document_type=document_type,
        document_id=moved.movement_id,
        currency=moved.currency,
        effective_at=moved.moved_at,
        description=description,
        entries=entries,
    )


def _opposite(entry: EntryDraft) -> EntryDraft:
    return msgspec.structs.replace(entry, amount_minor=-entry.amount_minor)


def ran_low(before_minor: int, after_minor: int, threshold_minor: int) -> bool:
    """Whether a wallet fell below its threshold just now, or to nothing."""
    return after_minor < before_minor and (
        (before_minor >= threshold_minor > after_minor) or (after_minor == 0 and before_minor > 0)
    )
