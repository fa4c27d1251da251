"""What a customer may use follows its subscriptions: bought, changed, canceled and over."""

from datetime import UTC, datetime
from typing import Any

from corebilling.cli.client import until
from factories import PATIENCE_SECONDS, NewSeller, Seller, recurring

MARCH, APRIL = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)


async def may_use(seller: Seller, *plans: str) -> list[dict[str, Any]]:
    """What acme may use, once it is these plans, newest subscription first."""
    found: list[dict[str, Any]] = []

    async def is_so() -> bool:
        found[:] = await seller.api.all("/v1/customers/acme/entitlements")
        return [each["plan_id"] for each in found] == list(plans)

    await until(is_so, seconds=PATIENCE_SECONDS, what=f"acme to have {len(plans)} plans", every_seconds=0.05)
    return found


async def test_a_customer_may_use_what_it_bought_for_as_long_as_it_has_it(new_tenant: NewSeller) -> None:
    seller, other = await new_tenant("Renting", MARCH), await new_tenant("Next door", MARCH)
    basic = (await seller.plan("basic", recurring("Fee", "10")))["id"]
    pro = (await seller.plan("pro", recurring("Fee", "25")))["id"]
    for tenant in (seller, other):
        await tenant.customer("acme")
    assert await may_use(seller) == []

    bought = await seller.subscribe("acme", "basic", external_id="first")
    (entitled,) = await may_use(seller, basic)
    assert (entitled["subscription_id"], entitled["status"], entitled["usable"]) == (bought["id"], "active", True)
    assert (datetime.fromisoformat(entitled["since"]), entitled["until"]) == (MARCH, None)

    await seller.subscribe("acme", "basic", external_id="second")
    await seller.api.post("/v1/subscriptions/first/change", {"plan": "pro"})
    await may_use(seller, basic, pro)
    await seller.api.post("/v1/subscriptions/second/cancel", {"at": "now"})
    await may_use(seller, pro)

    await seller.api.post("/v1/subscriptions/first/cancel", {"at": "period_end"})
    await seller.advance(APRIL)
    await may_use(seller)
    kept = await seller.api.all("/v1/customers/acme/entitlements", past="true")
    assert {each["plan_id"] for each in kept} == {basic, pro}
    assert not any(each["usable"] for each in kept)
    assert await may_use(other) == []
