"""Quote, preview, upcoming invoice and cycles over HTTP, with keys of two tenants."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from billing_world import GRACE, START, World
from corebilling.platform.clock import wall_clock
from corebilling.platform.health import Health
from corebilling.platform.http.app import http_app
from corebilling.platform.http.auth import Authenticator
from corebilling.rating.api import ROUTES as RATING_ROUTES
from corebilling.scheduler.api import ROUTES as SCHEDULER_ROUTES
from corebilling.tenant.schemas import ApiKeyCreate

GRADUATED = {
    "model": "graduated",
    "tiers": [{"up_to": "100", "unit_amount": 0.1}, {"up_to": None, "unit_amount": "0.0375", "flat_amount": "10"}],
}


class Caller:
    """A tenant and a client with its key."""

    def __init__(self, tenant_id: UUID, http: httpx.AsyncClient) -> None:
        self.tenant_id = tenant_id
        self.http = http


@pytest.fixture
async def callers(world: World) -> AsyncIterator[tuple[Caller, Caller]]:
    app = http_app(
        routes=[*RATING_ROUTES, *SCHEDULER_ROUTES],
        dependencies={
            "rating_service": lambda: world.rating,
            "quote_service": lambda: world.quotes,
            "margin_service": lambda: world.margins,
            "simulation_service": lambda: world.simulation,
            "scheduler_service": lambda: world.scheduler,
        },
        authenticator=Authenticator(database=world.db, keys=world.tenants, tokens=None),
        database=world.db,
        clock=wall_clock,
        health=Health({}),
        version="1.0",
    )
    made = []
    for _ in range(2):
        tenant_id = await world.tenant(clock_at=START + timedelta(days=10))
        async with world.db.tenants([tenant_id]) as tx:
            key = await world.tenants.create_api_key(tx, tenant_id, ApiKeyCreate(name="k", scopes=["billing:read"]))
        transport = httpx.ASGITransport(app)
        made.append(
            Caller(
                tenant_id,
                httpx.AsyncClient(transport=transport, base_url="http://api", headers={"X-API-Key": str(key.secret)}),
            )
        )
    yield made[0], made[1]
    for caller in made:
        await caller.http.aclose()


async def test_the_quote_of_the_design_is_71_60_with_its_calculations(callers: tuple[Caller, Caller]) -> None:
    answer = await callers[0].http.post("/v1/pricing/quote", json={"order": {"weight": "10.5", "distance": 15.2}})
    assert answer.status_code == 200
    body = answer.json()
    assert (body["total"], body["total_minor"], body["currency"], body["warnings"]) == ("71.60", 7160, "EUR", [])
    assert [rule["calculation"] for rule in body["applied_rules"]] == [
        "30.00 + 10.5 kg x 2.00",
        "10.00 + 15.2 km x 0.50",
        "3.00 per order",
    ]
    assert [rule["subtotal"] for rule in body["applied_rules"]] == ["51.00", "17.60", "3.00"]


async def test_a_quote_is_made_once_for_each_key_and_found_again_by_its_tenant(callers: tuple[Caller, Caller]) -> None:
    ours, theirs = callers
    order, key = {"order": {"weight": "5"}}, {"Idempotency-Key": "order-7"}
    first, again = [await ours.http.post("/v1/pricing/quote", json=order, headers=key) for _ in range(2)]
    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert (await ours.http.get("/v1/pricing/quotes")).json()["data"] == [first.json()]
    path = f"/v1/pricing/quotes/{first.json()['id']}"
    assert (await ours.http.get(path)).json() == first.json()
    assert (await theirs.http.get(path)).status_code == 404
    assert (await theirs.http.get("/v1/pricing/quotes")).json()["data"] == []
    naive = await ours.http.get("/v1/pricing/quotes", params={"from": "2026-01-01T00:00:00"})
    assert (naive.status_code, naive.json()["errors"][0]["pointer"]) == (422, "/query/from")


@pytest.mark.parametrize(
    ("order", "pointer"),
    [
        ({"weight": "-1"}, "/order/weight"),
        ({"weight": "NaN"}, "/order/weight"),
        ({"weight": "1e400"}, "/order/weight"),
        ({"wieght": "1"}, "/order/wieght"),
        ({"weight": True}, "/order/weight"),
        ({"weight": "heavy"}, "/order/weight"),
        ({}, "/order"),
    ],
)
async def test_an_order_that_cannot_be_is_refused_by_field(
    callers: tuple[Caller, Caller], order: dict[str, Any], pointer: str
) -> None:
    answer = await callers[0].http.post("/v1/pricing/quote", json={"order": order})
    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer], answer.text


async def test_a_price_is_previewed_exactly_and_rounded_once(callers: tuple[Caller, Caller]) -> None:
    wanted = {"currency": "EUR", "price": GRADUATED, "quantity": "250"}
    answer = await callers[0].http.post("/v1/pricing/preview", json=wanted)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "amount": "25.625",
        "amount_minor": 2563,
        "currency": "EUR",
        "breakdown": [
            {"label": "up to 100", "quantity": "100", "unit_amount": "0.1", "flat_amount": "0", "amount": "10"},
            {
                "label": "above 100",
                "quantity": "150",
                "unit_amount": "0.0375",
                "flat_amount": "10",
                "amount": "15.625",
            },
        ],
    }


async def test_events_are_previewed_after_what_was_billed_before(callers: tuple[Caller, Caller]) -> None:
    """test_vendor_figures.py names the source of 11.15; here two of the four events were billed before, for nothing."""
    price = {"model": "percentage", "rate": "0.013", "fixed_amount": 2, "free_events": 3, "free_amount": "250"}
    wanted = {
        "currency": "USD",
        "price": price,
        "events": [{"amount": "250"}, {"amount": 400, "properties": {"card": "visa"}}],
        "prior": {"events": [{"amount": "50"}, {"amount": "100"}], "billed": "0"},
    }
    answer = await callers[0].http.post("/v1/pricing/preview", json=wanted)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["amount"], answer.json()["amount_minor"]) == ("11.15", 1115)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"quantity": None}, "/quantity"),
        ({"quantity": "1", "events": [{"amount": "1"}]}, "/events"),
        ({"quantity": None, "events": [{"amount": "1"}, {"amount": "-1"}]}, "/events/1/amount"),
        ({"quantity": None, "events": [{"properties": {}}]}, "/events/0/amount"),
        ({"prior": {"quantity": "1", "billed": "-1"}}, "/prior/billed"),
        ({"price": {"model": "flat", "amount": "9.999"}}, "/price/amount"),
        ({"price": {"model": "flat", "amount": "9.99", "fee": "1"}}, "/price/fee"),
        ({"quantity": "-1"}, "/quantity"),
        ({"quantity": "Infinity"}, "/quantity"),
        ({"price": {"model": "bogus"}}, "/price/model"),
        ({"price": {"model": "graduated", "tiers": [{"up_to": None}]}}, "/price/tiers/0"),
        ({"currency": "ZZZ"}, "/currency"),
    ],
)
async def test_a_preview_that_cannot_be_is_refused_by_field(
    callers: tuple[Caller, Caller], change: dict[str, Any], pointer: str
) -> None:
    wanted = {"currency": "EUR", "price": GRADUATED, "quantity": "250"} | change
    answer = await callers[0].http.post("/v1/pricing/preview", json=wanted)
    assert answer.status_code in (400, 422), answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer], answer.text


async def test_upcoming_invoice_and_cycles_are_seen_by_their_tenant_alone(
    world: World, callers: tuple[Caller, Caller]
) -> None:
    ours, theirs = callers
    (subscription,) = await world.subscribe(ours.tenant_id, ["a"])
    await world.deliver()
    await world.set_clock(ours.tenant_id, START + timedelta(days=31) + GRACE)
    await world.close_all()
    await world.use(ours.tenant_id, "a", START + timedelta(days=31), gb="2")

    upcoming = (await ours.http.get(f"/v1/subscriptions/{subscription}/upcoming-invoice")).json()
    assert (upcoming["total_minor"], upcoming["period_index"]) == (5190, 1)
    assert [line["calculation"] for line in upcoming["lines"]] == ["49.9 = 49.9", "2 x 1 = 2", "0 x 0.001 = 0"]
    assert (await theirs.http.get(f"/v1/subscriptions/{subscription}/upcoming-invoice")).status_code == 404

    path = f"/v1/subscriptions/{subscription}/cycles?limit=1"
    first = (await ours.http.get(path)).json()
    second = (await ours.http.get(f"{path}&cursor={first['next_cursor']}")).json()
    assert [(c["period_index"], c["state"]) for c in (*first["data"], *second["data"])] == [(1, "open"), (0, "closed")]
    assert second["next_cursor"] is None
    assert (await theirs.http.get(path)).status_code == 404
