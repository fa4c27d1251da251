"""Tenants and all that billing needs, made over HTTP as a customer of the product would make it."""

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx

from corebilling.cli.client import until

EVERY_SCOPE = ("usage:write", "billing:read", "billing:write", "billing:admin", "platform.finance")
PATIENCE_SECONDS = 60.0


class Api:
    """One caller. `get`, `post`, `patch` and `delete` answer JSON and fail the test on an error; `send` answers anything."""

    def __init__(self, url: str, key: str | None = None, *, tenant_id: str | None = None) -> None:
        headers = {} if key is None else {"X-API-Key": key}
        if tenant_id is not None:
            headers["X-Tenant-ID"] = tenant_id
        self.url = url
        self._http = httpx.AsyncClient(base_url=url, headers=headers, timeout=60)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def send(self, method: str, path: str, **request: Any) -> httpx.Response:
        """Whatever is answered."""
        return await self._http.request(method, path, **request)

    async def get(self, path: str, **query: Any) -> Any:
        return await self._expect("GET", path, params=query)

    async def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return await self._expect("POST", path, json={} if body is None else body, headers=headers)

    async def put(self, path: str, body: Any) -> Any:
        return await self._expect("PUT", path, json=body)

    async def patch(self, path: str, body: Any) -> Any:
        return await self._expect("PATCH", path, json=body)

    async def delete(self, path: str) -> Any:
        return await self._expect("DELETE", path)

    async def all(self, path: str, **query: Any) -> list[Any]:
        """Every item of a list, over all of its pages, newest first."""
        items, cursor = [], None
        while True:
            page = await self.get(path, limit=500, **query, **({"cursor": cursor} if cursor else {}))
            items += page["data"]
            if (cursor := page["next_cursor"]) is None:
                return items

    async def _expect(self, method: str, path: str, **request: Any) -> Any:
        answer = await self.send(method, path, **request)
        assert answer.is_success, f"{method} {path} answered {answer.status_code}: {answer.text}"
        return answer.json() if answer.content else None


class Seller:
    """A sandbox tenant, and short ways to tell a billing story with it."""

    def __init__(self, tenant_id: str, key: str, api: Api) -> None:
        self.id = tenant_id
        self.key = key
        self.api = api

    async def advance(self, to: datetime) -> None:
        """Move the test clock; returns once all that fell due on the way is billed."""
        await self.api.post("/v1/test-clock/advance", {"to": to.isoformat()})

        async def arrived() -> bool:
            return (await self.api.get("/v1/test-clock"))["status"] == "ready"

        await until(arrived, seconds=PATIENCE_SECONDS, what=f"the clock to reach {to}", every_seconds=0.05)

    async def meter(self, code: str, aggregation: str, **wanted: str) -> None:
        await self.api.post("/v1/meters", {"code": code, "aggregation": aggregation, **wanted})

    async def plan(self, code: str, *prices: dict[str, Any], currency: str = "EUR", **wanted: Any) -> dict[str, Any]:
        body = {"code": code, "name": code.title(), "currency": currency, "prices": list(prices), **wanted}
        return await self.api.post("/v1/admin/pricing/plans", body)

    async def customer(self, external_id: str, **wanted: Any) -> dict[str, Any]:
        body = {"external_id": external_id, "name": external_id.title(), **wanted}
        return await self.api.post("/v1/customers", body)

    async def subscribe(self, customer: str, plan: str, **wanted: Any) -> dict[str, Any]:
        return await self.api.post("/v1/subscriptions", {"customer_id": customer, "plan": plan, **wanted})

    async def use(self, events: Iterable[dict[str, Any]]) -> None:
        """Report usage, all of which must be accepted."""
        sent = list(events)
        answer = await self.api.post("/v1/usage", sent)
        assert answer["accepted"] == len(sent), answer

    async def invoices(self, **filters: str) -> list[dict[str, Any]]:
        """Invoices with their lines, in the order of their numbers."""
        found = await self.api.all("/v1/invoices", **filters)
        whole = [await self.api.get(f"/v1/invoices/{invoice['id']}") for invoice in found]
        return sorted(whole, key=lambda invoice: invoice["number"] or "")

    async def only_invoice(self, **filters: str) -> dict[str, Any]:
        (invoice,) = await self.invoices(**filters)
        return invoice

    async def balances(self, currency: str = "EUR") -> dict[str, int]:
        """The ledger's accounts that aren't empty, debits positive, by name; their sum must be zero."""
        for found in (await self.api.get("/v1/ledger/trial-balance"))["currencies"]:
            assert found["difference_minor"] == 0, found
            if found["currency"] == currency:
                return {a["name"]: a["balance_minor"] for a in found["accounts"] if a["balance_minor"]}
        return {}


async def new_key(platform: Api, tenant_id: str, *scopes: str) -> str:
    """The secret of a new key of that tenant."""
    body = {"name": "test", "scopes": list(scopes or EVERY_SCOPE)}
    secret = (await platform.post(f"/v1/tenants/{tenant_id}/api-keys", body))["secret"]
    assert isinstance(secret, str)
    return secret


NewSeller = Callable[..., Awaitable[Seller]]
"""Makes sandbox tenants: `await new_tenant("Acme", clock_at)`."""


async def new_seller(
    platform: Api, name: str, clock_at: datetime | None, *, currency: str = "EUR", **wanted: Any
) -> Seller:
    """A sandbox whose clock stands at that instant (on wall time without one), and a key with every scope of a tenant."""
    body = {"name": name, "currency": currency, "sandbox": True, **wanted}
    if clock_at is not None:
        body["clock_at"] = clock_at.isoformat()
    tenant = await platform.post("/v1/tenants", body)
    key = await new_key(platform, tenant["id"])
    return Seller(tenant["id"], key, Api(platform.url, key))


def recurring(name: str, amount: str) -> dict[str, Any]:
    """A price due once a period."""
    return {"kind": "recurring", "name": name, "price": {"model": "flat", "amount": amount}}


def metered(name: str, meter: str, price: dict[str, Any], unit: str | None = None) -> dict[str, Any]:
    """A price on what a meter counted."""
    return {"kind": "usage", "name": name, "meter": meter, "price": price, **({"unit": unit} if unit else {})}


def per_unit(amount: str) -> dict[str, Any]:
    return {"model": "per_unit", "unit_amount": amount}


def graduated(*tiers: tuple[str | None, str, str]) -> dict[str, Any]:
    """Tiers of (up to and including, amount a unit, flat amount on entering)."""
    return {
        "model": "graduated",
        "tiers": [{"up_to": up_to, "unit_amount": unit, "flat_amount": flat} for up_to, unit, flat in tiers],
    }


def event(
    meter: str, owner: str, at: datetime, value: str | Decimal | None = None, **properties: Any
) -> dict[str, Any]:
    """A usage event of a customer, with an id of its own."""
    made: dict[str, Any] = {"id": uuid4().hex, "meter": meter, "customer_id": owner, "timestamp": at.isoformat()}
    if value is not None:
        made["value"] = str(value)
    if properties:
        made["properties"] = properties
    return made


def spread(start: datetime, end: datetime, count: int) -> list[datetime]:
    """That many instants over a period, evenly, none at its very end."""
    return [start + (end - start) * number / count for number in range(count)]


def hours(count: int) -> timedelta:
    return timedelta(hours=count)
