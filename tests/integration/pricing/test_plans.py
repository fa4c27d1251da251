import asyncio
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pytest

from corebilling.kernel.errors import Conflict, Invalid, NotFound
from corebilling.kernel.plan import Commitment
from corebilling.platform.db import Database
from corebilling.pricing.schemas import PlanCreate, PlanOut, PlanVersionCreate
from corebilling.usage.schemas import MeterCreate
from parties import Parties

EXACT = b'{ "model": "per_unit", "unit_amount": 0.012345678901 }'
FEE = {"kind": "recurring", "name": "Base fee", "price": {"model": "flat", "amount": "49.00"}}
SETUP = {"kind": "one_off", "name": "Set-up", "price": {"model": "flat", "amount": "9.00"}}


def plan_body(definition: bytes = EXACT, code: str = "pro", meter: str = "calls") -> bytes:
    return (
        b'{"code":"%s","name":"Pro","currency":"EUR","prices":['
        b'{"kind":"recurring","name":"Base","price":{"model":"flat","amount":"49.00"}},'
        b'{"kind":"usage","name":"Calls","meter":"%s","unit":"call","price":%s}]}'
        % (code.encode(), meter.encode(), definition)
    )


async def publish(parties: Parties, tenant_id: UUID, body: bytes | dict[str, Any]) -> PlanOut:
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    async with parties.db.tenant(tenant_id) as tx:
        return await parties.pricing.create_plan(tx, tenant_id, msgspec.json.decode(raw, type=PlanCreate))


async def next_version(parties: Parties, tenant_id: UUID, ref: str, **wanted: Any) -> PlanOut:
    raw = msgspec.json.encode({"name": "Pro", "currency": "EUR", "prices": [FEE], **wanted})
    async with parties.db.tenant(tenant_id) as tx:
        data = msgspec.json.decode(raw, type=PlanVersionCreate)
        return await parties.pricing.publish_version(tx, tenant_id, ref, data)


async def deprecate(parties: Parties, tenant_id: UUID, ref: str) -> PlanOut:
    async with parties.db.tenant(tenant_id) as tx:
        return await parties.pricing.deprecate_plan(tx, tenant_id, ref)


async def meanings(parties: Parties, tenant_id: UUID, *refs: str) -> dict[str, int]:
    """The version that each reference sells."""
    async with parties.db.tenant(tenant_id) as tx:
        return {ref: plan.version for ref, plan in (await parties.pricing.plans_by_ref(tx, tenant_id, refs)).items()}


async def seller(parties: Parties) -> UUID:
    tenant_id = await parties.tenant()
    async with parties.db.tenant(tenant_id) as tx:
        await parties.meters.create_meter(tx, tenant_id, MeterCreate(code="calls", aggregation="count"))
    return tenant_id


async def test_a_plan_is_published_with_its_prices_digit_for_digit(parties: Parties, db: Database) -> None:
    tenant_id = await seller(parties)
    made = await publish(parties, tenant_id, plan_body())
    assert (made.version, made.interval, made.interval_count, made.status) == (1, "month", 1, "active")
    assert [(price.kind, price.model, price.meter, price.code) for price in made.prices] == [
        ("recurring", "flat", None, "base"),
        ("usage", "per_unit", "calls", "calls"),
    ]
    assert bytes(made.prices[1].price) == b'{"model":"per_unit","unit_amount":0.012345678901}'
    async with db.tenant(tenant_id) as tx:
        published = (await parties.pricing.plans(tx, [(tenant_id, made.id)] * 3))[tenant_id, made.id]
        for ref in ("pro", "pro@1", str(made.id)):
            assert await parties.pricing.plan_by_ref(tx, tenant_id, ref) == published
    assert published.prices[1].definition == '{"model":"per_unit","unit_amount":0.012345678901}'
    assert published.prices[1].meter_id is not None
    events = await parties.events(tenant_id, "plan.created", "price.created")
    assert [event.subject for event in events] == ["plan.created", "price.created", "price.created"]
    assert events[0].payload["price_ids"] == [str(price.id) for price in made.prices]


