import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pytest

from corebilling.kernel.errors import Conflict, Invalid, NotFound
from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database
from corebilling.pricing.new_tenants import DefaultRateCards
from corebilling.pricing.schemas import RateCardCreate, RateCardEnd, RateCardOut
from corebilling.rating.domain import rate_card
from parties import Parties

JANUARY, FEBRUARY, MARCH = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3))
TICK = timedelta(microseconds=1)


async def card(
    parties: Parties, tenant_id: UUID, code: str, default: bool = False, use: dict[str, Any] | None = None, **rule: Any
) -> RateCardOut:
    wanted = {"metric": "weight", "unit_amount": "1.50", **rule}
    body = {"code": code, "name": code, "currency": "EUR", "default": default, "rules": [wanted], **(use or {})}
    async with parties.db.tenant(tenant_id) as tx:
        data = msgspec.json.decode(msgspec.json.encode(body), type=RateCardCreate)
        return await parties.pricing.create_rate_card(tx, tenant_id, data)


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


async def used(parties: Parties, tenant_id: UUID, customer_id: UUID | None, at: datetime) -> str:
    """The code of the card that quotes use."""
    async with parties.db.tenant(tenant_id) as tx:
        return (await parties.pricing.rate_card_for(tx, tenant_id, customer_id, at)).code


async def test_a_customers_own_card_holds_for_its_time_and_the_default_else(parties: Parties) -> None:
    mine, other = await parties.tenant(), await parties.tenant()
    acme = (await parties.customer(mine, "acme")).id
    made = await card(
        parties, mine, "acme-1", use={"customer_id": "acme", "valid_from": FEBRUARY, "valid_until": MARCH}
    )
    assert (made.customer_id, made.valid_from, made.valid_until) == (acme, FEBRUARY, MARCH)
    codes = [await used(parties, mine, acme, at) for at in (JANUARY, FEBRUARY, MARCH - TICK, MARCH)]
    assert codes == ["default", "acme-1", "acme-1", "default"]
    assert await used(parties, mine, None, FEBRUARY) == "default"
    assert await used(parties, other, acme, FEBRUARY) == "default"


async def test_a_card_without_an_end_makes_room_for_the_next_one(parties: Parties, db: Database) -> None:
    tenant_id = await parties.tenant()
    acme = (await parties.customer(tenant_id, "acme")).id
    await card(parties, tenant_id, "first", use={"customer_id": "acme"})
    await card(parties, tenant_id, "second", use={"customer_id": str(acme), "valid_from": FEBRUARY})
    with pytest.raises(Conflict, match="'first' holds from the beginning until 2026-02-01"):
        await card(parties, tenant_id, "third", use={"customer_id": "acme", "valid_until": FEBRUARY})
    assert [await used(parties, tenant_id, acme, at) for at in (JANUARY, FEBRUARY)] == ["first", "second"]
    async with db.tenant(tenant_id) as tx:
        find = parties.pricing.find_rate_cards
        mine = await find(tx, tenant_id, after=None, limit=9, customer="acme")
        now = await find(tx, tenant_id, after=None, limit=9, customer="acme", valid_at=JANUARY)
        default = await find(tx, tenant_id, after=None, limit=9, default=True)
        ended = await parties.pricing.end_rate_card(tx, tenant_id, mine[0].id, RateCardEnd(valid_until=MARCH))
    assert [[each.code for each in found] for found in (mine, now, default)] == [
        ["second", "first"],
        ["first"],
        ["default"],
    ]
    assert ended.valid_until == MARCH
    assert await used(parties, tenant_id, acme, MARCH) == "default"


async def test_another_tenants_cards_are_not_there(parties: Parties, db: Database) -> None:
    mine, other = await parties.tenant(), await parties.tenant()
    made = await card(parties, mine, "parcels")
    for work in (
        lambda tx: parties.pricing.get_rate_card(tx, other, made.id),
        lambda tx: parties.pricing.end_rate_card(tx, other, made.id, RateCardEnd(valid_until=MARCH)),
        lambda tx: parties.pricing.default_rate_card(tx, mine),
    ):
        with pytest.raises(NotFound):
            async with db.tenant(other) as tx:
                await work(tx)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with db.tenant(other) as tx:
            await DefaultRateCards(clock=wall_clock).set_up(tx, mine, "EUR")


async def test_of_cards_that_would_hold_at_once_one_wins(parties: Parties) -> None:
    tenant_id = await parties.tenant()
    await parties.customer(tenant_id, "acme")
    outcomes = await asyncio.gather(
        *(card(parties, tenant_id, f"card-{n}", use={"customer_id": "acme", "valid_from": FEBRUARY}) for n in range(4)),
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, RateCardOut) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 3


async def test_the_database_refuses_two_cards_at_once_whoever_asks(parties: Parties, db: Database) -> None:
    tenant_id = await parties.tenant()
    await parties.customer(tenant_id, "acme")
    await card(parties, tenant_id, "first", use={"customer_id": "acme", "valid_from": FEBRUARY, "valid_until": MARCH})
    with pytest.raises(psycopg.errors.ExclusionViolation):
        async with db.tenant(tenant_id) as tx:
            await tx.conn.execute(
                "INSERT INTO rate_cards (tenant_id, rate_card_id, code, name, currency, order_amount, is_default,"
                " created_at, customer_id) SELECT tenant_id, gen_random_uuid(), 'x', name, currency, 0, false, now(),"
                " customer_id FROM rate_cards WHERE code = 'first'"
            )


async def test_a_card_of_an_unknown_customer_or_without_sense_is_refused(parties: Parties) -> None:
    tenant_id, other = await parties.tenant(), await parties.tenant()
    await parties.customer(tenant_id, "acme")
    for tenant, use, pointer in (
        (other, {"customer_id": "acme"}, "/customer_id"),
        (tenant_id, {"customer_id": "acme", "default": True}, "/default"),
        (tenant_id, {"valid_from": FEBRUARY}, "/valid_from"),
    ):
        with pytest.raises(Invalid) as caught:
            await card(parties, tenant, "x", use=use)
        assert caught.value.fields[0].pointer == pointer
