"""Two tenants with the same names for everything, the same events and the same keys: neither notices the other."""

import asyncio
from datetime import UTC, datetime

from factories import NewSeller, Seller, event, hours, metered, per_unit

JANUARY, FEBRUARY = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)


async def _month(seller: Seller, unit_amount: str, quantity: str) -> None:
    await seller.meter("calls", "sum")
    await seller.plan("pro", metered("Calls", "calls", per_unit(unit_amount)))
    await seller.customer("acme")
    await seller.subscribe("acme", "pro", external_id="contract")
    await seller.advance(FEBRUARY - hours(1))
    same_id = event("calls", "acme", JANUARY, quantity) | {"id": "event-1", "source": "meter"}
    await seller.use([same_id])
    await seller.advance(FEBRUARY + hours(1))


async def test_the_same_names_mean_something_else_to_each(new_tenant: NewSeller) -> None:
    one, two = await new_tenant("One", JANUARY), await new_tenant("Two", JANUARY)
    await asyncio.gather(_month(one, "1.00", "3"), _month(two, "2.00", "7"))
    for seller, total in ((one, 300), (two, 1400)):
        invoice = await seller.only_invoice()
        assert (invoice["number"], invoice["total_minor"]) == ("INV-2026-000001", total), "each counts its own invoices"
        assert await seller.balances() == {"Accounts receivable": total, "Revenue": -total}
        assert len(await seller.api.all("/v1/usage/events", subscription_id="contract")) == 1


async def test_the_same_idempotency_key_is_another_request_at_each(new_tenant: NewSeller) -> None:
    one, two = await new_tenant("One", JANUARY), await new_tenant("Two", JANUARY)
    body = {"external_id": "acme", "name": "Acme"}
    made = [await seller.api.post("/v1/customers", body, **{"Idempotency-Key": "same"}) for seller in (one, two)]
    assert made[0]["id"] != made[1]["id"]
    assert [len(await seller.api.all("/v1/customers")) for seller in (one, two)] == [1, 1]
