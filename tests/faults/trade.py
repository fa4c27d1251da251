"""Tenants at work: they report usage, sell, change plans, publish, take payments and close months until told to stop."""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Self
from uuid import uuid4

from listener import Listener, listening
from patience import PatientClient

from corebilling.cli.client import Client, until
from corebilling.cli.demo import traffic, world
from corebilling.cli.demo.billing import advance
from corebilling.cli.demo.expected import invoice_cents

AFTER_GRACE = timedelta(hours=3)
PATIENCE_SECONDS = 180.0
FREE_PLANS = ("free-a", "free-b", "free-c")
_MOVERS, _MOVES = 4, 5
"""So many subscriptions change at a time, each so often, and never again: what its last event told stays to be seen."""
_OPEN_HOURS = 3
"""Usage is reported for the first hours of the month that the clock stands in, while that month is open and while it closes."""
_BATCH = 40


def month_start(number: int) -> datetime:
    """The first instant of the month of this number, from 0 for January."""
    return datetime(2026 + number // 12, number % 12 + 1, 1, tzinfo=UTC)


class Tenant:
    """One sandbox under load, and what it knows to be true."""

    def __init__(self, name: str, tenant_id: str, client: PatientClient, setup: Client, listener: Listener) -> None:
        self.name = name
        self.id = tenant_id
        self.client = client
        self.setup = setup
        self.listener = listener
        self.customers: list[world.Customer] = []
        self.month = 0
        self.done: Counter[str] = Counter()
        """How many requests of each kind were answered."""
        self.unanswered = 0
        """Events that were stored although their answer got lost."""
        self.usage: dict[str, tuple[str, Decimal]] = {}
        self.used: dict[tuple[str, int], Decimal] = defaultdict(Decimal)
        self.plans: dict[str, str] = {}
        self._moving: dict[str, int] = {}
        self.paid: set[str] = set()
        self.published: dict[str, int] = {}
        self._rng = random.Random(name)

    @classmethod
    async def created(cls, name: str, api_url: str, admin_key: str, stack: AsyncExitStack, customers: int) -> Self:
        """A tenant with customers and an endpoint that hears of everything, three hours into January."""
        async with Client(api_url, admin_key) as admin:
            tenant_id, key = await world.create_tenant(admin, name, world.MONTH_START)
        setup = await stack.enter_async_context(Client(api_url, key))
        client = await stack.enter_async_context(PatientClient(api_url, key))
        listener = await stack.enter_async_context(listening(random.Random(name)))
        tenant = cls(name, tenant_id, client, setup, listener)
        await world.create_catalog(setup)
        for code in FREE_PLANS:
            prices = [world.recurring("Nothing", "0.00")]
            plan = {"code": code, "name": code, "currency": "EUR", "interval": "month", "prices": prices}
            await setup.post("/v1/admin/pricing/plans", plan)
        endpoint = await setup.post("/v1/webhook-endpoints", {"url": listener.url})
        listener.secret = endpoint["secret"]
        tenant.customers = world.customers(customers)
        await world.create_customers(setup, tenant.customers, lambda _: None)
        await advance(setup, month_start(0) + AFTER_GRACE)
        return tenant

    async def trade(self, stopping: asyncio.Event) -> None:
        """Do everything at once until told to stop."""
        loops: list[tuple[Callable[[], Awaitable[None]], float]] = [
            (lambda: self._report(_BATCH), 0.05), (lambda: self._report(1), 0.02), (lambda: self._report(1), 0.02),
            (self._move, 0.02), (self._publish, 0.05), (self._pay, 0.05), (self.close_month, 0.5),
        ]  # fmt: skip
        async with asyncio.TaskGroup() as busy:
            for work, pause_seconds in loops:
                busy.create_task(_again_and_again(work, pause_seconds, stopping))

    async def close_month(self) -> None:
        """Let the test clock pass the end of its month, and wait until that is billed."""
        goal = month_start(self.month + 1) + AFTER_GRACE
        await self.client.post(
            "/v1/test-clock/advance", {"to": goal.isoformat()}, key=f"{self.name}-to-{self.month + 1}"
        )

        async def ready() -> bool:
            return bool((await self.client.get("/v1/test-clock"))["status"] == "ready")

        await until(ready, seconds=PATIENCE_SECONDS, what=f"the clock of {self.name} to reach {goal:%B}")
        self.month += 1
        self.done["months"] += 1

    def expected_cents(self, customer: world.Customer) -> int:
        """All invoices of a customer up to now together: usage belongs to its month, however late it was billed."""
        months = (self.used[customer.external_id, month] for month in range(self.month))
        return sum(invoice_cents(customer.plan, traffic.Usage(api_calls=calls)) for calls in months)

    async def _report(self, count: int) -> None:
        month, events = self.month, []
        for customer in self._rng.choices(self.customers, k=count):
            at = month_start(month) + timedelta(seconds=self._rng.randrange(_OPEN_HOURS * 3600))
            events.append(
                {
                    "id": str(uuid4()), "meter": "api_calls", "timestamp": at.isoformat(),
                    "customer_id": customer.external_id, "value": str(self._rng.randint(1, 90)),
                }
            )  # fmt: skip
        answer, unanswered = await self.client.post("/v1/usage", events if count > 1 else events[0])
        assert answer["rejected"] == 0, answer
        assert answer["accepted"] + answer["duplicates"] == count, answer
        assert answer["duplicates"] == 0 or unanswered, "what was never sent was called a duplicate"
        for event in events:
            self.usage[event["id"]] = (event["customer_id"], Decimal(event["value"]))
            self.used[event["customer_id"], month] += Decimal(event["value"])
        self.unanswered += answer["duplicates"]
        self.done["usage"] += count

    async def _move(self) -> None:
        """One more plan change of some subscription; each of them waits for its answer, so the last one is known."""
        if len(self._moving) < _MOVERS:
            await self._sell()
        mover = self._rng.choice(list(self._moving))
        plan = self._rng.choice([each for each in FREE_PLANS if each != self.plans[mover]])
        await self.client.post(f"/v1/subscriptions/{mover}/change", {"plan": plan}, key=str(uuid4()))
        self.plans[mover] = plan
        self._moving[mover] += 1
        if self._moving[mover] == _MOVES:
            del self._moving[mover]
        self.done["changes"] += 1

    async def _sell(self) -> None:
        mover = f"mover-{len(self.plans)}"
        await self.client.post("/v1/customers", {"external_id": mover, "name": mover}, key=f"customer-{mover}")
        order = {"customer_id": mover, "plan": FREE_PLANS[0], "external_id": mover}
        await self.client.post("/v1/subscriptions", order, key=f"subscription-{mover}")
        self.plans[mover] = FREE_PLANS[0]
        self._moving[mover] = 0
        self.done["sales"] += 1

    async def _publish(self) -> None:
        number = len(self.published)
        data = {"number": number, "marker": f"{self.name}-{number}"}
        body = {"subject": "parcel.scanned", "key": f"parcel-{number % 5}", "data": data}
        await self.client.post("/v1/events", body, key=data["marker"])
        self.published[data["marker"]] = number
        self.done["published"] += 1

    async def _pay(self) -> None:
        """A euro on an invoice that a webhook has told of, under one idempotency key however often it is sent."""
        for invoice_id, data in list(self.listener.generated.items()):
            if invoice_id not in self.paid and data["total_minor"] >= 200:
                body = {"invoice_id": invoice_id, "amount_minor": 100, "method": "card", "reference": invoice_id}
                await self.client.post("/v1/payments", body, key=f"pay-{invoice_id}")
                self.paid.add(invoice_id)
                self.done["payments"] += 1
                return


async def _again_and_again(work: Callable[[], Awaitable[None]], pause_seconds: float, stopping: asyncio.Event) -> None:
    while not stopping.is_set():
        await work()
        await asyncio.sleep(pause_seconds)


def answered(tenants: list[Tenant]) -> int:
    """How many requests the API has answered, and webhooks arrived: what moves while there is load."""
    return sum(tenant.done.total() + len(tenant.listener.heard) for tenant in tenants)


def seen(tenants: list[Tenant]) -> Counter[Any]:
    """Statuses and broken connections, of all tenants."""
    return sum((tenant.client.seen for tenant in tenants), Counter[Any]())
