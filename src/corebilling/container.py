"""Where everything is wired. Roles and commands take what they run from here; nothing else builds a service.

Singletons only, and synchronous: what must be opened (database, bus) is opened and closed by the role (roles/lifespan.py).
"""

from datetime import datetime
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from dependency_injector import containers, providers

from corebilling.customer.service import CustomerService
from corebilling.invoice.downloads import Downloads
from corebilling.invoice.handlers import HANDLERS as INVOICE_HANDLERS
from corebilling.invoice.receivables import Receivables
from corebilling.invoice.service import InvoiceService
from corebilling.invoice.tax_engine import HttpTaxProvider
from corebilling.invoice.tax_rates import TaxRates
from corebilling.invoice.wallet_expiry import WalletExpiry
from corebilling.invoice.wallet_service import WalletService
from corebilling.invoice.wallets import Wallets
from corebilling.invoice.worker import InvoicingWorker
from corebilling.ledger.ageing import Ageing
from corebilling.ledger.domain.seal import SigningKey
from corebilling.ledger.gl_export import GeneralLedgerExport
from corebilling.ledger.manual import ManualJournals
from corebilling.ledger.nightly import NightlyProof
from corebilling.ledger.opening import Charts
from corebilling.ledger.periods import LedgerPeriods
from corebilling.ledger.prover import LedgerProof
from corebilling.ledger.recognition import RevenueRecognition
from corebilling.ledger.seal_proof import SealProof
from corebilling.ledger.sealing import Sealer
from corebilling.ledger.service import LedgerService
from corebilling.payment.collection_duty import CollectionDuty
from corebilling.payment.gateways.accounts import GatewayAccounts
from corebilling.payment.gateways.config import GatewayConfig
from corebilling.payment.gateways.notices import NoticeIntake
from corebilling.payment.handlers import HANDLERS as PAYMENT_HANDLERS
from corebilling.payment.ports import Others
from corebilling.payment.service import PaymentService
from corebilling.payment.worker import PaymentWorker
from corebilling.platform.bus.dispatcher import Dispatcher
from corebilling.platform.bus.handlers import Consumer, Subscriptions
from corebilling.platform.bus.nats import NatsBus
from corebilling.platform.bus.progress import unhandled
from corebilling.platform.bus.router import Router
from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database, Tx
from corebilling.platform.jobs.kinds import JobHost
from corebilling.platform.jobs.service import JobService
from corebilling.platform.jobs.worker import JobWorker
from corebilling.platform.secrets import SecretBox, generate_key
from corebilling.platform.storage import ObjectStore
from corebilling.pricing.new_tenants import DefaultRateCards
from corebilling.pricing.service import PricingService
from corebilling.rating.change_previews import ChangePreviews
from corebilling.rating.checks import PriceChecks
from corebilling.rating.handlers import HANDLERS as RATING_HANDLERS
from corebilling.rating.jobs import JOBS as RATING_JOBS
from corebilling.rating.margins import Margins
from corebilling.rating.price_changes import PriceChanges
from corebilling.rating.quotes import Quotes
from corebilling.rating.service import RatingService
from corebilling.rating.simulation import Simulation
from corebilling.rating.worker import LiveRater
from corebilling.scheduler.clocks import TestClocks
from corebilling.scheduler.closing import Closing
from corebilling.scheduler.handlers import HANDLERS as SCHEDULER_HANDLERS
from corebilling.scheduler.late import LateUsage
from corebilling.scheduler.service import SchedulerService
from corebilling.scheduler.waking import WakeUps
from corebilling.settings import Settings
from corebilling.subscription.directory import SubscriptionDirectory
from corebilling.subscription.handlers import HANDLERS as SUBSCRIPTION_HANDLERS
from corebilling.subscription.service import SubscriptionService
from corebilling.tenant.service import TenantService
from corebilling.usage.housekeeping import UsageHousekeeping
from corebilling.usage.intake import UsageIntake
from corebilling.usage.meters import Meters
from corebilling.usage.service import UsageService
from corebilling.webhook.config import DeliveryConfig
from corebilling.webhook.handlers import HANDLERS as WEBHOOK_HANDLERS
from corebilling.webhook.service import WebhookService
from corebilling.webhook.worker import DeliveryWorker


