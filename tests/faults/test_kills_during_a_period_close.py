"""Router, worker and API are killed again and again while periods are closed; every invoice comes out once and right."""

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from typing import Any, Self

import pytest
from books_of_record import Records
from killer import ROLES, Killer
from patience import PatientClient
from trade import AFTER_GRACE, month_start

from corebilling.cli.bootstrap import ledger_proof
from corebilling.cli.client import Client, until
from corebilling.cli.demo import traffic, world
from corebilling.cli.demo.billing import advance
from corebilling.cli.demo.expected import invoice_cents
from corebilling.cli.local import LocalInstallation
from corebilling.cli.receiver import Receiver, receiving

LATE_CUSTOMERS = 60
PAID_CUSTOMERS = 60
PATIENCE_SECONDS = 120.0


class Tenant:
    """One sandbox: its customers, their true usage, what late reports and payments it sent, and its receiver."""

    def __init__(self, name: str, client: PatientClient, setup: Client, receiver: Receiver, tenant_id: str) -> None:
        self.name = name
        self.id = tenant_id
        self.client = client
        self.setup = setup
        self.receiver = receiver
        self.customers: list[world.Customer] = []
        self.truth: dict[str, traffic.Usage] = {}
        self.late: set[str] = set()
        self.paid: set[str] = set()

    @classmethod
    async def created(
        cls, name: str, here: LocalInstallation, admin_key: str, stack: AsyncExitStack, size: tuple[int, int], seed: int
    ) -> Self:
        """A tenant at the end of January, with all the usage of the month."""
        async with Client(here.api.url, admin_key) as admin:
            tenant_id, key = await world.create_tenant(admin, name, world.MONTH_START)
        setup = await stack.enter_async_context(Client(here.api.url, key))
        client = await stack.enter_async_context(PatientClient(here.api.url, key))
        tenant = cls(name, client, setup, await stack.enter_async_context(receiving()), tenant_id)
        endpoint = await setup.post("/v1/webhook-endpoints", {"url": tenant.receiver.url, "subjects": ["invoice.*"]})
        tenant.receiver.secret = endpoint["secret"]
        await world.create_catalog(setup)
        tenant.customers = world.customers(size[0])
        await world.create_customers(setup, tenant.customers, lambda _: None)
        await advance(setup, world.MONTH_LAST_HOUR)
        events, tenant.truth = traffic.month(tenant.customers, size[1], seed)
        sent = await traffic.send(setup, traffic.batches(events), lambda _: None)
        assert sent.accepted == size[1]
        return tenant

    async def report_late(self, stopping: asyncio.Event) -> None:
        """Usage of January, reported while January is being closed: it belongs to that invoice or to the next one."""
        rng, number = random.Random(self.name), 0
        while not stopping.is_set():
            batch = []
            for customer in rng.sample(self.customers[:LATE_CUSTOMERS], 5):
                calls = rng.randint(1, 90)
                self.truth[customer.external_id].api_calls += calls
                self.late.add(customer.external_id)
                at = world.MONTH_LAST_HOUR - timedelta(minutes=rng.randrange(4_000))
                batch.append(
                    {
                        "id": f"late-{number}", "meter": "api_calls", "customer_id": customer.external_id,
                        "timestamp": at.isoformat(), "value": str(calls),
                    }
                )  # fmt: skip
                number += 1
            answer, unanswered = await self.client.post("/v1/usage", batch)
            assert answer["rejected"] == 0, answer
            assert answer["duplicates"] == 0 or unanswered, "what was never sent was called a duplicate"
            await asyncio.sleep(0.02)

    async def pay(self, invoices: list[dict[str, Any]], stopping: asyncio.Event) -> None:
        """One euro on invoices of January, each payment under one idempotency key however often it is sent."""
        for invoice in invoices[:PAID_CUSTOMERS]:
            if stopping.is_set():
                return
            body = {"invoice_id": invoice["id"], "amount_minor": 100, "method": "card", "reference": invoice["number"]}
            await self.client.post("/v1/payments", body, key=f"pay-{invoice['id']}")
            self.paid.add(invoice["id"])
            await asyncio.sleep(0.02)

    def expected(self, customer: world.Customer, months: int) -> int:
        """All of a customer's invoices together: January's usage and each month's fee, in cents."""
        fee = invoice_cents(customer.plan, traffic.Usage())
        return invoice_cents(customer.plan, self.truth[customer.external_id]) + (months - 1) * fee


async def close_month(tenants: list[Tenant], number: int, killer: Killer, records: Records, wanted: int) -> None:
    """Close the month of this number under fire, and return when everything it led to is done."""
    january = [[i async for i in tenant.setup.pages("/v1/invoices")] if number == 1 else [] for tenant in tenants]
    stopping = asyncio.Event()
    for tenant in tenants:
        to = month_start(number + 1) + AFTER_GRACE
        await tenant.client.post("/v1/test-clock/advance", {"to": to.isoformat()}, key=f"advance-{number}")
    async with asyncio.TaskGroup() as busy:
        for tenant, invoices in zip(tenants, january, strict=True):
            busy.create_task(tenant.report_late(stopping) if number == 0 else tenant.pay(invoices, stopping))
        await killer.kill_while_billing(wanted)
        stopping.set()
    await killer.restore()
    for tenant in tenants:
        await until(lambda t=tenant: _is_ready(t), seconds=PATIENCE_SECONDS, what=f"the clock of {tenant.name}")
    await until(lambda: _is_done(records), seconds=PATIENCE_SECONDS, what="events and webhooks")


