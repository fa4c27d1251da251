"""Tenants with books: the real services from rated periods to the ledger, and the makings of test data for them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from corebilling.customer.schemas import CustomerCreate
from corebilling.customer.service import CustomerService
from corebilling.events.catalog import BY_PAYLOAD
from corebilling.events.envelope import Envelope
from corebilling.events.rating import RatingCompleted
from corebilling.events.subscription import SubscriptionInvoiceRequested
from corebilling.invoice.explaining import Explaining
from corebilling.invoice.handlers import on_rating_completed
from corebilling.invoice.service import InvoiceFilter, InvoiceService
from corebilling.invoice.tax_engine import HttpTaxProvider
from corebilling.invoice.wallets import Wallets
from corebilling.kernel.charge import BilledCharge, ChargeKind, Derivation, DerivationStep
from corebilling.kernel.contract import Calendar, Contract, Phase
from corebilling.kernel.ids import new_id
from corebilling.kernel.period import Period
from corebilling.ledger.opening import Charts
from corebilling.ledger.prover import LedgerProof
from corebilling.ledger.service import LedgerService
from corebilling.payment.gateways.accounts import GatewayAccounts
from corebilling.payment.ports import Others
from corebilling.payment.service import PaymentService
from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database, Tx
from corebilling.platform.secrets import SecretBox, generate_key
from corebilling.rating import store
from corebilling.rating.domain.engine import ENGINE_VERSION, minor_amount, of_quantity, rate
from corebilling.rating.domain.flat import Flat
from corebilling.rating.domain.graduated import Graduated, Tier
from corebilling.rating.domain.price import Price
from corebilling.rating.domain.rating import Rated, RatingOrder
from corebilling.tenant.schemas import TenantCreate
from corebilling.tenant.service import TenantService
from parties import Parties

JANUARY = Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC), 0)
CLOSED_AT = JANUARY.end + timedelta(hours=1)
TIERS = Graduated(
    tiers=(
        Tier(up_to=Decimal(1000), unit_amount=Decimal("0.02")),
        Tier(up_to=None, unit_amount=Decimal("0.015"), flat_amount=Decimal(5)),
    )
)


class FinalCharges:
    """Rating's charges as they lie in its tables."""

    async def charges(
        self, tx: Tx, keys: Sequence[tuple[UUID, UUID]]
    ) -> dict[tuple[UUID, UUID], tuple[BilledCharge, ...]]:
        return dict.fromkeys(keys, ()) | await store.final_charges(tx, keys)


