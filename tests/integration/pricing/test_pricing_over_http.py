"""The routes of pricing, with keys of two tenants and the requests that the documentation shows."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from corebilling.platform.clock import wall_clock
from corebilling.platform.health import Health
from corebilling.platform.http.app import http_app
from corebilling.platform.http.auth import Authenticator
from corebilling.pricing.api import EXAMPLES, ROUTES
from corebilling.pricing.schemas import (
    CouponCreate,
    OperatorCostCreate,
    PlanCreate,
    PlanVersionCreate,
    RateCardCreate,
    RateCardEnd,
)
from corebilling.tenant.schemas import ApiKeyCreate
from corebilling.usage.schemas import MeterCreate
from parties import Parties

PLANS, COUPONS, CARDS = (f"/v1/admin/pricing/{noun}" for noun in ("plans", "coupons", "rate-cards"))
COSTS = "/v1/admin/operator-costs"

Clients = tuple[httpx.AsyncClient, httpx.AsyncClient]


@pytest.fixture
async def clients(parties: Parties) -> AsyncIterator[Clients]:
    """Clients of two tenants, each with a meter `api-calls`; the first has a customer `acme`."""
    app = http_app(
        routes=ROUTES,
        dependencies={"pricing_service": lambda: parties.pricing},
        authenticator=Authenticator(database=parties.db, keys=parties.tenants, tokens=None),
        database=parties.db,
        clock=wall_clock,
        health=Health({}),
        version="1.0",
        examples=EXAMPLES,
    )
    made = []
    for _ in range(2):
        tenant_id = await parties.tenant()
        if not made:
            await parties.customer(tenant_id, "acme")
        async with parties.db.tenants([tenant_id]) as tx:
            scopes = ["billing:read", "billing:admin"]
            key = await parties.tenants.create_api_key(tx, tenant_id, ApiKeyCreate(name="k", scopes=scopes))
        async with parties.db.tenant(tenant_id) as tx:
            await parties.meters.create_meter(tx, tenant_id, MeterCreate(code="api-calls", aggregation="count"))
        headers = {"X-API-Key": str(key.secret)}
        made.append(httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api", headers=headers))
    yield made[0], made[1]
    for client in made:
        await client.aclose()


async def posted(client: httpx.AsyncClient, path: str, body: Any, status: int = 201) -> Any:
    answer = await client.post(path, json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_a_plan_is_published_versioned_and_deprecated(clients: Clients) -> None:
    mine, other = clients
    first = await posted(mine, PLANS, EXAMPLES[PlanCreate])
    assert (first["currencies"], first["commitment"]) == (
        ["EUR", "USD"],
        {"amount": "100", "currencies": {"USD": "110"}},
    )
    assert [(price["code"], price["currency"], price["interval_count"]) for price in first["prices"]][:4] == [
        ("base", "EUR", 1),
        ("base", "USD", 1),
        ("support", "EUR", 12),
        ("support", "USD", 12),
    ]
    second = await posted(mine, f"{PLANS}/pro/versions", EXAMPLES[PlanVersionCreate])
    assert (await mine.get("/v1/plans/pro")).json() == second
    assert (await mine.get("/v1/plans/pro@1")).json() == first
    gone = await posted(mine, f"{PLANS}/pro@2/deprecate", {}, 200)
    assert (gone["status"], gone["id"]) == ("deprecated", second["id"])
    versions = (await mine.get("/v1/plans/pro/versions", params={"limit": 1})).json()
    assert [plan["version"] for plan in versions["data"]] == [2]
    rest = (await mine.get("/v1/plans/pro/versions", params={"cursor": versions["next_cursor"]})).json()
    assert [plan["version"] for plan in rest["data"]] == [1]
    on_sale = (await mine.get("/v1/plans", params={"status": "active", "currency": "USD"})).json()["data"]
    assert [plan["id"] for plan in on_sale] == [first["id"]]
    assert (await other.get("/v1/plans/pro")).status_code == 404
    assert (await other.get("/v1/plans")).json()["data"] == []


async def test_everything_wrong_with_a_plan_is_pointed_at(clients: Clients) -> None:
    body = {
        "code": "pro",
        "name": "Pro",
        "currency": "JPY",
        "prices": [
            {"kind": "recurring", "name": "Base", "interval": "week", "price": {"model": "flat", "amount": "9.50"}},
            {
                "kind": "usage",
                "name": "Calls",
                "meter": "api-calls",
                "timing": "advance",
                "price": {"model": "per_unit"},
            },
        ],
    }
    problem = await posted(clients[0], PLANS, body, 422)
    assert [error["pointer"] for error in problem["errors"]] == [
        "/prices/0/interval",
        "/prices/0/price/amount",
        "/prices/1/timing",
        "/prices/1/price/unit_amount",
    ]
    problem = await posted(clients[0], PLANS, body | {"interval": "fortnight"}, 422)
    assert problem["errors"][0]["pointer"] == "/interval"


async def test_a_coupon_is_made_once_however_often_it_is_sent(clients: Clients) -> None:
    mine, other = clients
    answers = [
        await mine.post(COUPONS, json=EXAMPLES[CouponCreate], headers={"Idempotency-Key": "spring"}) for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    made = answers[0].json()
    assert answers[1].json() == made
    assert (made["percent_off"], made["times_redeemed"], made["status"]) == ("0.2", 0, "active")
    assert (await mine.get(f"{COUPONS}/SPRING")).json() == (await mine.get(f"{COUPONS}/{made['id']}")).json() == made
    assert (await posted(mine, f"{COUPONS}/SPRING/archive", {}, 200))["status"] == "archived"
    assert (await mine.get(COUPONS, params={"status": "active"})).json()["data"] == []
    assert (await other.get(f"{COUPONS}/SPRING")).status_code == 404
    problem = await posted(mine, COUPONS, {"code": "X", "name": "X", "percent_off": "20", "duration": "once"}, 422)
    assert problem["errors"][0]["pointer"] == "/percent_off"


async def test_a_customer_gets_a_rate_card_for_a_time(clients: Clients) -> None:
    mine, other = clients
    made = await posted(mine, CARDS, EXAMPLES[RateCardCreate])
    assert (made["valid_from"], made["default"]) == ("2026-01-01T00:00:00Z", False)
    overlapping = EXAMPLES[RateCardCreate] | {"code": "again"}
    assert (await posted(mine, CARDS, overlapping, 409))["errors"][0]["pointer"] == "/valid_from"
    ended = await posted(mine, f"{CARDS}/{made['id']}/end", EXAMPLES[RateCardEnd], 200)
    assert ended["valid_until"] == "2026-07-01T00:00:00Z"
    at = {"customer_id": "acme", "valid_at": "2026-08-01T00:00:00Z"}
    assert (await mine.get(CARDS, params=at)).json()["data"] == []
    naive = await mine.get(CARDS, params=at | {"valid_at": "2026-08-01T00:00:00"})
    assert (naive.status_code, naive.json()["errors"][0]["pointer"]) == (422, "/query/valid_at")
    assert (await posted(other, CARDS, EXAMPLES[RateCardCreate], 422))["errors"][0]["pointer"] == "/customer_id"
    assert (await other.get(f"{CARDS}/{made['id']}")).status_code == 404


async def test_operator_costs_are_kept_listed_and_taken_back(clients: Clients) -> None:
    mine, other = clients
    made = await posted(mine, COSTS, EXAMPLES[OperatorCostCreate])
    assert (await posted(mine, COSTS, EXAMPLES[OperatorCostCreate], 409))["code"] == "operator_cost_exists"
    assert (await mine.get(COSTS, params={"meter": "api-calls"})).json()["data"] == [made]
    assert (await other.get(COSTS)).json()["data"] == []
    assert (await other.delete(f"{COSTS}/{made['id']}")).status_code == 404
    assert (await mine.delete(f"{COSTS}/{made['id']}")).status_code == 204
    assert (await mine.get(COSTS)).json()["data"] == []


async def test_the_document_shows_a_request_of_each_kind(clients: Clients) -> None:
    told = (await clients[0].get("/openapi.json")).json()
    bodies = [
        operation["requestBody"]["content"]["application/json"]
        for methods in told["paths"].values()
        for operation in methods.values()
        if "requestBody" in operation
    ]
    assert len(bodies) == len(EXAMPLES)
    assert all("example" in body for body in bodies)
