import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from corebilling.customer.schemas import CustomerCreate
from corebilling.events.envelope import Envelope
from corebilling.events.scheduler import BillingCycleClosed
from corebilling.kernel.errors import Conflict, Invalid, NotFound
from corebilling.kernel.ids import new_id
from corebilling.kernel.party import Attribution
from corebilling.platform.db import Database
from corebilling.subscription import store
from corebilling.subscription.domain import timeline
from corebilling.subscription.handlers import HANDLERS
from corebilling.subscription.schemas import CancelOrder, SubscriptionCreate, SubscriptionOut
from parties import Parties

START = datetime(2026, 1, 31, 23, tzinfo=UTC)  # midnight of 1 February in Paris
END = datetime(2026, 2, 28, 23, tzinfo=UTC)
AT_PERIOD_END = CancelOrder("period_end")


async def seller(parties: Parties) -> UUID:
    """A sandbox in Paris whose time stands at `START`, with one customer and one plan."""
    tenant_id = await parties.tenant(time_zone="Europe/Paris", sandbox=True, clock_at=START)
    await parties.customer(tenant_id, "acme")
    await parties.plan(tenant_id, "basic")
    return tenant_id


async def cancel(parties: Parties, tenant_id: UUID, ref: str) -> SubscriptionOut:
    async with parties.db.tenant(tenant_id) as tx:
        return await parties.subscriptions.cancel(tx, tenant_id, ref, AT_PERIOD_END)


def closed(tenant_id: UUID, subscription_id: UUID, *, is_last: bool) -> Envelope[BillingCycleClosed]:
    payload = BillingCycleClosed(new_id(), subscription_id, 0, START, END, 1, END, is_last)
    return Envelope(
        new_id(), "billing.cycle.closed", 1, tenant_id, subscription_id, 1, new_id(), None, None, START, payload
    )


async def handle(parties: Parties, events: Sequence[Envelope[BillingCycleClosed]]) -> None:
    async with parties.db.tenants({event.tenant_id for event in events}) as tx:
        await HANDLERS[BillingCycleClosed](parties.subscriptions, tx, events)


async def test_a_subscription_starts_in_the_tenants_time_on_the_customers_calendar(parties: Parties) -> None:
    tenant_id = await seller(parties)
    made = await parties.subscription(tenant_id, "acme", "basic", "s-1")
    assert (made.start_at, made.anchor_at, made.time_zone) == (START, START, "Europe/Paris")
    assert (made.status, made.cancel_at, made.currency, made.plan_code) == ("active", None, "EUR", "basic")
    (created,) = await parties.events(tenant_id, "subscription.created")
    assert (created.resource_id, created.resource_seq) == (made.id, 1)
    assert created.payload == {
        "subscription_id": str(made.id),
        "customer_id": str(made.customer_id),
        "plan_id": str(made.plan_id),
        "currency": "EUR",
        "anchor_at": "2026-01-31T23:00:00Z",
        "time_zone": "Europe/Paris",
        "interval": "month",
        "interval_count": 1,
        "status": "active",
        "scheduled": True,
        "starts_at": "2026-01-31T23:00:00Z",
        "price_ids": [],
    }
    (scheduled,) = await parties.events(tenant_id, "subscription.scheduled")
    assert scheduled.resource_seq == 1
    assert scheduled.payload == {
        "subscription_id": str(made.id),
        "calendars": [
            {
                "anchor_at": "2026-01-31T23:00:00Z",
                "time_zone": "Europe/Paris",
                "interval": "month",
                "interval_count": 1,
                "starts_at": "2026-01-31T23:00:00Z",
                "first_index": 0,
            }
        ],
        "ends_at": None,
        "wake_at": None,
        "group_key": None,
    }


async def test_customer_and_plan_go_by_id_or_by_name(parties: Parties, db: Database) -> None:
    tenant_id = await seller(parties)
    by_name = await parties.subscription(tenant_id, "acme", "basic")
    by_id = await parties.subscription(tenant_id, str(by_name.customer_id), str(by_name.plan_id))
    assert (by_id.customer_id, by_id.plan_id) == (by_name.customer_id, by_name.plan_id)
    async with db.tenant(tenant_id) as tx:
        found = await parties.subscriptions.find(tx, tenant_id, after=None, limit=10, customer="acme", plan="basic")
        assert [each.id for each in found] == [by_id.id, by_name.id]
        assert await parties.subscriptions.find(tx, tenant_id, after=None, limit=10, customer="nobody") == []
        assert await parties.subscriptions.find(tx, tenant_id, after=None, limit=10, status="canceled") == []


async def test_a_plan_in_another_currency_is_refused_with_both_named(parties: Parties) -> None:
    tenant_id = await seller(parties)
    await parties.plan(tenant_id, "us", "USD")
    with pytest.raises(Conflict, match=r"'us' is sold in USD, customer 'acme' pays in EUR") as caught:
        await parties.subscription(tenant_id, "acme", "us")
    assert caught.value.fields[0].pointer == "/plan"