@dataclass
class Books:
    """The services as production wires them."""

    db: Database
    tenants: TenantService = field(init=False)
    customers: CustomerService = field(init=False)
    ledger: LedgerService = field(init=False)
    wallets: Wallets = field(init=False)
    invoices: InvoiceService = field(init=False)
    accounts: GatewayAccounts = field(init=False)
    payments: PaymentService = field(init=False)
    explaining: Explaining = field(init=False)
    proof: LedgerProof = field(init=False)

    def __post_init__(self) -> None:
        self.tenants = TenantService(clock=wall_clock, setups=[Charts(clock=wall_clock)])
        self.customers = CustomerService(clock=wall_clock, tenants=self.tenants)
        self.ledger = LedgerService(clock=wall_clock, tenants=self.tenants, customers=self.customers)
        self.wallets = Wallets(ledger=self.ledger)
        self.invoices = InvoiceService(
            clock=wall_clock,
            charges=FinalCharges(),
            tenants=self.tenants,
            customers=self.customers,
            subscriptions=Parties(self.db).subscriptions,
            clocks=self.tenants,
            ledger=self.ledger,
            prices=Parties(self.db).pricing,
            wallets=self.wallets,
            tax_provider=HttpTaxProvider(url="", token=""),
        )
        others = Others(
            clock=wall_clock,
            clocks=self.tenants,
            tenants=self.tenants,
            customers=self.customers,
            invoices=self.invoices,
            wallets=self.wallets,
            ledger=self.ledger,
        )
        self.accounts = GatewayAccounts(
            clock=wall_clock,
            tenants=self.tenants,
            secret_box=SecretBox([generate_key()]),
            allow_private_targets=True,
        )
        self.payments = PaymentService(others=others, accounts=self.accounts)
        self.explaining = Explaining(plans=Parties(self.db).pricing, books=self.ledger, receipts=self.payments)
        self.proof = LedgerProof(
            documents={
                "invoice": self.invoices,
                "invoice_void": self.invoices,
                "credit_note": self.invoices,
                "payment": self.payments,
                "refund": self.payments,
                "refund_paid": self.payments,
                "refund_failed": self.payments,
                "dispute": self.payments,
                "dispute_won": self.payments,
            }
        )

    async def tenant(self, **settings: object) -> UUID:
        """A new tenant with its chart of accounts."""
        tenant_id = new_id()
        data = msgspec.convert({"name": "Example Ltd", "currency": "EUR"} | settings, TenantCreate)
        async with self.db.tenants([tenant_id]) as tx:
            await self.tenants.create(tx, data, tenant_id=tenant_id)
        return tenant_id

    async def customer(self, tenant_id: UUID, external_id: str = "acme", **more: object) -> UUID:
        """A new customer."""
        data = msgspec.convert({"external_id": external_id, "name": "Acme GmbH"} | more, CustomerCreate)
        async with self.db.tenant(tenant_id) as tx:
            return (await self.customers.create(tx, tenant_id, data)).id

    async def rated(
        self, tenant_id: UUID, customer_ids: Sequence[UUID], *prices: tuple[Price, str], period: Period = JANUARY
    ) -> list[Envelope[RatingCompleted]]:
        """Final ratings of a period, one subscription for each customer, and the events that tell of them."""
        wanted = [_rating(tenant_id, customer_id, prices, period) for customer_id in customer_ids]
        async with self.db.tenants([tenant_id]) as tx:
            written = await store.put_final(tx, wanted, wall_clock())
        return [_completed(rating_id, rated) for rating_id, rated in written]

    async def rating(
        self,
        tenant_id: UUID,
        customer_id: UUID,
        *charges: BilledCharge,
        period: Period = JANUARY,
        subscription_id: UUID | None = None,
        request: SubscriptionInvoiceRequested | None = None,
        **more: Any,
    ) -> Envelope[RatingCompleted]:
        """A final rating of these charges, for a closed period or for a request; `more` are fields of its event."""
        item = _rated(tenant_id, customer_id, subscription_id or new_id(), charges, period)
        async with self.db.tenants([tenant_id]) as tx:
            if request is None:
                [(rating_id, _)] = await store.put_final(tx, [item], wall_clock())
            else:
                asked = (request.purpose, request.request_no, request.at)
                [(rating_id, _)] = await store.put_interim(tx, [item], [asked], wall_clock())
                more |= {"purpose": request.purpose, "request_no": request.request_no, "closed_at": request.at}
        return _completed(rating_id, item, **({"closed_at": period.end + timedelta(hours=1)} | more))

    async def bill(self, events: Sequence[Envelope[RatingCompleted]]) -> None:
        """What the router does with a group of these events."""
        async with self.db.tenants({event.tenant_id for event in events}) as tx:
            await on_rating_completed(self.invoices, tx, events)

    async def invoice(self, tenant_id: UUID, customer_id: UUID, *prices: tuple[Price, str], period: Period = JANUARY):
        """A final invoice for one customer, as the API shows it."""
        [event] = await self.rated(tenant_id, [customer_id], *prices, period=period)
        await self.bill([event])
        wanted = InvoiceFilter(subscription_id=event.payload.subscription_id)
        async with self.db.tenant(tenant_id) as tx:
            [row] = await self.invoices.find(tx, tenant_id, wanted, after=None, limit=2)
            return await self.invoices.get(tx, tenant_id, row.id)