async def test_a_plan_says_when_its_prices_are_due_and_what_a_period_costs_at_least(
    parties: Parties, db: Database
) -> None:
    tenant_id = await seller(parties)
    yen = {"JPY": {"model": "flat", "amount": "980"}}
    made = await publish(
        parties,
        tenant_id,
        {
            "code": "pro",
            "name": "Pro",
            "currency": "EUR",
            "currencies": ["JPY"],
            "trial_days": 14,
            "commitment": {"amount": "100.00", "currencies": {"JPY": "15000"}},
            "prices": [
                FEE | {"timing": "advance", "interval": "year", "currencies": yen},
                FEE | {"kind": "one_off", "name": "Set-up", "currencies": yen},
            ],
        },
    )
    assert [(price.code, price.currency, price.timing, price.interval_count) for price in made.prices] == [
        ("base-fee", "EUR", "advance", 12),
        ("base-fee", "JPY", "advance", 12),
        ("set-up", "EUR", None, None),
        ("set-up", "JPY", None, None),
    ]
    assert made.commitment is not None
    assert (made.currencies, made.commitment.amount, made.commitment.currencies) == (
        ["EUR", "JPY"],
        "100",
        {"JPY": "15000"},
    )
    async with db.tenant(tenant_id) as tx:
        plan = await parties.pricing.plan_by_ref(tx, tenant_id, "pro")
        (found,) = await parties.pricing.find_plans(tx, tenant_id, after=None, limit=10, currency="JPY")
    assert found.id == plan.plan_id
    assert plan.commitments == (Commitment("EUR", Decimal("100.00")), Commitment("JPY", Decimal(15000)))
    assert (plan.trial_days, plan.currencies, plan.deprecated) == (14, ("EUR", "JPY"), False)
    assert [(price.code, price.timing, price.every) for price in plan.prices_in("JPY")] == [
        ("base-fee", "advance", 12),
        ("set-up", "arrears", 1),
    ]


async def test_prices_are_found_by_their_ids_from_memory_too(parties: Parties, db: Database) -> None:
    mine, other = await seller(parties), await seller(parties)
    plans = {tenant: await publish(parties, tenant, plan_body()) for tenant in (mine, other)}
    keys = [(tenant, price.id) for tenant, plan in plans.items() for price in plan.prices]
    strange = (mine, keys[-1][1])
    for _ in range(2):
        async with db.tenants([mine, other]) as tx:
            found = await parties.pricing.prices(tx, [*keys, strange])
        assert set(found) == set(keys)
        assert {(tenant, price.price_id) for (tenant, _), price in found.items()} == set(keys)
    async with db.tenant(mine) as tx:
        plan = await parties.pricing.plan_by_ref(tx, mine, "pro")
    assert [found[mine, price.price_id] for price in plan.prices] == list(plan.prices)


async def test_a_code_means_the_latest_version_on_sale(parties: Parties) -> None:
    tenant_id, other = await seller(parties), await seller(parties)
    first = await publish(parties, tenant_id, plan_body())
    await publish(parties, other, plan_body())
    second = await next_version(parties, tenant_id, "pro", name="Pro 2")
    assert (second.code, second.version, second.name) == ("pro", 2, "Pro 2")
    assert await meanings(parties, tenant_id, "pro", "pro@1", "pro@2", "pro@3", str(first.id)) == {
        "pro": 2,
        "pro@1": 1,
        "pro@2": 2,
        str(first.id): 1,
    }
    assert (await deprecate(parties, tenant_id, "pro@2")).status == "deprecated"
    assert await meanings(parties, tenant_id, "pro", "pro@2") == {"pro": 1, "pro@2": 2}
    assert (await next_version(parties, tenant_id, str(first.id))).version == 3
    assert (await deprecate(parties, tenant_id, "pro")).version == 3
    assert await meanings(parties, tenant_id, "pro", "pro@1") == {"pro@1": 1}
    async with parties.db.tenant(tenant_id) as tx:
        assert (await parties.pricing.get_plan(tx, tenant_id, "pro")).version == 3
        versions = await parties.pricing.find_versions(tx, tenant_id, "pro@1", after=None, limit=10)
        assert [(plan.version, plan.status) for plan in versions] == [(n, "deprecated") for n in (3, 2, 1)]
        assert await parties.pricing.find_plans(tx, tenant_id, after=None, limit=10, status="active") == []
    assert await meanings(parties, other, "pro") == {"pro": 1}