class _Progress:
    """The scheduler's port `Unhandled`, answered by the backbone."""

    def __init__(self, subscriptions: Subscriptions) -> None:
        self._subscriptions = subscriptions

    async def exists(self, tx: Tx, tenant_id: UUID, since: datetime) -> bool:
        """Whether the tenant has an event on its way."""
        return await unhandled(tx, self._subscriptions, tenant_id, since)


def _database(settings: Settings) -> Database:
    return Database(
        settings.database_url,
        pool_size=settings.database_pool_size,
        listen_url=settings.listen_url,
        application_name=f"corebilling-{settings.role}",
    )


def _secret_box(settings: Settings) -> SecretBox:
    # Without keys (development only, see settings) secrets live as long as the process: good for commands, not for roles.
    return SecretBox(settings.encryption_keys or [generate_key()])


def _object_store(settings: Settings) -> ObjectStore | None:
    if not settings.object_store_url:
        return None
    return ObjectStore(
        settings.object_store_url,
        region=settings.object_store_region,
        endpoint=settings.object_store_endpoint,
        access_key_id=settings.object_store_access_key_id,
        secret_access_key=settings.object_store_secret_access_key,
    )


def _delivery_config(settings: Settings) -> DeliveryConfig:
    return DeliveryConfig(
        claim_limit=settings.webhook_worker_limit,
        poll_seconds=settings.webhook_worker_interval_seconds,
        timeout_seconds=settings.webhook_http_timeout_seconds,
        base_delay_seconds=settings.webhook_base_delay_seconds,
        max_delay_seconds=settings.webhook_max_delay_seconds,
        max_retries=settings.webhook_max_retries,
        allow_private_targets=settings.webhook_allow_private_targets,
    )


def _signing_key(settings: Settings) -> SigningKey | None:
    return SigningKey(settings.ledger_signing_key) if settings.ledger_signing_key else None


def _known_keys(key: SigningKey | None) -> list[Ed25519PublicKey]:
    return [key.public] if key else []


def _gateway_config(settings: Settings) -> GatewayConfig:
    return GatewayConfig(
        timeout_seconds=settings.gateway_http_timeout_seconds,
        certain_seconds=settings.gateway_certain_seconds,
        allow_private_targets=settings.gateway_allow_private_targets,
    )


