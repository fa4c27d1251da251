import asyncio
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pytest

from corebilling.kernel.errors import Conflict, Invalid, NotFound
from corebilling.platform.db import Database
from corebilling.pricing.schemas import PlanCreate, PlanOut, RateCardCreate, RateCardOut
from corebilling.rating.domain import rate_card
from corebilling.usage.schemas import MeterCreate
from parties import Parties

EXACT = b'{ "model": "per_unit", "unit_amount": 0.012345678901 }'


def plan_body(definition: bytes = EXACT, code: str = "pro", meter: str = "calls") -> bytes:
    return (
        b'{"code":"%s","name":"Pro","currency":"EUR","prices":['
        b'{"kind":"recurring","name":"Base","price":{"model":"flat","amount":"49.00"}},'
        b'{"kind":"usage","name":"Calls","meter":"%s","unit":"call","price":%s}]}'
        % (code.encode(), meter.encode(), definition)
    )


async def publish(parties: Parties, tenant_id: UUID, body: bytes) -> PlanOut:
    async with parties.db.tenant(tenant_id) as tx:
        return await parties.pricing.create_plan(tx, tenant_id, msgspec.json.decode(body, type=PlanCreate))


async def seller(parties: Parties) -> UUID:
    tenant_id = await parties.tenant()
    async with parties.db.tenant(tenant_id) as tx:
        await parties.meters.create_meter(tx, tenant_id, MeterCreate(code="calls", aggregation="count"))
    return tenant_id


async def card(parties: Parties, tenant_id: UUID, code: str, default: bool = False, **rule: Any) -> RateCardOut:
    wanted = {"metric": "weight", "unit_amount": "1.50", **rule}
    body = {"code": code, "name": code, "currency": "EUR", "default": default, "rules": [wanted]}
    async with parties.db.tenant(tenant_id) as tx:
        data = msgspec.json.decode(msgspec.json.encode(body), type=RateCardCreate)
        return await parties.pricing.create_rate_card(tx, tenant_id, data)


async def test_a_plan_is_published_with_its_prices_digit_for_digit(parties: Parties, db: Database) -> None:
    tenant_id = await seller(parties)
    made = await publish(parties, tenant_id, plan_body())
    assert (made.version, made.interval, made.interval_count) == (1, "month", 1)
    assert [(price.kind, price.model, price.meter) for price in made.prices] == [
        ("recurring", "flat", None),
        ("usage", "per_unit", "calls"),
    ]
    assert bytes(made.prices[1].price) == b'{"model":"per_unit","unit_amount":0.012345678901}'
    async with db.tenant(tenant_id) as tx:
        published = (await parties.pricing.plans(tx, [(tenant_id, made.id)] * 3))[tenant_id, made.id]
        assert await parties.pricing.plan_by_ref(tx, tenant_id, "pro") == published
        assert await parties.pricing.plan_by_ref(tx, tenant_id, str(made.id)) == published
    assert published.prices[1].definition == '{"model":"per_unit","unit_amount":0.012345678901}'
    assert published.prices[1].meter_id is not None
    events = await parties.events(tenant_id, "plan.created", "price.created")
    assert [event.subject for event in events] == ["plan.created", "price.created", "price.created"]
    assert events[0].payload["price_ids"] == [str(price.id) for price in made.prices]


