"""What the payment context must ask others now."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from corebilling.events.envelope import Envelope
from corebilling.kernel.clock import Clock
from corebilling.kernel.journal import JournalDraft
from corebilling.kernel.party import CustomerProfile, TenantProfile
from corebilling.kernel.sandbox import SandboxClock
from corebilling.kernel.settlement import (
    CreditRefund,
    DrawnCredit,
    GrantDraft,
    OpenInvoice,
    Reversal,
    SettledInvoice,
    Settlement,
    Standing,
)
from corebilling.payment.domain.outcome import DisputeNotice, Outcome, RefundOutcome
from corebilling.platform.db import Tx

Key = tuple[UUID, UUID]
"""(tenant, id)"""


class Invoices(Protocol):
    """Invoice: what is still due, what was paid and goes back."""

    async def settle(self, tx: Tx, settlements: Sequence[Settlement]) -> list[SettledInvoice]:
        """Take money for invoices. Raises `NotFound`, `Conflict` when more than is left, `Invalid` for another currency."""
        ...

    async def unsettle(self, tx: Tx, reversals: Sequence[Reversal]) -> list[SettledInvoice]:
        """Money went back: the invoices are owed again."""
        ...

    async def hold(self, tx: Tx, invoices: Sequence[Key]) -> None:
        """Lock where these (tenant, invoice) stand: before any wallet, so that nobody waits in a circle."""
        ...

    async def open_invoices(
        self, tx: Tx, tenant_id: UUID, customer_id: UUID, currency: str | None
    ) -> list[OpenInvoice]:
        """What a customer owes, oldest due first."""
        ...

    async def open_invoice(self, tx: Tx, tenant_id: UUID, invoice_id: UUID) -> OpenInvoice:
        """An invoice that waits for money. Raises `NotFound`, `Conflict` where it doesn't."""
        ...

    async def standing(self, tx: Tx, keys: Sequence[Key]) -> Mapping[Key, Standing]:
        """Where invoices (tenant, invoice) stand; drafts and unknown ones are absent."""
        ...

    async def refund_credit(self, tx: Tx, requests: Sequence[CreditRefund]) -> list[DrawnCredit]:
        """Credit notes over what is refunded, and their credit drawn. Raises `Conflict` where less is left of an invoice."""
        ...


class Wallets(Protocol):
    """Invoice: prepaid credit of customers."""

    async def grant(
        self, tx: Tx, drafts: Sequence[GrantDraft], causes: Sequence[Envelope[Any] | None] | None = None
    ) -> list[UUID]:
        """Give customers credit and answer the grants, in the order of the drafts."""
        ...

    async def balance(self, tx: Tx, tenant_id: UUID, customer_id: UUID, currency: str, at: datetime) -> int:
        """What could be drawn of a customer's wallet, which stays locked until the end of the transaction."""
        ...

    async def draw(
        self,
        tx: Tx,
        tenant_id: UUID,
        customer_id: UUID,
        currency: str,
        amount_minor: int,
        *,
        prefer: UUID | None,
        at: datetime,
    ) -> DrawnCredit:
        """Take credit out to pay it back, of the grant `prefer` first. Raises `Conflict` where less is there."""
        ...


class Tenants(Protocol):
    """Tenant: terms of collecting."""

    async def profiles(self, tx: Tx, tenant_ids: Collection[UUID]) -> Mapping[UUID, TenantProfile]:
        """Tenants by id."""
        ...


class Customers(Protocol):
    """Customer: who pays."""

    async def profiles(self, tx: Tx, keys: Sequence[Key]) -> Mapping[Key, CustomerProfile]:
        """Customers by (tenant, customer)."""
        ...

    async def by_ref(self, tx: Tx, tenant_id: UUID, ref: str) -> CustomerProfile:
        """The customer of that id or external id. Raises `NotFound`."""
        ...

    async def filter_id(self, tx: Tx, tenant_id: UUID, ref: str | None) -> UUID | None:
        """What a list filters by for an id or external id: None for none, an id that nobody has for an unknown one."""
        ...


class Ledger(Protocol):
    """Ledger: journals in the document's own transaction."""

    async def post(
        self, tx: Tx, drafts: Sequence[JournalDraft], *, causes: Sequence[Envelope[Any] | None] | None = None
    ) -> list[UUID]:
        """Post journals and answer their ids, in the order of the drafts."""
        ...


class Clocks(Protocol):
    """Tenant: what time it is for a tenant."""

    async def now(self, tx: Tx, tenant_ids: Collection[UUID]) -> Mapping[UUID, datetime]:
        """The test clock of a sandbox that has set one, else the wall clock."""
        ...


class Sandboxes(Protocol):
    """Tenant: the sandboxes with a time of their own. In system transactions."""

    async def sandbox_clocks(self, tx: Tx) -> Sequence[SandboxClock]:
        """Each with where its clock stands."""
        ...


@dataclass(frozen=True, slots=True)
class Others:
    """Whom payments ask, and the wall clock."""

    clock: Clock
    clocks: Clocks
    tenants: Tenants
    customers: Customers
    invoices: Invoices
    wallets: Wallets
    ledger: Ledger

    async def now(self, tx: Tx, tenant_id: UUID) -> datetime:
        """What time it is for one tenant."""
        return (await self.clocks.now(tx, [tenant_id]))[tenant_id]


class Recording(Protocol):
    """Where the gateways' words go: `PaymentService`. All three take messages in any order and any number of times.

    In a transaction of the router's role (`Database.tenants`), after the call and never around it. The payments are
    locked in the order of their keys.
    """

    async def record_outcomes(self, tx: Tx, outcomes: Sequence[Outcome]) -> None:
        """What became of payments: settles, posts, tells and moves dunning, once. Unknown payments are ignored."""
        ...

    async def record_refund_outcomes(self, tx: Tx, outcomes: Sequence[RefundOutcome]) -> None:
        """What became of refunds: posts them as paid out, or gives the credit back. Unknown refunds are ignored."""
        ...

    async def record_disputes(self, tx: Tx, notices: Sequence[DisputeNotice]) -> None:
        """Chargebacks. One that comes before its payment's success is kept and takes effect with that."""
        ...
