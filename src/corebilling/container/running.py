"""What a process runs: consumers of events, and the loops of workers."""

from datetime import datetime
from uuid import UUID

from dependency_injector import providers

from corebilling.container.buses import DURABLE
from corebilling.container.foundation import Foundation
from corebilling.container.money import Money
from corebilling.container.parts import (
    make_delivery_config,
    make_gateway_config,
)
from corebilling.container.selling import Selling
from corebilling.customer.entitlements import EntitlementService
from corebilling.customer.handlers import HANDLERS as ENTITLEMENT_HANDLERS
from corebilling.invoice.handlers import HANDLERS as INVOICE_HANDLERS
from corebilling.invoice.jobs import JOBS as INVOICE_JOBS
from corebilling.invoice.worker import InvoicingWorker
from corebilling.payment.collection_duty import CollectionDuty
from corebilling.payment.gateways.keeping import NoticeKeeping
from corebilling.payment.handlers import HANDLERS as PAYMENT_HANDLERS
from corebilling.payment.worker import PaymentWorker
from corebilling.platform.bus.dispatcher import Dispatcher
from corebilling.platform.bus.handlers import Consumer, Subscriptions
from corebilling.platform.bus.progress import unhandled
from corebilling.platform.bus.router import Router
from corebilling.platform.db import Tx
from corebilling.platform.eventlog.jobs import ENDINGS as EVENT_ENDINGS
from corebilling.platform.eventlog.jobs import JOBS as EVENT_JOBS
from corebilling.platform.eventlog.letters import DeadLetters
from corebilling.platform.eventlog.reading import EventLog
from corebilling.platform.eventlog.replaying import Replay
from corebilling.platform.jobs.kinds import JobHost
from corebilling.platform.jobs.worker import JobWorker
from corebilling.rating.handlers import HANDLERS as RATING_HANDLERS
from corebilling.rating.jobs import JOBS as RATING_JOBS
from corebilling.rating.worker import LiveRater
from corebilling.scheduler.clocks import TestClocks
from corebilling.scheduler.closing import Closing
from corebilling.scheduler.handlers import HANDLERS as SCHEDULER_HANDLERS
from corebilling.scheduler.late import LateUsage
from corebilling.scheduler.service import SchedulerService
from corebilling.scheduler.waking import WakeUps
from corebilling.subscription.handlers import HANDLERS as SUBSCRIPTION_HANDLERS
from corebilling.usage.housekeeping import UsageHousekeeping
from corebilling.webhook.delivery_log import DeliveryLog
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


