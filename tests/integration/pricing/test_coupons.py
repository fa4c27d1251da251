import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pytest

from corebilling.kernel.errors import Conflict, DomainError, Invalid, NotFound
from corebilling.kernel.ids import new_id
from corebilling.kernel.plan import Coupon, CouponClaim
from corebilling.platform.db import Database
from corebilling.pricing.schemas import CouponCreate, CouponOut
from parties import Parties

NOW = datetime(2026, 3, 1, tzinfo=UTC)


async def coupon(parties: Parties, tenant_id: UUID, code: str = "SPRING", **wanted: Any) -> CouponOut:
    body = {"code": code, "name": code.title(), "percent_off": "0.2", "duration": "once", **wanted}
    async with parties.db.tenant(tenant_id) as tx:
        data = msgspec.json.decode(msgspec.json.encode(body), type=CouponCreate)
        return await parties.pricing.create_coupon(tx, tenant_id, data)


def claim(code: str = "SPRING", **wanted: Any) -> CouponClaim:
    ids = {"subscription_id": new_id(), "customer_id": new_id(), "redemption_id": new_id()}
    return CouponClaim(code=code, **({"currency": "EUR"} | ids | wanted))


async def redeem(parties: Parties, tenant_id: UUID, code: str = "SPRING", at: datetime = NOW, **wanted: Any) -> Coupon:
    async with parties.db.tenant(tenant_id) as tx:
        (coupon,) = await parties.pricing.redeem(tx, tenant_id, [claim(code, **wanted)], at=at)
        return coupon


async def times_redeemed(parties: Parties, tenant_id: UUID, ref: str = "SPRING") -> int:
    async with parties.db.tenant(tenant_id) as tx:
        return (await parties.pricing.get_coupon(tx, tenant_id, ref)).times_redeemed


async def test_a_coupon_is_redeemed_counted_and_told(parties: Parties) -> None:
    mine, other = await parties.tenant(), await parties.tenant()
    made = await coupon(parties, mine, duration="repeating", duration_periods=3)
    await coupon(parties, other)
    redemption_id, subscription_id = new_id(), new_id()
    for _ in range(2):
        redeemed = await redeem(parties, mine, redemption_id=redemption_id, subscription_id=subscription_id)
    assert redeemed == Coupon(made.id, "SPRING", "Spring", Decimal("0.2"), None, None, "repeating", 3)
    assert await times_redeemed(parties, mine) == 1
    assert await times_redeemed(parties, mine, str(made.id)) == 1
    assert await times_redeemed(parties, other) == 0
    (event,) = await parties.events(mine, "coupon.redeemed")
    assert (event.resource_id, event.resource_seq, event.payload["redemption_id"]) == (made.id, 1, str(redemption_id))


async def test_a_coupon_is_never_redeemed_more_often_than_it_may_be(parties: Parties) -> None:
    tenant_id = await parties.tenant()
    await coupon(parties, tenant_id, max_redemptions=3)
    outcomes = await asyncio.gather(*(redeem(parties, tenant_id) for _ in range(8)), return_exceptions=True)
    assert sum(isinstance(outcome, Coupon) for outcome in outcomes) == 3
    assert {outcome.code for outcome in outcomes if isinstance(outcome, DomainError)} == {"coupon_used_up"}
    assert await times_redeemed(parties, tenant_id) == 3
    assert [event.resource_seq for event in await parties.events(tenant_id, "coupon.redeemed")] == [1, 2, 3]


async def test_a_batch_counts_every_claim_and_is_refused_as_a_whole(parties: Parties) -> None:
    tenant_id = await parties.tenant()
    await coupon(parties, tenant_id, max_redemptions=3)
    await coupon(parties, tenant_id, "SUMMER")
    async with parties.db.tenant(tenant_id) as tx:
        claims = [claim("SUMMER"), claim(), claim(), claim("SUMMER")]
        made = await parties.pricing.redeem(tx, tenant_id, claims, at=NOW)
    assert [each.code for each in made] == ["SUMMER", "SPRING", "SPRING", "SUMMER"]
    with pytest.raises(Conflict) as refused:
        async with parties.db.tenant(tenant_id) as tx:
            claims = [claim("SUMMER"), claim(), claim(pointer="/items/2/coupons/0")]
            await parties.pricing.redeem(tx, tenant_id, claims, at=NOW)
    assert (refused.value.code, refused.value.fields[0].pointer) == ("coupon_used_up", "/items/2/coupons/0")
    assert [await times_redeemed(parties, tenant_id, code) for code in ("SPRING", "SUMMER")] == [2, 2]
    seqs = [event.resource_seq for event in await parties.events(tenant_id, "coupon.redeemed")]
    assert sorted(seqs) == [1, 1, 2, 2]