async def test_a_batch_is_all_or_nothing_and_names_the_items_at_fault(parties: Parties, db: Database) -> None:
    tenant_id = await seller(parties)
    await parties.subscription(tenant_id, "acme", "basic", "taken")

    async def refused(*items: SubscriptionCreate) -> list[str]:
        with pytest.raises((Invalid, Conflict)) as caught:
            async with db.tenant(tenant_id) as tx:
                await parties.subscriptions.create_batch(tx, tenant_id, items)
        return [field.pointer for field in caught.value.fields]

    good = SubscriptionCreate(customer_id="acme", plan="basic")
    assert await refused(good, SubscriptionCreate(customer_id="x", plan="y")) == [
        "/items/1/customer_id",
        "/items/1/plan",
    ]
    named = SubscriptionCreate(customer_id="acme", plan="basic", external_id="taken")
    assert await refused(good, named) == ["/items/1/external_id"]
    twice = SubscriptionCreate(customer_id="acme", plan="basic", external_id="new")
    assert await refused(twice, good, twice) == ["/items/2/external_id"]
    early = SubscriptionCreate(customer_id="acme", plan="basic", start_at=START - timedelta(days=367))
    assert await refused(good, good, good, early) == ["/items/3/start_at"]
    async with db.tenant(tenant_id) as tx:
        assert len(await parties.subscriptions.find(tx, tenant_id, after=None, limit=10)) == 1
    assert len(await parties.events(tenant_id, "subscription.created")) == 1


async def test_a_thousand_subscriptions_come_back_in_their_order(parties: Parties, db: Database) -> None:
    tenant_id = await seller(parties)
    names = [f"c-{n * 7919 % 1000}" for n in range(1000)]
    async with db.tenant(tenant_id) as tx:
        await parties.customers.create_batch(tx, tenant_id, [CustomerCreate(external_id=n, name=n) for n in names])
    items = [SubscriptionCreate(customer_id=name, plan="basic", external_id=f"s-{name}") for name in names]
    async with db.tenant(tenant_id) as tx:
        made = await parties.subscriptions.create_batch(tx, tenant_id, items)
    assert [each.customer_external_id for each in made] == names
    async with db.tenant(tenant_id) as tx:
        first = await parties.subscriptions.find(tx, tenant_id, after=None, limit=700)
        rest = await parties.subscriptions.find(tx, tenant_id, after=first[-1].id, limit=700)
    assert [each.id for each in first + rest] == sorted((each.id for each in made), reverse=True)


async def test_another_tenants_subscriptions_customers_and_plans_are_not_there(parties: Parties, db: Database) -> None:
    mine, other = await seller(parties), await seller(parties)
    made = await parties.subscription(mine, "acme", "basic", "s-1")
    with pytest.raises(Invalid, match="no customer"):
        await parties.subscription(other, str(made.customer_id), str(made.plan_id))
    for work in (
        lambda tx: parties.subscriptions.get(tx, other, str(made.id)),
        lambda tx: parties.subscriptions.get(tx, mine, "s-1"),
        lambda tx: parties.subscriptions.cancel(tx, mine, "s-1", AT_PERIOD_END),
    ):
        with pytest.raises(NotFound):
            async with db.tenant(other) as tx:
                await work(tx)
    async with db.tenant(other) as tx:
        assert await parties.subscriptions.attributions(tx, mine, [str(made.id), "s-1"], ["acme"]) == []
        assert await parties.subscriptions.contracts(tx, [(mine, made.id)]) == {}
    async with db.tenants([other]) as tx:
        assert await parties.subscriptions.contracts(tx, [(mine, made.id)]) == {}
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with db.tenant(other) as tx:
            await tx.conn.execute("UPDATE subscriptions SET tenant_id = %s", (mine,))


async def test_the_database_refuses_a_subscription_for_another_tenant(parties: Parties, db: Database) -> None:
    mine, other = await seller(parties), await seller(parties)
    made = await parties.subscription(mine, "acme", "basic")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with db.tenant(other) as tx:
            await tx.conn.execute(
                "INSERT INTO subscriptions (tenant_id, subscription_id, customer_id, customer_external_id, plan_id,"
                " plan_code, currency, time_zone, interval, interval_count, starts_at, anchor_at, status, seq,"
                " created_at, updated_at) VALUES (%s, %s, %s, 'acme', %s, 'basic', 'EUR', 'UTC', 'month', 1,"
                " now(), now(), 'active', 1, now(), now())",
                (mine, new_id(), made.customer_id, made.plan_id),
            )


