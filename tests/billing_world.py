"""The real services from tenant to scheduler on a real database, with the bus replaced by a direct call of the handlers.

`deliver` hands every event written so far to the handlers that want it, one transaction for each subject and consumer,
as the router does; so a test decides when, and in which order, events arrive.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from corebilling.customer.schemas import CustomerCreate
from corebilling.customer.service import CustomerService
from corebilling.events.catalog import BY_SUBJECT
from corebilling.events.envelope import Envelope
from corebilling.kernel.ids import new_id
from corebilling.platform.db import Database, Tx
from corebilling.platform.jobs.kinds import JobHost
from corebilling.platform.jobs.service import JobService
from corebilling.platform.jobs.worker import JobWorker
from corebilling.pricing.new_tenants import DefaultRateCards
from corebilling.pricing.schemas import PlanCreate
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
from corebilling.subscription.directory import SubscriptionDirectory
from corebilling.subscription.handlers import HANDLERS as SUBSCRIPTION_HANDLERS
from corebilling.subscription.schemas import SubscriptionCreate
from corebilling.subscription.service import SubscriptionService
from corebilling.tenant.schemas import TenantCreate
from corebilling.tenant.service import TenantService
from corebilling.usage.domain.correction import Author
from corebilling.usage.domain.event import UsageEvent
from corebilling.usage.meters import Meters
from corebilling.usage.schemas import MeterCreate
from corebilling.usage.schemas.corrections import EventVoid
from corebilling.usage.service import UsageService

GRACE = timedelta(hours=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
FEBRUARY = START + 31 * DAY
MARCH = FEBRUARY + 28 * DAY

PLAN = {
    "code": "pro",
    "name": "Pro",
    "currency": "EUR",
    "prices": [
        {"kind": "recurring", "name": "Base fee", "price": {"model": "flat", "amount": "49.90"}},
        {
            "kind": "usage",
            "name": "Data",
            "meter": "data",
            "unit": "GB",
            "price": {
                "model": "graduated",
                "tiers": [{"up_to": "100", "unit_amount": "1.00"}, {"up_to": None, "unit_amount": "0.50"}],
            },
        },
        {"kind": "usage", "name": "Calls", "meter": "calls", "price": {"model": "per_unit", "unit_amount": "0.001"}},
    ],
}


class World:
    """Services, a wall clock that the test sets, and the events that were written and not yet delivered."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.wall = datetime(2026, 6, 1, tzinfo=UTC)
        self._taken: set[UUID] = set()
        clock = self.now
        checks, meters = PriceChecks(), Meters(clock=clock)
        self.tenants = TenantService(clock=clock, setups=[DefaultRateCards(clock=clock)])
        self.customers = CustomerService(clock=clock, tenants=self.tenants)
        self.pricing = PricingService(clock=clock, checks=checks, meters=meters, customers=self.customers)
        self.subscriptions = SubscriptionService(
            clock=clock,
            plans=self.pricing,
            coupons=self.pricing,
            checks=checks,
            previews=ChangePreviews(plans=self.pricing),
            customers=self.customers,
            tenants=self.tenants,
            clocks=self.tenants,
        )
        self.usage = UsageService(clock=clock, clocks=self.tenants, subscriptions=self.subscriptions)
        self.rating = RatingService(
            clock=clock,
            contracts=self.subscriptions,
            plans=self.pricing,
            usage=self.usage,
            clocks=self.tenants,
            costs=self.pricing,
            tenants=self.tenants,
            subscriptions=self.subscriptions,
            debounce_seconds=5,
        )
        self.jobs = JobService(clock=clock)
        self.quotes = Quotes(clocks=self.tenants, rate_cards=self.pricing, customers=self.customers)
        self.margins = Margins(plans=self.pricing, customers=self.customers, tenants=self.tenants)
        self.simulation = Simulation(
            jobs=self.jobs,
            changes=PriceChanges(checks=checks, plans=self.pricing, meters=meters, tenants=self.tenants),
            clocks=self.tenants,
            contracts=self.subscriptions,
            plans=self.pricing,
            usage=self.usage,
            subscribers=SubscriptionDirectory(),
            customers=self.customers,
        )
        self.job_worker = JobWorker(db, [JobHost(self.simulation, RATING_JOBS)], clock=clock)
        self.late = LateUsage(db, clock=clock, usage=self.usage, sandboxes=self.tenants)
        self.scheduler = SchedulerService(
            subscriptions=self.subscriptions,
            clocks=self.tenants,
            late=self.late,
            grace_seconds=GRACE.total_seconds(),
        )
        self.closing = Closing(
            db, clock=clock, usage=self.usage, sandboxes=self.tenants, late=self.late, grace=GRACE, batch_size=100
        )
        self.wake_ups = WakeUps(db, clock=clock, sandboxes=self.tenants)
        self.clocks = TestClocks(db, sandboxes=self.tenants, unhandled=self)
        self.live_rater = LiveRater(db, self.rating, clock=clock)

    def now(self) -> datetime:
        """The wall clock."""
        return self.wall

    async def tenant(self, *, clock_at: datetime | None = None, **more: Any) -> UUID:
        """A tenant with two meters and the plan `pro`; a sandbox if it has a clock."""
        tenant_id = new_id()
        wanted = TenantCreate(name="Acme", currency="EUR", sandbox=clock_at is not None, clock_at=clock_at, **more)
        async with self.db.tenants([tenant_id]) as tx:
            await self.tenants.create(tx, wanted, tenant_id=tenant_id)
        async with self.db.tenant(tenant_id) as tx:
            await self.usage.create_meter(tx, tenant_id, MeterCreate("data", "sum", value_property="gb"))
            await self.usage.create_meter(tx, tenant_id, MeterCreate("calls", "count"))
            await self.plan(tx, tenant_id, PLAN)
        return tenant_id

    async def plan(self, tx: Tx, tenant_id: UUID, body: dict[str, Any]) -> None:
        """Publish a plan."""
        await self.pricing.create_plan(tx, tenant_id, msgspec.json.decode(msgspec.json.encode(body), type=PlanCreate))

    async def subscribe(
        self, tenant_id: UUID, names: Sequence[str], *, start_at: datetime = START, plan: str = "pro"
    ) -> list[UUID]:
        """A customer and a subscription of each name, both with it as external id."""
        async with self.db.tenant(tenant_id) as tx:
            await self.customers.create_batch(tx, tenant_id, [CustomerCreate(external_id=n, name=n) for n in names])
            made = await self.subscriptions.create_batch(
                tx,
                tenant_id,
                [SubscriptionCreate(customer_id=n, plan=plan, external_id=n, start_at=start_at) for n in names],
            )
        return [subscription.id for subscription in made]

    async def use(
        self, tenant_id: UUID, name: str, at: datetime, *, gb: str | None = None, calls: int = 0
    ) -> list[str]:
        """Report usage of a subscription; it must be accepted. Answers the events' ids."""
        body = [_event("calls", name, at) for _ in range(calls)]
        if gb is not None:
            body.append(_event("data", name, at) | {"properties": {"gb": gb}})
        events = msgspec.json.decode(msgspec.json.encode(body), type=list[UsageEvent])
        async with self.db.tenant(tenant_id) as tx:
            results = await self.usage.ingest(tx, tenant_id, events)
        assert {result.status for result in results} == {"accepted"}, results
        return [event["id"] for event in body]

    async def void(self, tenant_id: UUID, event_id: str) -> None:
        """Take an event back."""
        by = Author(actor="tests", action="POST /v1/usage/events/void", request_id="r")
        async with self.db.tenant(tenant_id) as tx:
            await self.usage.void_event(tx, tenant_id, EventVoid(id=event_id, reason="a mistake"), by)

    async def set_clock(self, tenant_id: UUID, at: datetime) -> None:
        """Put a sandbox's clock forward, without stopping anywhere."""
        async with self.db.system() as tx:
            await self.tenants.move_clock(tx, tenant_id, at, done=True)

    async def close_all(self) -> int:
        """Close whatever is due, cycle after cycle."""
        total = 0
        while closed := await self.closing.close_once():
            total += closed
        return total

    async def events(self, payload: type[Any] | None = None, tenant_id: UUID | None = None) -> list[Envelope[Any]]:
        """All events ever written, oldest first."""
        async with self.db.system() as tx:
            rows = await (await tx.conn.execute("SELECT * FROM billing_events ORDER BY event_id")).fetchall()
            columns = [
                "event_id", "tenant_id", "shard", "subject", "version", "resource_id", "resource_seq", "correlation_id",
                "causation_id", "traceparent", "occurred_at", "payload",
            ]  # fmt: skip
        found = []
        for row in (dict(zip(columns, values, strict=False)) for values in rows):
            kind = BY_SUBJECT[row["subject"]].payload
            if payload in (None, kind) and tenant_id in (None, row["tenant_id"]):
                found.append(
                    Envelope(
                        row["event_id"], row["subject"], row["version"], row["tenant_id"], row["resource_id"],
                        row["resource_seq"], row["correlation_id"], row["causation_id"], row["traceparent"],
                        row["occurred_at"], msgspec.json.decode(row["payload"], type=kind),
                    )
                )  # fmt: skip
        return found

    async def deliver(self, *, order: Callable[[list[Envelope[Any]]], list[Envelope[Any]]] = list) -> None:
        """Hand over what was written, and what that causes, until nothing is left."""
        while waiting := [event for event in await self.events() if event.id not in self._taken]:
            groups: dict[type[Any], list[Envelope[Any]]] = defaultdict(list)
            for event in order(waiting):
                groups[type(event.payload)].append(event)
                self._taken.add(event.id)
            for kind, events in groups.items():
                await self.handle(kind, events)

    async def handle(self, kind: type[Any], events: list[Envelope[Any]]) -> None:
        """Call every handler of a kind of event."""
        tables = (
            (self.rating, RATING_HANDLERS),
            (self.scheduler, SCHEDULER_HANDLERS),
            (self.subscriptions, SUBSCRIPTION_HANDLERS),
        )
        for service, table in tables:
            if kind in table:
                async with self.db.tenants({event.tenant_id for event in events}) as tx:
                    await table[kind](service, tx, events)  # type: ignore[arg-type]

    async def exists(self, tx: Tx, tenant_id: UUID, since: datetime) -> bool:
        """Whether events wait for `deliver`: what the scheduler asks the bus while it advances a clock."""
        return any(event.id not in self._taken for event in await self.events(tenant_id=tenant_id))


def _event(meter: str, name: str, at: datetime) -> dict[str, Any]:
    return {"id": new_id().hex, "meter": meter, "subscription_id": name, "timestamp": at.isoformat()}