class Container(containers.DeclarativeContainer):
    """One process's objects. `Container(settings=settings)`."""

    settings = providers.Dependency(instance_of=Settings)
    clock = providers.Object(wall_clock)

    # --- platform
    database = providers.Singleton(_database, settings)
    bus = providers.Selector(
        settings.provided.event_bus,
        nats=providers.Singleton(NatsBus, settings.provided.nats_url, max_age=settings.provided.event_retention),
    )
    secret_box = providers.Singleton(_secret_box, settings)
    object_store = providers.Singleton(_object_store, settings)
    job_service = providers.Singleton(JobService, clock=clock)

    # --- contexts, in an order without circles: checks and meters first, then who sells and who buys, what is sold, who agreed,
    # what was used
    price_checks = providers.Singleton(PriceChecks)
    meters = providers.Singleton(Meters, clock=clock)
    charts = providers.Singleton(Charts, clock=clock)
    default_rate_cards = providers.Singleton(DefaultRateCards, clock=clock)
    tenant_service = providers.Singleton(TenantService, clock=clock, setups=providers.List(default_rate_cards, charts))
    ledger_service = providers.Singleton(LedgerService, clock=clock, tenants=tenant_service)
    revenue_recognition = providers.Singleton(
        RevenueRecognition, clock=clock, sandboxes=tenant_service, ledger=ledger_service
    )
    ledger_periods = providers.Singleton(
        LedgerPeriods, clock=clock, clocks=tenant_service, tenants=tenant_service, recognition=revenue_recognition
    )
    manual_journals = providers.Singleton(ManualJournals, clock=clock, clocks=tenant_service, ledger=ledger_service)
    ageing = providers.Singleton(Ageing, clocks=tenant_service, receivables=providers.Singleton(Receivables))
    gl_export = providers.Singleton(GeneralLedgerExport, clock=clock, tenants=tenant_service)
    customer_service = providers.Singleton(CustomerService, clock=clock, tenants=tenant_service)
    pricing_service = providers.Singleton(
        PricingService, clock=clock, checks=price_checks, meters=meters, customers=customer_service
    )
    subscription_service = providers.Singleton(
        SubscriptionService,
        clock=clock,
        plans=pricing_service,
        coupons=pricing_service,
        checks=price_checks,
        previews=providers.Singleton(ChangePreviews, plans=pricing_service),
        customers=customer_service,
        tenants=tenant_service,
        clocks=tenant_service,
    )
    usage_service = providers.Singleton(
        UsageService, clock=clock, clocks=tenant_service, subscriptions=subscription_service
    )
    usage_intake = providers.Singleton(UsageIntake, db=database, service=usage_service)
    rating_service = providers.Singleton(
        RatingService,
        clock=clock,
        contracts=subscription_service,
        plans=pricing_service,
        usage=usage_service,
        clocks=tenant_service,
        costs=pricing_service,
        tenants=tenant_service,
        subscriptions=subscription_service,
        debounce_seconds=settings.provided.rating_debounce_seconds,
    )
    quotes = providers.Singleton(Quotes, clocks=tenant_service, rate_cards=pricing_service, customers=customer_service)
    margins = providers.Singleton(Margins, plans=pricing_service, customers=customer_service, tenants=tenant_service)
    simulation = providers.Singleton(
        Simulation,
        jobs=job_service,
        changes=providers.Singleton(
            PriceChanges, checks=price_checks, plans=pricing_service, meters=meters, tenants=tenant_service
        ),
        clocks=tenant_service,
        contracts=subscription_service,
        plans=pricing_service,
        usage=usage_service,
        subscribers=providers.Singleton(SubscriptionDirectory),
        customers=customer_service,
    )
    tax_rates = providers.Singleton(TaxRates, clock=clock)
    tax_provider = providers.Singleton(
        HttpTaxProvider, url=settings.provided.tax_engine_url, token=settings.provided.tax_engine_token
    )
    wallets = providers.Singleton(Wallets, ledger=ledger_service)
    invoice_service = providers.Singleton(
        InvoiceService,
        clock=clock,
        charges=rating_service,
        tenants=tenant_service,
        customers=customer_service,
        subscriptions=subscription_service,
        clocks=tenant_service,
        ledger=ledger_service,
        prices=pricing_service,
        wallets=wallets,
        tax_provider=tax_provider,
    )
    gateway_accounts = providers.Singleton(
        GatewayAccounts,
        clock=clock,
        tenants=tenant_service,
        secret_box=secret_box,
        allow_private_targets=settings.provided.gateway_allow_private_targets,
    )
    notice_intake = providers.Singleton(NoticeIntake, db=database, clock=clock, secret_box=secret_box)
    downloads = providers.Singleton(Downloads, logos=tenant_service, store=object_store)
    wallet_service = providers.Singleton(
        WalletService, clocks=tenant_service, customers=customer_service, wallets=wallets
    )
    wallet_expiry = providers.Singleton(
        WalletExpiry, database, clock=clock, sandboxes=tenant_service, wallets=wallets
    )
    payment_service = providers.Singleton(
        PaymentService,
        others=providers.Singleton(
            Others,
            clock=clock,
            clocks=tenant_service,
            tenants=tenant_service,
            customers=customer_service,
            invoices=invoice_service,
            wallets=wallets,
            ledger=ledger_service,
        ),
        accounts=gateway_accounts,
    )
    ledger_proof = providers.Singleton(
        LedgerProof,
        documents=providers.Dict(
            invoice=invoice_service,
            invoice_void=invoice_service,
            credit_note=invoice_service,
            write_off=invoice_service,
            recovery=invoice_service,
            wallet_grant=wallet_service,
            wallet_application=wallet_service,
            wallet_reversal=wallet_service,
            wallet_expiry=wallet_service,
            payment=payment_service,
            refund=payment_service,
            refund_paid=payment_service,
            refund_failed=payment_service,
            dispute=payment_service,
            dispute_won=payment_service,
            revenue_recognition=revenue_recognition,
            manual=manual_journals,
        ),
    )
    signing_key = providers.Singleton(_signing_key, settings)
    sealer = providers.Singleton(Sealer, database, clock=clock, key=signing_key)
    seal_proof = providers.Singleton(SealProof, clock=clock, keys=providers.Singleton(_known_keys, signing_key))
    nightly_proof = providers.Singleton(NightlyProof, database, clock=clock, proof=ledger_proof, seals=seal_proof)
    webhook_service = providers.Singleton(
        WebhookService,
        clock=clock,
        tenants=tenant_service,
        secret_box=secret_box,
        allow_private_targets=settings.provided.webhook_allow_private_targets,
    )
    late_usage = providers.Singleton(
        LateUsage,
        database,
        clock=clock,
        usage=usage_service,
        sandboxes=tenant_service,
        grace_seconds=settings.provided.usage_grace_seconds,
        delay_seconds=settings.provided.late_usage_delay_seconds,
    )
    scheduler_service = providers.Singleton(
        SchedulerService,
        subscriptions=subscription_service,
        clocks=tenant_service,
        late=late_usage,
        grace_seconds=settings.provided.usage_grace_seconds,
    )

    # --- the backbone
    consumers = providers.List(
        providers.Singleton(Consumer, "subscription", subscription_service, SUBSCRIPTION_HANDLERS),
        providers.Singleton(Consumer, "rating", rating_service, RATING_HANDLERS),
        providers.Singleton(Consumer, "scheduler", scheduler_service, SCHEDULER_HANDLERS),
        providers.Singleton(Consumer, "invoice", invoice_service, INVOICE_HANDLERS),
        providers.Singleton(Consumer, "payment", payment_service, PAYMENT_HANDLERS),
        providers.Singleton(Consumer, "webhook", webhook_service, WEBHOOK_HANDLERS),
    )
    subscriptions = providers.Singleton(Subscriptions, consumers)
    dispatcher = providers.Singleton(Dispatcher, db=database, bus=bus, clock=clock, subscriptions=subscriptions)
    router = providers.Singleton(Router, db=database, bus=bus, clock=clock, consumers=consumers)

    # --- the worker's loops
    progress = providers.Singleton(_Progress, subscriptions)
    closing = providers.Singleton(
        Closing,
        database,
        clock=clock,
        usage=usage_service,
        sandboxes=tenant_service,
        late=late_usage,
        grace=settings.provided.usage_grace,
    )
    wake_ups = providers.Singleton(WakeUps, database, clock=clock, sandboxes=tenant_service)
    test_clocks = providers.Singleton(
        TestClocks,
        database,
        sandboxes=tenant_service,
        unhandled=progress,
        agendas=providers.List(invoice_service, wallet_expiry, payment_service, revenue_recognition),
    )
    invoicing_worker = providers.Singleton(
        InvoicingWorker,
        database,
        clock=clock,
        sandboxes=tenant_service,
        finalising=invoice_service.provided.finalising,
        reminding=invoice_service.provided.reminding,
        tax_provider=tax_provider,
        expiry=wallet_expiry,
    )
    job_hosts = providers.List(providers.Singleton(JobHost, simulation, RATING_JOBS))
    job_worker = providers.Singleton(JobWorker, database, job_hosts, clock=clock)
    usage_housekeeping = providers.Singleton(UsageHousekeeping, clock=clock)
    live_rater = providers.Singleton(LiveRater, database, rating_service, clock=clock)
    delivery_worker = providers.Singleton(
        DeliveryWorker,
        db=database,
        secret_box=secret_box,
        config=providers.Singleton(_delivery_config, settings),
        clock=clock,
        listen_url=settings.provided.listen_url,
    )
    collection_duty = providers.Singleton(
        CollectionDuty, database, payment_service, clock=clock, sandboxes=tenant_service
    )
    payment_worker = providers.Singleton(
        PaymentWorker,
        db=database,
        payments=payment_service,
        clocks=tenant_service,
        secret_box=secret_box,
        config=providers.Singleton(_gateway_config, settings),
        clock=clock,
    )