async def test_a_cancellation_ends_with_the_running_period_and_is_ordered_once(parties: Parties, db: Database) -> None:
    tenant_id = await seller(parties)
    made = await parties.subscription(tenant_id, "acme", "basic", "s-1")
    ordered = await asyncio.gather(*(cancel(parties, tenant_id, ref) for ref in ("s-1", str(made.id), "s-1")))
    assert {each.cancel_at for each in ordered} == {datetime(2026, 2, 28, 23, tzinfo=UTC)}
    assert {each.status for each in ordered} == {"active"}
    (event,) = await parties.events(tenant_id, "subscription.canceled")
    assert (event.resource_seq, event.payload["ends_at"]) == (2, "2026-02-28T23:00:00Z")
    async with db.tenants([tenant_id]) as tx:
        contract = (await parties.subscriptions.contracts(tx, [(tenant_id, made.id)]))[tenant_id, made.id]
    assert (contract.starts_at, contract.ends_at) == (START, ordered[0].cancel_at)


async def test_a_plain_contract_is_what_the_timeline_says(parties: Parties, db: Database) -> None:
    mine, other = await seller(parties), await seller(parties)
    for tenant_id in (mine, other):
        for name, wanted in (
            ("s-1", {}),
            ("s-2", {"alignment": "calendar", "proration": "day", "consolidate": True}),
            ("s-3", {"trial_days": 10, "payment_method": "card"}),
            ("s-4", {"start_at": START - timedelta(days=40), "anchor_at": START - timedelta(days=50)}),
        ):
            made = await parties.subscription(tenant_id, "acme", "basic", name, **wanted)
            for order in (None, CancelOrder("2026-03-05T00:00:00Z", prorate=False), CancelOrder("now")):
                async with db.tenant(tenant_id) as tx:
                    if order is not None:
                        await parties.subscriptions.cancel(tx, tenant_id, name, order)
                    contracts = await parties.subscriptions.contracts(tx, [(tenant_id, made.id)])
                    (agreement,) = (await store.load(tx, [(tenant_id, made.id)])).values()
                assert agreement.is_plain
                assert contracts[tenant_id, made.id] == timeline.contract(agreement)


async def test_after_its_last_period_it_is_canceled_and_stays_so(parties: Parties, db: Database) -> None:
    mine, other = await seller(parties), await seller(parties)
    ending = [await parties.subscription(tenant, "acme", "basic", "ending") for tenant in (mine, other)]
    going_on = await parties.subscription(mine, "acme", "basic", "going-on")
    for tenant in (mine, other):
        await cancel(parties, tenant, "ending")
    events = [
        closed(mine, ending[0].id, is_last=True),
        closed(other, ending[1].id, is_last=True),
        closed(mine, going_on.id, is_last=False),
        closed(mine, going_on.id, is_last=True),  # no end was ordered here: not believed
    ]
    await handle(parties, events)
    await handle(parties, events)
    for tenant, cause in ((mine, events[0]), (other, events[1])):
        (changed,) = await parties.events(tenant, "subscription.status.changed")
        assert (changed.resource_seq, changed.causation_id) == (3, cause.id)
        assert (changed.payload["before"], changed.payload["after"]) == ("active", "canceled")
    async with db.tenant(mine) as tx:
        assert (await parties.subscriptions.get(tx, mine, "ending")).status == "canceled"
        assert (await parties.subscriptions.get(tx, mine, "going-on")).status == "active"
    with pytest.raises(Conflict, match="canceled already"):
        await cancel(parties, mine, "ending")


async def test_a_forged_tenant_in_a_closing_event_changes_nothing(parties: Parties, db: Database) -> None:
    mine, other = await seller(parties), await seller(parties)
    made = await parties.subscription(mine, "acme", "basic", "s-1")
    await cancel(parties, mine, "s-1")
    await handle(parties, [closed(other, made.id, is_last=True)])
    async with db.tenant(mine) as tx:
        assert (await parties.subscriptions.get(tx, mine, "s-1")).status == "active"


async def test_usage_is_attributed_by_any_name_also_after_the_end(parties: Parties, db: Database) -> None:
    tenant_id = await seller(parties)
    await parties.customer(tenant_id, "other")
    first = await parties.subscription(tenant_id, "acme", "basic", "s-1")
    second = await parties.subscription(tenant_id, "acme", "basic")
    third = await parties.subscription(tenant_id, "other", "basic", "s-3")
    ended = await cancel(parties, tenant_id, "s-1")
    await handle(parties, [closed(tenant_id, first.id, is_last=True)])

    async def named(subscriptions: Sequence[str], customers: Sequence[str]) -> dict[UUID, Attribution]:
        async with db.tenant(tenant_id) as tx:
            found = await parties.subscriptions.attributions(tx, tenant_id, subscriptions, customers)
        assert len({each.subscription_id for each in found}) == len(found)
        return {each.subscription_id: each for each in found}

    assert set(await named(["s-1", str(first.id), "unheard", str(new_id())], [])) == {first.id}
    assert set(await named([], ["acme"])) == {first.id, second.id}
    assert set(await named([], [str(first.customer_id), "acme"])) == {first.id, second.id}
    assert set(await named(["s-3", str(second.id)], ["acme"])) == {first.id, second.id, third.id}
    assert await named([], []) == {}
    assert (await named(["s-1"], []))[first.id] == Attribution(
        first.id, "s-1", first.customer_id, "acme", START, ended.cancel_at
    )