async def test_a_published_plan_never_changes_and_its_code_is_taken(parties: Parties, db: Database) -> None:
    tenant_id = await seller(parties)
    await publish(parties, tenant_id, plan_body())
    with pytest.raises(Conflict, match="already"):
        await publish(parties, tenant_id, plan_body())
    for statement in (
        "UPDATE plans SET name = 'x'",
        "DELETE FROM prices",
        "UPDATE rate_card_rules SET unit_amount = 0",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            async with db.tenant(tenant_id) as tx:
                await tx.conn.execute(statement)


async def test_a_plan_with_an_unknown_meter_or_an_impossible_price_is_refused(parties: Parties) -> None:
    tenant_id = await seller(parties)
    with pytest.raises(Invalid) as caught:
        await publish(parties, tenant_id, plan_body(b'{"model":"per_unit","unit_amount":"NaN"}', meter="unheard"))
    assert [field.pointer for field in caught.value.fields] == ["/prices/1/meter", "/prices/1/price/unit_amount"]
    assert await parties.events(tenant_id, "plan.created") == []


async def test_another_tenants_meters_plans_and_cards_are_not_there(parties: Parties, db: Database) -> None:
    mine, other = await seller(parties), await parties.tenant()
    plan, made = await publish(parties, mine, plan_body()), await card(parties, mine, "parcels")
    with pytest.raises(Invalid, match="no meter"):
        await publish(parties, other, plan_body())
    async with db.tenant(other) as tx:
        assert await parties.pricing.find_plans(tx, mine, after=None, limit=10) == []
        assert await parties.pricing.plans(tx, [(mine, plan.id)]) == {}
        assert await parties.pricing.plans_by_ref(tx, other, ["pro", str(plan.id)]) == {}
    for work in (
        lambda tx: parties.pricing.get_plan(tx, other, str(plan.id)),
        lambda tx: parties.pricing.get_rate_card(tx, other, made.id),
        lambda tx: parties.pricing.default_rate_card(tx, mine),
    ):
        with pytest.raises(NotFound):
            async with db.tenant(other) as tx:
                await work(tx)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with db.tenant(other) as tx:
            await parties.pricing.set_up(tx, mine, "EUR")
    async with db.tenants([mine, other]) as tx:
        assert set(await parties.pricing.plans(tx, [(mine, plan.id), (other, plan.id)])) == {(mine, plan.id)}


async def test_plans_are_listed_newest_first_with_filters(parties: Parties, db: Database) -> None:
    tenant_id = await seller(parties)
    first, second = await parties.plan(tenant_id, "basic"), await parties.plan(tenant_id, "us", "USD")
    async with db.tenant(tenant_id) as tx:
        found = await parties.pricing.find_plans(tx, tenant_id, after=None, limit=10)
        assert [plan.id for plan in found] == [second.id, first.id]
        assert [plan.id for plan in await parties.pricing.find_plans(tx, tenant_id, after=second.id, limit=10)] == [
            first.id
        ]
        (dollars,) = await parties.pricing.find_plans(tx, tenant_id, after=None, limit=10, currency="USD")
        assert (dollars.id, len(dollars.prices)) == (second.id, 1)


async def test_a_fresh_tenants_default_card_quotes_71_60(parties: Parties, db: Database) -> None:
    tenant_id = await parties.tenant()
    async with db.tenant(tenant_id) as tx:
        default = await parties.pricing.default_rate_card(tx, tenant_id)
    quote = rate_card.quote(default, {"weight": Decimal("10.5"), "distance": Decimal("15.2")})
    assert (quote.total_minor, default.currency) == (7160, "EUR")
    assert "30.00 + 10.5 kg x 2.00" in [line.calculation for line in quote.applied]


async def test_a_new_default_takes_the_place_of_the_old_one(parties: Parties, db: Database) -> None:
    tenant_id = await parties.tenant()
    await card(parties, tenant_id, "aside")
    made = await card(parties, tenant_id, "parcels", default=True)
    async with db.tenant(tenant_id) as tx:
        assert (await parties.pricing.default_rate_card(tx, tenant_id)).rate_card_id == made.id
        found = await parties.pricing.find_rate_cards(tx, tenant_id, after=None, limit=10)
    assert [(each.code, each.default) for each in found] == [("parcels", True), ("aside", False), ("default", False)]
    assert made.rules[0].unit_amount == "1.5"


async def test_of_two_defaults_at_once_one_wins_and_the_other_is_told(parties: Parties, db: Database) -> None:
    tenant_id = await parties.tenant()
    outcomes = await asyncio.gather(
        *(card(parties, tenant_id, f"parcels-{n}", default=True) for n in range(4)), return_exceptions=True
    )
    assert any(isinstance(outcome, RateCardOut) for outcome in outcomes)
    assert all(isinstance(outcome, RateCardOut | Conflict) for outcome in outcomes)
    async with db.tenant(tenant_id) as tx:
        found = await parties.pricing.find_rate_cards(tx, tenant_id, after=None, limit=10)
    assert sum(each.default for each in found) == 1


async def test_a_card_that_can_not_be_computed_or_is_taken_is_refused(parties: Parties) -> None:
    tenant_id = await parties.tenant()
    with pytest.raises(Invalid) as caught:
        await card(parties, tenant_id, "bad", range_start="5", range_end="5")
    assert caught.value.fields[0].pointer == "/rules/0/range_end"
    with pytest.raises(Conflict, match="already"):
        await card(parties, tenant_id, "default")


async def test_readiness_counts_the_cards_to_quote_from(parties: Parties, db: Database) -> None:
    async with db.system() as tx:
        before = await parties.pricing.active_rate_cards(tx)
    await parties.tenant()
    async with db.system() as tx:
        assert await parties.pricing.active_rate_cards(tx) == before + 1
