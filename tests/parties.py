"""Tenants with everything that selling needs, made of the product's own services over a real database."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec

from corebilling.customer.schemas import CustomerCreate, CustomerOut
from corebilling.customer.service import CustomerService
from corebilling.kernel.ids import new_id
from corebilling.ledger.opening import Charts
from corebilling.ledger.service import LedgerService
from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database
from corebilling.pricing.new_tenants import DefaultRateCards
from corebilling.pricing.schemas import PlanCreate, PlanOut
from corebilling.pricing.service import PricingService
from corebilling.rating.change_previews import ChangePreviews
from corebilling.rating.checks import PriceChecks
from corebilling.subscription.schemas import SubscriptionCreate, SubscriptionOut
from corebilling.subscription.service import SubscriptionService
from corebilling.tenant.schemas import TenantCreate
from corebilling.tenant.service import TenantService
from corebilling.usage.meters import Meters


@dataclass
class WrittenEvent:
    """A row of the outbox."""

    subject: str
    resource_id: UUID
    resource_seq: int
    causation_id: UUID | None
    payload: dict[str, Any]


@dataclass
class Parties:
    """The services, wired to one another, and short ways to set a scene."""

    db: Database
    meters: Meters = field(default_factory=lambda: Meters(clock=wall_clock))

    def __post_init__(self) -> None:
        setups = (DefaultRateCards(clock=wall_clock), Charts(clock=wall_clock))
        self.tenants = TenantService(clock=wall_clock, setups=setups)
        self.customers = CustomerService(clock=wall_clock, tenants=self.tenants)
        self.ledger = LedgerService(clock=wall_clock, tenants=self.tenants, customers=self.customers)
        self.pricing = PricingService(
            clock=wall_clock, checks=PriceChecks(), meters=self.meters, customers=self.customers
        )
        self.subscriptions = SubscriptionService(
            clock=wall_clock,
            plans=self.pricing,
            coupons=self.pricing,
            checks=PriceChecks(),
            previews=ChangePreviews(plans=self.pricing),
            customers=self.customers,
            tenants=self.tenants,
            clocks=self.tenants,
        )

    async def tenant(self, name: str = "Seller", currency: str = "EUR", **wanted: Any) -> UUID:
        """A new tenant."""
        tenant_id = new_id()
        async with self.db.tenants([tenant_id]) as tx:
            data = TenantCreate(name=name, currency=currency, **wanted)
            await self.tenants.create(tx, data, tenant_id=tenant_id)
        return tenant_id

    async def customer(self, tenant_id: UUID, external_id: str, **wanted: Any) -> CustomerOut:
        """A new customer."""
        async with self.db.tenant(tenant_id) as tx:
            data = CustomerCreate(external_id=external_id, name=external_id.title(), **wanted)
            return await self.customers.create(tx, tenant_id, data)

    async def plan(self, tenant_id: UUID, code: str, currency: str = "EUR", interval: str = "month") -> PlanOut:
        """A new plan with a flat price of 10."""
        price = {"kind": "recurring", "name": "Base", "price": {"model": "flat", "amount": "10"}}
        body = {"code": code, "name": code.title(), "currency": currency, "interval": interval, "prices": [price]}
        async with self.db.tenant(tenant_id) as tx:
            return await self.pricing.create_plan(
                tx, tenant_id, msgspec.json.decode(msgspec.json.encode(body), type=PlanCreate)
            )

    async def subscription(
        self, tenant_id: UUID, customer: str, plan: str, external_id: str | None = None, **wanted: Any
    ) -> SubscriptionOut:
        """A new subscription."""
        async with self.db.tenant(tenant_id) as tx:
            data = SubscriptionCreate(customer_id=customer, plan=plan, external_id=external_id, **wanted)
            return await self.subscriptions.create(tx, tenant_id, data)

    async def events(self, tenant_id: UUID, *subjects: str) -> list[WrittenEvent]:
        """What the outbox holds of a tenant, of these subjects or of all, in the order of writing."""
        async with self.db.system() as tx:
            rows = await (
                await tx.conn.execute(
                    "SELECT subject, resource_id, resource_seq, causation_id, payload FROM billing_events"
                    " WHERE tenant_id = %s ORDER BY event_id",
                    (tenant_id,),
                )
            ).fetchall()
        return [
            WrittenEvent(subject, resource, seq, cause, msgspec.json.decode(payload))
            for subject, resource, seq, cause, payload in rows
            if not subjects or subject in subjects
        ]
