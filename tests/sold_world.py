"""The services of billing_world.py and those of money, on one database: from usage to the ledger, with everything that verifies it."""

from typing import Any
from uuid import UUID

import msgspec

from billing_world import World
from corebilling.events.envelope import Envelope
from corebilling.invoice.domain.findings import Finding
from corebilling.invoice.explaining import Explaining
from corebilling.invoice.finding import InvoiceFilter
from corebilling.invoice.handlers import HANDLERS as INVOICE_HANDLERS
from corebilling.invoice.schemas import InvoiceCreate, InvoiceOut
from corebilling.invoice.service import InvoiceService
from corebilling.invoice.tax_engine import HttpTaxProvider
from corebilling.invoice.tax_rates import TaxRates
from corebilling.invoice.verifying import Verification
from corebilling.invoice.wallet_service import WalletService
from corebilling.invoice.wallets import Wallets
from corebilling.ledger.service import LedgerService
from corebilling.payment.gateways.accounts import GatewayAccounts
from corebilling.payment.ports import Others
from corebilling.payment.schemas import PaymentCreate
from corebilling.payment.service import PaymentService
from corebilling.platform.db import Database
from corebilling.platform.secrets import SecretBox, generate_key
from corebilling.pricing.service import PricingService
from corebilling.rating.checks import PriceChecks
from corebilling.rating.service import RatingService
from corebilling.usage.meters import Meters


class SoldWorld(World):
    """Ratings become invoices, invoices are paid, all of it is posted."""

    def __init__(self, db: Database) -> None:
        super().__init__(db)
        clock = self.now
        self.ledger = LedgerService(clock=clock, tenants=self.tenants, customers=self.customers)
        self.wallets = Wallets(ledger=self.ledger)
        self.credit = WalletService(clocks=self.tenants, customers=self.customers, wallets=self.wallets)
        self.tax_rates = TaxRates(clock=clock)
        self.invoices = InvoiceService(
            clock=clock,
            charges=self.rating,
            tenants=self.tenants,
            customers=self.customers,
            subscriptions=self.subscriptions,
            clocks=self.tenants,
            ledger=self.ledger,
            prices=self.pricing,
            wallets=self.wallets,
            tax_provider=HttpTaxProvider(url="", token=""),
        )
        others = Others(
            clock=clock,
            clocks=self.tenants,
            tenants=self.tenants,
            customers=self.customers,
            invoices=self.invoices,
            wallets=self.wallets,
            ledger=self.ledger,
        )
        accounts = GatewayAccounts(
            clock=clock,
            tenants=self.tenants,
            secret_box=SecretBox([generate_key()]),
            allow_private_targets=True,
        )
        self.payments = PaymentService(others=others, accounts=accounts)
        self.explaining = Explaining(plans=self.pricing, books=self.ledger, receipts=self.payments)

    async def handle(self, kind: type[Any], events: list[Envelope[Any]]) -> None:
        """Call every handler of a kind of event, those of invoices too."""
        await super().handle(kind, events)
        if kind in INVOICE_HANDLERS:
            async with self.db.tenants({event.tenant_id for event in events}) as tx:
                await INVOICE_HANDLERS[kind](self.invoices, tx, events)

    def verification(self) -> Verification:
        """One that remembers nothing: a process keeps the prices that it has seen."""
        meters = Meters(clock=self.now)
        pricing = PricingService(clock=self.now, checks=PriceChecks(), meters=meters, customers=self.customers)
        rating = RatingService(
            clock=self.now,
            contracts=self.subscriptions,
            plans=pricing,
            usage=self.usage,
            clocks=self.tenants,
            costs=pricing,
            tenants=self.tenants,
            subscriptions=self.subscriptions,
            debounce_seconds=5,
        )
        return Verification(charges=rating, recomputations=rating, books=self.ledger, receipts=self.payments)

    async def found(self, tenant_id: UUID) -> list[Finding]:
        """What is wrong with any invoice of the tenant."""
        verification = self.verification()
        async with self.db.tenants([tenant_id]) as tx:
            return await verification.verify(tx, tenant_id, await verification.page(tx, tenant_id, None, 1_000))

    async def all_invoices(self, tenant_id: UUID) -> list[InvoiceOut]:
        """Every invoice of the tenant, oldest first."""
        async with self.db.tenant(tenant_id) as tx:
            return (await self.invoices.find(tx, tenant_id, InvoiceFilter(), after=None, limit=1_000))[::-1]

    async def bill_by_hand(self, tenant_id: UUID, customer: str, *lines: dict[str, Any], **more: Any) -> UUID:
        """A one-off invoice, issued at once."""
        body = {"customer_id": customer, "lines": list(lines), "finalize": True} | more
        async with self.db.tenant(tenant_id) as tx:
            made = await self.invoices.create_draft(tx, tenant_id, msgspec.convert(body, InvoiceCreate, strict=False))
        return made.id

    async def pay(self, tenant_id: UUID, invoice_id: UUID, amount_minor: int | None = None) -> UUID:
        """Money for an invoice; all that is left of it unless an amount is given."""
        wanted = PaymentCreate(invoice_id=invoice_id, method="cash", reference="till", amount_minor=amount_minor)
        async with self.db.tenant(tenant_id) as tx:
            return (await self.payments.create(tx, tenant_id, wanted)).id