async def test_those_who_redeem_the_same_coupons_in_another_order_dont_wait_for_one_another_for_ever(
    parties: Parties,
) -> None:
    tenant_id = await parties.tenant()
    codes = ["SPRING", "SUMMER", "AUTUMN"]
    for code in codes:
        await coupon(parties, tenant_id, code)

    async def redeem_in(order: list[str]) -> None:
        async with parties.db.tenant(tenant_id) as tx:
            await parties.pricing.redeem(tx, tenant_id, [claim(code) for code in order], at=NOW)

    await asyncio.gather(*(redeem_in(codes if number % 2 else codes[::-1]) for number in range(8)))
    assert [await times_redeemed(parties, tenant_id, code) for code in codes] == [8, 8, 8]


async def test_a_redemption_that_is_undone_counts_not(parties: Parties, db: Database) -> None:
    tenant_id = await parties.tenant()
    await coupon(parties, tenant_id, max_redemptions=1)
    with pytest.raises(RuntimeError, match="no card"):
        async with db.tenant(tenant_id) as tx:
            await parties.pricing.redeem(tx, tenant_id, [claim()], at=NOW)
            raise RuntimeError("no card")
    assert await times_redeemed(parties, tenant_id) == 0
    await redeem(parties, tenant_id)


async def test_an_archived_coupon_is_kept_but_given_no_more(parties: Parties, db: Database) -> None:
    tenant_id = await parties.tenant()
    made = await coupon(parties, tenant_id)
    await coupon(parties, tenant_id, "SUMMER")
    for _ in range(2):
        async with db.tenant(tenant_id) as tx:
            assert (await parties.pricing.archive_coupon(tx, tenant_id, "SPRING")).status == "archived"
    with pytest.raises(Conflict, match="isn't given any more"):
        await redeem(parties, tenant_id)
    async with db.tenant(tenant_id) as tx:
        find = parties.pricing.find_coupons
        assert [c.code for c in await find(tx, tenant_id, after=None, limit=9)] == ["SUMMER", "SPRING"]
        assert [c.id for c in await find(tx, tenant_id, after=None, limit=9, status="archived")] == [made.id]
        assert [c.code for c in await find(tx, tenant_id, after=None, limit=9, status="active")] == ["SUMMER"]


async def test_a_coupon_for_another_currency_or_that_is_nobodys_is_refused(parties: Parties) -> None:
    tenant_id, other = await parties.tenant(), await parties.tenant()
    await coupon(parties, tenant_id, percent_off=None, amount_off_minor=500, currency="USD")
    for tenant, code in ((tenant_id, "SPRING"), (other, "SPRING"), (tenant_id, "NEVER")):
        with pytest.raises(Invalid) as caught:
            await redeem(parties, tenant, code, pointer="/coupons/1")
        assert caught.value.fields[0].pointer == "/coupons/1"
    with pytest.raises(NotFound):
        await times_redeemed(parties, other)
    assert (await redeem(parties, tenant_id, currency="USD")).amount_off_minor == 500


async def test_the_terms_of_a_coupon_never_change(parties: Parties, db: Database) -> None:
    tenant_id = await parties.tenant()
    await coupon(parties, tenant_id)
    with pytest.raises(Conflict, match="already"):
        await coupon(parties, tenant_id)
    with pytest.raises(Invalid):
        await coupon(parties, tenant_id, "HALF", percent_off="50")
    for statement in ("UPDATE coupons SET percent_off = 1", "DELETE FROM coupons", "DELETE FROM coupon_redemptions"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            async with db.tenant(tenant_id) as tx:
                await tx.conn.execute(statement)


async def test_no_handler_may_touch_coupons(parties: Parties, db: Database) -> None:
    tenant_id = await parties.tenant()
    await coupon(parties, tenant_id)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with db.tenants([tenant_id]) as tx:
            await parties.pricing.redeem(tx, tenant_id, [claim()], at=NOW)
    assert await times_redeemed(parties, tenant_id) == 0