async def _is_ready(tenant: Tenant) -> bool:
    return bool((await tenant.client.get("/v1/test-clock"))["status"] == "ready")


async def _is_done(records: Records) -> bool:
    return not await records.unfinished()


async def check_invoices(tenants: list[Tenant], months: int, records: Records) -> None:
    by_customer: dict[tuple[str, str], dict[datetime, int]] = defaultdict(dict)
    rows = await records.invoices()
    for tenant_id, customer, period_start, total, journals in rows:
        periods = by_customer[str(tenant_id), customer]
        assert period_start not in periods, f"{customer} got two invoices for {period_start:%B}"
        assert journals == 1, f"an invoice of {customer} has {journals} journals"
        periods[period_start] = total
    assert len(rows) == months * sum(len(tenant.customers) for tenant in tenants)
    assert await records.one("SELECT count(*) FROM journals WHERE document_type = 'invoice'") == len(rows)
    for tenant in tenants:
        for customer in tenant.customers:
            periods = by_customer[tenant.id, customer.external_id]
            assert sorted(periods) == [month_start(number) for number in range(months)]
            assert sum(periods.values()) == tenant.expected(customer, months), customer
            if customer.external_id not in tenant.late:
                assert periods[month_start(0)] == tenant.expected(customer, 1), customer


async def check_webhooks(tenant: Tenant, records: Records) -> None:
    told = await records.rows(
        "SELECT event_id::text FROM billing_events WHERE tenant_id = %s AND subject LIKE 'invoice.%%'", tenant.id
    )
    assert {row[0] for row in told} == tenant.receiver._seen
    assert tenant.receiver.refused == 0


async def check_books(tenant: Tenant, records: Records) -> None:
    balance = await tenant.setup.get("/v1/ledger/trial-balance")
    assert balance["currencies"]
    assert all(c["debit_minor"] == c["credit_minor"] for c in balance["currencies"])
    payments = await records.rows("SELECT invoice_id::text FROM payments WHERE tenant_id = %s", tenant.id)
    assert sorted(row[0] for row in payments) == sorted(tenant.paid)


async def run(
    here: LocalInstallation,
    admin_key: str,
    tell: Callable[[str], None],
    *,
    size: tuple[int, int],
    kills: int,
    seed: int,
) -> None:
    started = time.monotonic()
    records = Records(here.stack.database_url)
    killer = Killer(here, records, seed, farthest=size[0] // 2)
    async with AsyncExitStack() as stack:
        tenants = [
            await Tenant.created(name, here, admin_key, stack, size, seed + number)
            for number, name in enumerate(("Left", "Right"))
        ]
        set_up, months = time.monotonic(), 0
        while months < 2 or killer.landed.total() < kills:
            await close_month(tenants, months, killer, records, kills if months else kills // 2)
            months += 1
        finished = time.monotonic()
        await check_invoices(tenants, months, records)
        for tenant in tenants:
            await check_webhooks(tenant, records)
            await check_books(tenant, records)
        assert not any((await records.misfortunes()).values()), await records.misfortunes()
        proof = await asyncio.to_thread(ledger_proof, here.app_url)
        assert (proof.mismatch_count, len(proof.imbalances)) == (0, 0)
        seen = sum((tenant.client.seen for tenant in tenants), Counter())
        landed = ", ".join(f"{role} {killer.landed[role]}" for role in ROLES)
        tell(
            f"{killer.landed.total()} SIGKILLs survived during {months} period closes ({landed}): "
            f"{2 * size[0] * months} invoices, {sum(len(t.receiver._seen) for t in tenants)} webhooks "
            f"({sum(t.receiver.repeated for t in tenants)} repeated), answers {dict(seen)}; "
            f"set-up {set_up - started:.0f} s, closes {finished - set_up:.0f} s, checks {time.monotonic() - finished:.0f} s"
        )
    assert killer.landed.total() >= kills
    assert min(killer.landed[role] for role in ROLES) >= kills // 4


@pytest.mark.slow
async def test_every_invoice_comes_out_once_and_right_however_often_the_roles_are_killed(
    here: LocalInstallation, admin_key: str, tell: Callable[[str], None]
) -> None:
    await run(here, admin_key, tell, size=(600, 4_000), kills=20, seed=11)


@pytest.mark.slow
async def test_a_larger_close_survives_sixty_kills(
    here: LocalInstallation, admin_key: str, tell: Callable[[str], None]
) -> None:
    await run(here, admin_key, tell, size=(3_000, 20_000), kills=60, seed=29)