async def test_what_becomes_of_a_plan_is_told_once(parties: Parties) -> None:
    tenant_id = await seller(parties)
    first = await publish(parties, tenant_id, plan_body())
    second = await next_version(parties, tenant_id, "pro")
    await deprecate(parties, tenant_id, str(first.id))
    await deprecate(parties, tenant_id, str(first.id))
    (updated,) = await parties.events(tenant_id, "plan.updated")
    assert (updated.resource_id, updated.payload["previous_plan_id"]) == (second.id, str(first.id))
    assert updated.payload["price_ids"] == [str(price.id) for price in second.prices]
    gone = await parties.events(tenant_id, "plan.deprecated", "price.archived")
    assert [(event.resource_id, event.resource_seq) for event in gone] == [
        (first.id, 2),
        *((price.id, 2) for price in first.prices),
    ]


async def test_of_two_versions_at_once_one_wins_and_the_other_is_told(parties: Parties) -> None:
    tenant_id = await seller(parties)
    await publish(parties, tenant_id, plan_body())
    outcomes = await asyncio.gather(
        *(next_version(parties, tenant_id, "pro") for _ in range(4)), return_exceptions=True
    )
    versions = sorted(made.version for made in outcomes if isinstance(made, PlanOut))
    assert versions == list(range(2, 2 + len(versions)))
    assert versions
    assert all(isinstance(outcome, PlanOut | Conflict) for outcome in outcomes)