def flat(amount: str) -> tuple[Price, str]:
    """A monthly fee."""
    return Flat(amount=Decimal(amount)), "1"


def charge(
    no: int,
    kind: ChargeKind,
    amount_minor: int,
    *,
    billed_minor: int = 0,
    period: Period = JANUARY,
    name: str = "",
    discount_minor: int = 0,
) -> BilledCharge:
    """A charge of this amount in euros; `billed_minor` was billed of it before."""
    amount = Decimal(amount_minor + billed_minor).scaleb(-2)
    step = DerivationStep(name or kind, Decimal(1), Decimal(0), amount, amount)
    note = f"{amount} instead of {Decimal(billed_minor).scaleb(-2)} that were billed" if billed_minor else None
    how = Derivation("flat", Decimal(1), (step,), amount, 3, ENGINE_VERSION, billed_minor, note=note)
    return BilledCharge(
        no, new_id(), kind, name or kind, None, None, Decimal(1), amount_minor, period.start, period.end, how,
        discount_minor=discount_minor,
    )  # fmt: skip


def _rating(tenant_id: UUID, customer_id: UUID, prices: Sequence[tuple[Price, str]], period: Period) -> Rated:
    charges = [_charge(number, price, Decimal(quantity), period) for number, (price, quantity) in enumerate(prices, 1)]
    return _rated(tenant_id, customer_id, new_id(), charges, period)


def _rated(
    tenant_id: UUID, customer_id: UUID, subscription_id: UUID, charges: Sequence[BilledCharge], period: Period
) -> Rated:
    plan_id = new_id()
    contract = Contract(
        tenant_id,
        subscription_id,
        customer_id,
        plan_id,
        "EUR",
        calendars=(Calendar(period.start, "UTC", "month", 1, period.start),),
        phases=(Phase(period.start, None, plan_id),),
    )
    order = RatingOrder(tenant_id, subscription_id, period, 3, cycle_id=new_id())
    total = sum(charge.amount_minor for charge in charges if charge.kind != "credit_note")
    return Rated(order, contract, tuple(charges), total)


def _charge(number: int, price: Price, quantity: Decimal, period: Period) -> BilledCharge:
    how, is_fee = rate(price, of_quantity(quantity), epoch=3), isinstance(price, Flat)
    return BilledCharge(
        charge_no=number,
        price_id=new_id(),
        kind="recurring" if is_fee else "usage",
        description="Team plan" if is_fee else "API calls",
        meter_code=None if is_fee else "api_calls",
        unit=None if is_fee else "calls",
        quantity=quantity,
        amount_minor=minor_amount(how, "EUR"),
        period_start=period.start,
        period_end=period.end,
        derivation=how,
    )


def _completed(rating_id: UUID, rated: Rated, **more: Any) -> Envelope[RatingCompleted]:
    order, contract = rated.order, rated.contract
    assert order.cycle_id is not None
    payload = RatingCompleted(
        rating_id=rating_id,
        cycle_id=order.cycle_id,
        subscription_id=order.subscription_id,
        customer_id=contract.customer_id,
        period_index=order.period.index,
        period_start=order.period.start,
        period_end=order.period.end,
        closed_at=CLOSED_AT,
        currency=contract.currency,
        total_minor=rated.total_minor,
        epoch=order.epoch,
        engine_version=ENGINE_VERSION,
    )
    payload = msgspec.structs.replace(payload, **more)
    row = BY_PAYLOAD[RatingCompleted]
    return Envelope(
        id=new_id(),
        subject=row.subject,
        version=row.version,
        tenant_id=order.tenant_id,
        resource_id=order.subscription_id,
        resource_seq=0,
        correlation_id=new_id(),
        causation_id=None,
        traceparent=None,
        occurred_at=CLOSED_AT,
        payload=payload,
    )