class Container(Money):
    """One process's objects. `Container(settings=settings)`."""

    webhook_service = providers.Singleton(
        WebhookService,
        clock=Foundation.clock,
        tenants=Selling.tenant_service,
        secret_box=Foundation.secret_box,
        allow_private_targets=Foundation.settings.provided.webhook_allow_private_targets,
    )
    webhook_delivery_log = providers.Singleton(DeliveryLog, clock=Foundation.clock, secret_box=Foundation.secret_box)
    late_usage = providers.Singleton(
        LateUsage,
        Foundation.database,
        clock=Foundation.clock,
        usage=Selling.usage_service,
        sandboxes=Selling.tenant_service,
        grace_seconds=Foundation.settings.provided.usage_grace_seconds,
        delay_seconds=Foundation.settings.provided.late_usage_delay_seconds,
    )
    scheduler_service = providers.Singleton(
        SchedulerService,
        subscriptions=Selling.subscription_service,
        clocks=Selling.tenant_service,
        late=late_usage,
        grace_seconds=Foundation.settings.provided.usage_grace_seconds,
    )
    consumers = providers.List(
        providers.Singleton(Consumer, "subscription", Selling.subscription_service, SUBSCRIPTION_HANDLERS),
        providers.Singleton(Consumer, "rating", Selling.rating_service, RATING_HANDLERS),
        providers.Singleton(Consumer, "scheduler", scheduler_service, SCHEDULER_HANDLERS),
        providers.Singleton(Consumer, "invoice", Money.invoice_service, INVOICE_HANDLERS),
        providers.Singleton(Consumer, "payment", Money.payment_service, PAYMENT_HANDLERS),
        providers.Singleton(
            Consumer,
            "entitlements",
            Selling.entitlement_service,
            ENTITLEMENT_HANDLERS,
            forget=providers.Object(EntitlementService.forget),
        ),
        providers.Singleton(Consumer, "webhook", webhook_service, WEBHOOK_HANDLERS),
    )
    subscriptions = providers.Singleton(Subscriptions, consumers)
    event_log = providers.Singleton(EventLog, subscriptions)
    dead_letters = providers.Singleton(DeadLetters, clock=Foundation.clock)
    replay = providers.Singleton(
        Replay,
        jobs=Foundation.job_service,
        consumers=consumers,
        clock=Foundation.clock,
        remembered_days=Foundation.settings.provided.inbox_days,
        sent_again_after=Foundation.settings.provided.sweep_after,
    )
    dispatcher = providers.Singleton(
        Dispatcher,
        db=Foundation.database,
        bus=Foundation.bus,
        clock=Foundation.clock,
        subscriptions=subscriptions,
        durable=DURABLE,
        sweep_after=Foundation.settings.provided.sweep_after,
        retention_days=Foundation.settings.provided.event_retention_days,
        inbox_retention_days=Foundation.settings.provided.inbox_days,
    )
    router = providers.Singleton(
        Router,
        db=Foundation.database,
        bus=Foundation.bus,
        clock=Foundation.clock,
        consumers=consumers,
        durable=DURABLE,
        batch_size=Foundation.settings.provided.router_batch_size,
        messages_in_flight=Foundation.settings.provided.router_messages_in_flight,
        groups_at_once=Foundation.settings.provided.router_groups_at_once,
        groups_per_subject=Foundation.settings.provided.router_groups_per_subject,
    )
    progress = providers.Singleton(_Progress, subscriptions)
    closing = providers.Singleton(
        Closing,
        Foundation.database,
        clock=Foundation.clock,
        usage=Selling.usage_service,
        sandboxes=Selling.tenant_service,
        late=late_usage,
        grace=Foundation.settings.provided.usage_grace,
    )
    wake_ups = providers.Singleton(
        WakeUps, Foundation.database, clock=Foundation.clock, sandboxes=Selling.tenant_service
    )
    test_clocks = providers.Singleton(
        TestClocks,
        Foundation.database,
        sandboxes=Selling.tenant_service,
        unhandled=progress,
        agendas=providers.List(
            Money.invoice_service, Money.wallet_expiry, Money.payment_service, Money.revenue_recognition
        ),
    )
    invoicing_worker = providers.Singleton(
        InvoicingWorker,
        Foundation.database,
        clock=Foundation.clock,
        sandboxes=Selling.tenant_service,
        finalising=Money.invoice_service.provided.finalising,
        reminding=Money.invoice_service.provided.reminding,
        tax_provider=Money.tax_provider,
        expiry=Money.wallet_expiry,
    )
    job_hosts = providers.List(
        providers.Singleton(JobHost, Selling.simulation, RATING_JOBS),
        providers.Singleton(JobHost, Money.statements, INVOICE_JOBS),
        providers.Singleton(JobHost, replay, EVENT_JOBS),
    )
    job_worker = providers.Singleton(
        JobWorker, Foundation.database, job_hosts, clock=Foundation.clock, endings=EVENT_ENDINGS
    )
    usage_housekeeping = providers.Singleton(UsageHousekeeping, clock=Foundation.clock)
    live_rater = providers.Singleton(LiveRater, Foundation.database, Selling.rating_service, clock=Foundation.clock)
    delivery_worker = providers.Singleton(
        DeliveryWorker,
        db=Foundation.database,
        secret_box=Foundation.secret_box,
        config=providers.Singleton(make_delivery_config, Foundation.settings),
        clock=Foundation.clock,
        listen_url=Foundation.settings.provided.listen_url,
    )
    collection_duty = providers.Singleton(
        CollectionDuty,
        Foundation.database,
        Money.payment_service,
        clock=Foundation.clock,
        sandboxes=Selling.tenant_service,
    )
    notice_keeping = providers.Singleton(
        NoticeKeeping,
        Foundation.database,
        clock=Foundation.clock,
        days=Foundation.settings.provided.gateway_notice_retention_days,
    )
    payment_worker = providers.Singleton(
        PaymentWorker,
        db=Foundation.database,
        payments=Money.payment_service,
        clocks=Selling.tenant_service,
        secret_box=Foundation.secret_box,
        config=providers.Singleton(make_gateway_config, Foundation.settings),
        clock=Foundation.clock,
    )