async def test_a_published_plan_never_changes_and_its_code_is_taken(parties: Parties, db: Database) -> None:
    tenant_id = await seller(parties)
    await publish(parties, tenant_id, plan_body())
    with pytest.raises(Conflict, match="versions"):
        await publish(parties, tenant_id, plan_body())
    for statement in (
        "UPDATE plans SET name = 'x'",
        "DELETE FROM prices",
        "UPDATE prices SET definition = '{}'",
        "UPDATE rate_card_rules SET unit_amount = 0",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            async with db.tenant(tenant_id) as tx:
                await tx.conn.execute(statement)


async def test_not_even_an_administrator_changes_a_published_plan(parties: Parties, owner_url: str) -> None:
    tenant_id = await seller(parties)
    made = await publish(parties, tenant_id, plan_body())
    await deprecate(parties, tenant_id, "pro")
    another = (
        "INSERT INTO prices (tenant_id, price_id, plan_id, position, kind, name, model, definition, created_at)"
        f" SELECT tenant_id, gen_random_uuid(), plan_id, 9, 'one_off', 'x', 'flat', '{{}}', now() FROM plans"
        f" WHERE plan_id = '{made.id}'"
    )
    for statement in (
        "UPDATE plans SET name = 'x'",
        "UPDATE plans SET deprecated_at = NULL",
        "DELETE FROM plans",
        "UPDATE prices SET definition = '{}'",
        "DELETE FROM prices",
        another,
    ):
        async with await psycopg.AsyncConnection.connect(owner_url) as conn:
            with pytest.raises(psycopg.errors.RestrictViolation, match="never changes"):
                await conn.execute(statement)


async def test_a_plan_with_an_unknown_meter_or_an_impossible_price_is_refused(parties: Parties) -> None:
    tenant_id = await seller(parties)
    with pytest.raises(Invalid) as caught:
        await publish(parties, tenant_id, plan_body(b'{"model":"per_unit","unit_amount":"NaN"}', meter="unheard"))
    assert [field.pointer for field in caught.value.fields] == ["/prices/1/meter", "/prices/1/price/unit_amount"]
    assert await parties.events(tenant_id, "plan.created") == []


async def test_a_plan_that_lacks_a_price_in_a_currency_is_refused(parties: Parties) -> None:
    tenant_id = await seller(parties)
    body = {"code": "pro", "name": "Pro", "currency": "EUR", "currencies": ["JPY"], "commitment": {"amount": "1"}}
    with pytest.raises(Invalid) as caught:
        await publish(parties, tenant_id, body | {"prices": [FEE | {"currencies": {"EUR": FEE["price"]}}]})
    assert [field.pointer for field in caught.value.fields] == [
        "/commitment/currencies/JPY",
        "/prices/0/currencies/EUR",
        "/prices/0/currencies/JPY",
    ]
    with pytest.raises(Invalid) as caught:
        await publish(parties, tenant_id, body | {"currency": "XQQ", "prices": [FEE]})
    assert caught.value.fields[0].pointer == "/currency"


async def test_another_tenants_meters_and_plans_are_not_there(parties: Parties, db: Database) -> None:
    mine, other = await seller(parties), await parties.tenant()
    plan = await publish(parties, mine, plan_body())
    with pytest.raises(Invalid, match="no meter"):
        await publish(parties, other, plan_body())
    async with db.tenant(other) as tx:
        assert await parties.pricing.find_plans(tx, mine, after=None, limit=10) == []
        assert await parties.pricing.plans(tx, [(mine, plan.id)]) == {}
        assert await parties.pricing.plans_by_ref(tx, other, ["pro", "pro@1", str(plan.id)]) == {}
        assert await parties.pricing.prices(tx, [(other, price.id) for price in plan.prices]) == {}
    for work in (
        lambda tx: parties.pricing.get_plan(tx, other, str(plan.id)),
        lambda tx: parties.pricing.deprecate_plan(tx, other, str(plan.id)),
        lambda tx: parties.pricing.find_versions(tx, other, "pro", after=None, limit=1),
    ):
        with pytest.raises(NotFound):
            async with db.tenant(other) as tx:
                await work(tx)
    with pytest.raises(NotFound):
        await next_version(parties, other, "pro")
    async with db.tenants([mine, other]) as tx:
        assert set(await parties.pricing.plans(tx, [(mine, plan.id), (other, plan.id)])) == {(mine, plan.id)}


async def test_a_price_says_what_it_sells_in_every_currency(parties: Parties, db: Database) -> None:
    tenant_id = await parties.tenant()
    sold = FEE | {"product": "support", "tax_category": "services", "currencies": {"USD": FEE["price"]}}
    plain = SETUP | {"currencies": {"USD": SETUP["price"]}}
    made = await publish(parties, tenant_id, {"code": "pro", "name": "Pro", "currency": "EUR", "prices": [sold, plain]})
    said = [(price.product, price.tax_category) for price in made.prices]
    assert said == [("support", "services"), ("support", "services"), (None, None), (None, None)]
    async with db.tenants([tenant_id]) as tx:
        found = await parties.pricing.prices(tx, [(tenant_id, price.id) for price in made.prices])
    assert [(found[tenant_id, p.id].product, found[tenant_id, p.id].tax_category) for p in made.prices] == said


@pytest.mark.parametrize("slug", ["", "Support", "a b", "-a", "a" * 41, "a\n"])
def test_what_a_price_sells_is_a_slug(slug: str) -> None:
    for field in ("product", "tax_category"):
        body = {"code": "pro", "name": "Pro", "currency": "EUR", "prices": [FEE | {field: slug}]}
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(msgspec.json.encode(body), type=PlanCreate)
