"""What the invoice context must ask others now."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from corebilling.events.envelope import Envelope
from corebilling.invoice.domain.issue import IssuedInvoice
from corebilling.invoice.domain.tax_quote import Quote, TaxRequest
from corebilling.invoice.domain.wallet import WalletKey
from corebilling.kernel.charge import BilledCharge, ChargeFinding
from corebilling.kernel.journal import DocumentType, JournalDraft, PostedJournal
from corebilling.kernel.party import Attribution, CustomerProfile, TenantProfile
from corebilling.kernel.plan import PlanPrice, PublishedPlan
from corebilling.kernel.sandbox import SandboxClock
from corebilling.kernel.settlement import Receipt
from corebilling.kernel.subledger import CustomerAccount
from corebilling.platform.db import Tx


class Charges(Protocol):
    """Rating: what a closed period came to."""

    async def charges(
        self, tx: Tx, keys: Sequence[tuple[UUID, UUID]]
    ) -> Mapping[tuple[UUID, UUID], tuple[BilledCharge, ...]]:
        """Final charges by (tenant, rating), in the order of their numbers."""
        ...


class Recomputations(Protocol):
    """Rating: whether charges still come out as they are stored."""

    async def recheck(self, tx: Tx, tenant_id: UUID, rating_ids: Sequence[UUID]) -> list[ChargeFinding]:
        """What differs in these ratings from what their inputs give; in the transaction of a tenant, or of several."""
        ...


class Prices(Protocol):
    """Pricing: what lines are for, and how they are taxed."""

    async def prices(self, tx: Tx, keys: Collection[tuple[UUID, UUID]]) -> Mapping[tuple[UUID, UUID], PlanPrice]:
        """Prices by (tenant, price); unknown ones are absent."""
        ...


class Plans(Prices, Protocol):
    """Pricing: prices, and the plan versions that they are of."""

    async def plans(self, tx: Tx, keys: Collection[tuple[UUID, UUID]]) -> Mapping[tuple[UUID, UUID], PublishedPlan]:
        """Plan versions by (tenant, plan), on sale or not; unknown ones are absent."""
        ...


class Tenants(Protocol):
    """Tenant: who sells, on which terms."""

    async def profiles(self, tx: Tx, tenant_ids: Collection[UUID]) -> Mapping[UUID, TenantProfile]:
        """Tenants by id."""
        ...


class Customers(Protocol):
    """Customer: who buys."""

    async def profiles(self, tx: Tx, keys: Sequence[tuple[UUID, UUID]]) -> Mapping[tuple[UUID, UUID], CustomerProfile]:
        """Customers by (tenant, customer)."""
        ...

    async def by_ref(self, tx: Tx, tenant_id: UUID, ref: str) -> CustomerProfile:
        """The customer of that id or external id. Raises `NotFound`."""
        ...

    async def filter_id(self, tx: Tx, tenant_id: UUID, ref: str | None) -> UUID | None:
        """What a list filters by for an id or external id: None for none, an id that nobody has for an unknown one."""
        ...


class Subscriptions(Protocol):
    """Subscription: how subscriptions are called."""

    async def attributions(
        self, tx: Tx, tenant_id: UUID, subscription_refs: Sequence[str], customer_refs: Sequence[str]
    ) -> list[Attribution]:
        """Every subscription that goes by one of these ids or external ids, with all its names."""
        ...


class Clocks(Protocol):
    """Tenant: what time it is for a tenant."""

    async def now(self, tx: Tx, tenant_ids: Collection[UUID]) -> Mapping[UUID, datetime]:
        """The test clock of a sandbox that has set one, else the wall clock."""
        ...


class Logos(Protocol):
    """Tenant: the picture at the head of its documents."""

    async def logo(self, tx: Tx, tenant_id: UUID) -> bytes | None:
        """PNG, JPEG or SVG; None where the tenant has none."""
        ...


class SandboxClocks(Protocol):
    """Tenant: the sandboxes that have a time of their own. In system transactions."""

    async def sandbox_clocks(self, tx: Tx) -> list[SandboxClock]:
        """Where each stands."""
        ...


class Ledger(Protocol):
    """Ledger: journals in the document's own transaction."""

    async def post(
        self, tx: Tx, drafts: Sequence[JournalDraft], *, causes: Sequence[Envelope[Any] | None] | None = None
    ) -> list[UUID]:
        """Post journals and answer their ids, in the order of the drafts."""
        ...


class Books(Protocol):
    """Ledger: what it holds of documents."""

    async def journals_of(
        self, tx: Tx, tenant_id: UUID, document_types: Sequence[DocumentType], document_ids: Sequence[UUID]
    ) -> list[PostedJournal]:
        """The journals of these documents, as far as they are of these types."""
        ...


class Receipts(Protocol):
    """Payment: what came in for invoices."""

    async def receipts(self, tx: Tx, tenant_id: UUID, invoice_ids: Sequence[UUID]) -> list[Receipt]:
        """What payments paid of these invoices, and what of it went back."""
        ...


class SubLedger(Protocol):
    """Ledger: what each customer owes, less its credit, and the journals that moved it."""

    async def count(self, tx: Tx, tenant_id: UUID) -> int:
        """How many customers have entries at all."""
        ...

    async def customers(self, tx: Tx, tenant_id: UUID, after: UUID | None, limit: int) -> list[UUID]:
        """Customers with entries, in the order of their ids, after the one given."""
        ...

    async def accounts(
        self, tx: Tx, tenant_id: UUID, customer_ids: Collection[UUID], start: datetime, end: datetime
    ) -> list[CustomerAccount]:
        """Their accounts over `[start, end)`, one for each currency in which they had entries before its end."""
        ...


class TaxProvider(Protocol):
    """An outside tax engine, for tenants whose `tax_engine` is `external`. It does network I/O: never in a transaction."""

    async def quote(self, requests: Sequence[TaxRequest]) -> Sequence[Quote]:
        """An answer or a failure for each request, in their order; `quoted` checks an answer and puts it on its document."""
        ...


class Wallets(Protocol):
    """What customers paid ahead or were given; within this context, but a piece of its own."""

    async def hold(self, tx: Tx, owners: Collection[WalletKey]) -> set[WalletKey]:
        """Lock those of these wallets that hold anything, and answer which."""
        ...

    async def apply(self, tx: Tx, issued: Sequence[IssuedInvoice], held: Collection[WalletKey]) -> None:
        """Pay what the customers' wallets that are held have for these open invoices, in the order given."""
        ...

    async def restore(self, tx: Tx, keys: Sequence[tuple[UUID, UUID]], at: Mapping[UUID, datetime]) -> None:
        """Give back what wallets paid of these invoices, by (tenant, invoice), which are about to be voided."""
        ...
