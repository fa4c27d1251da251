"""Invoices, payments and the ledger as callers see them."""

from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import pytest

from books import TIERS, Books, flat
from corebilling.invoice.api import ROUTES as INVOICE_ROUTES
from corebilling.invoice.downloads import Downloads
from corebilling.invoice.files import Files
from corebilling.kernel.ids import new_id
from corebilling.ledger.api import ROUTES as LEDGER_ROUTES
from corebilling.payment.api import ROUTES as PAYMENT_ROUTES
from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database
from corebilling.platform.health import Health
from corebilling.platform.http.app import http_app
from corebilling.platform.http.auth import Authenticator
from corebilling.platform.http.routing import declaration_of
from corebilling.tenant.schemas import ApiKeyCreate

TENANT_SCOPES = ["billing:read", "billing:write"]


@pytest.fixture
async def books(db: Database) -> Books:
    return Books(db)


@pytest.fixture
async def client(books: Books, db: Database) -> AsyncIterator[httpx.AsyncClient]:
    services = {
        "invoice_service": lambda: books.invoices,
        "invoice_explanations": lambda: books.explaining,
        "payment_service": lambda: books.payments,
        "ledger_service": lambda: books.ledger,
        "download_service": lambda: Downloads(logos=books.tenants, files=Files(store=None)),
    }
    routes = [*INVOICE_ROUTES, *PAYMENT_ROUTES, *LEDGER_ROUTES]
    app = http_app(
        routes=[route for route in routes if set(declaration_of(route).endpoint.dependencies) <= services.keys()],
        dependencies=services,
        authenticator=Authenticator(database=db, keys=books.tenants, tokens=None),
        database=db,
        clock=wall_clock,
        health=Health({}),
        version="1.0",
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://corebilling") as made:
        yield made


async def key(books: Books, tenant_id: UUID, *scopes: str) -> dict[str, str]:
    """The header of a new API key."""
    async with books.db.tenants([tenant_id]) as tx:
        made = await books.tenants.create_api_key(tx, tenant_id, ApiKeyCreate(name="test", scopes=list(scopes)))
    return {"X-API-Key": str(made.secret)}


async def test_a_one_off_invoice_from_draft_to_void(client: httpx.AsyncClient, books: Books) -> None:
    tenant = await books.tenant()
    await books.customer(tenant)
    caller = await key(books, tenant, *TENANT_SCOPES)
    finance = await key(books, tenant, "platform.finance")
    body = {"customer_id": "acme", "lines": [{"description": "Consulting", "quantity": "1.5", "unit_amount": 80}]}

    drafted = await client.post("/v1/invoices", json=body, headers=caller | {"Idempotency-Key": "one"})
    again = await client.post("/v1/invoices", json=body, headers=caller | {"Idempotency-Key": "one"})
    assert drafted.status_code == 201, drafted.text
    assert again.json() == drafted.json()
    path = f"/v1/invoices/{drafted.json()['id']}"
    assert drafted.json()["lines"][0]["quantity"] == "1.5"

    final = await client.post(f"{path}/finalize", headers=caller)
    assert (final.status_code, final.json()["status"], final.json()["total_minor"]) == (200, "open", 12000)
    assert (await client.delete(path, headers=caller)).status_code == 409

    void = f"/v1/admin/invoices/{drafted.json()['id']}/void"
    assert (await client.post(void, json={"reason": "typo"}, headers=caller)).status_code == 403
    voided = await client.post(void, json={"reason": "typo"}, headers=finance)
    assert (voided.status_code, voided.json()["status"]) == (200, "void"), voided.text
    balance = (await client.get("/v1/ledger/trial-balance", headers=finance)).json()
    assert [total["difference_minor"] for total in balance["currencies"]] == [0]


async def test_a_draft_is_deleted(client: httpx.AsyncClient, books: Books) -> None:
    tenant = await books.tenant()
    await books.customer(tenant)
    caller = await key(books, tenant, *TENANT_SCOPES)
    body = {"customer_id": "acme", "lines": [{"description": "A", "unit_amount": "1"}]}
    path = f"/v1/invoices/{(await client.post('/v1/invoices', json=body, headers=caller)).json()['id']}"
    assert (await client.delete(path, headers=caller)).status_code == 204
    assert (await client.get(path, headers=caller)).status_code == 404


async def test_an_invoice_is_paid_in_pages_and_parts(client: httpx.AsyncClient, books: Books) -> None:
    tenant = await books.tenant()
    customer = await books.customer(tenant)
    caller = await key(books, tenant, *TENANT_SCOPES)
    finance = await key(books, tenant, "platform.finance")
    invoice = await books.invoice(tenant, customer, flat("20"), (TIERS, "2500"))
    for amount in (1000, 2000):
        body = {"invoice_id": str(invoice.id), "method": "bank_transfer", "reference": "r", "amount_minor": amount}
        paid = await client.post("/v1/payments", json=body, headers=caller)
        assert paid.status_code == 201, paid.text
    too_much = await client.post("/v1/payments", json=body | {"amount_minor": 99999}, headers=caller)
    assert (too_much.status_code, too_much.json()["code"]) == (409, "more_than_is_left")

    first = (await client.get("/v1/payments?limit=1", headers=caller)).json()
    rest = (await client.get(f"/v1/payments?limit=1&cursor={first['next_cursor']}", headers=caller)).json()
    assert [page["data"][0]["amount_minor"] for page in (first, rest)] == [2000, 1000]
    one = await client.get(f"/v1/payments/{paid.json()['id']}", headers=caller)
    assert one.json() == paid.json()

    seen: list[int] = []
    query: dict[str, str] | None = {"limit": "4"}
    while query:
        page = (await client.get("/v1/ledger/entries", params=query, headers=finance)).json()
        seen += [entry["amount_minor"] for entry in page["data"]]
        query = {"limit": "4", "cursor": page["next_cursor"]} if page["next_cursor"] else None
    assert seen == [-2000, 2000, -1000, 1000, -6750, 6750]
    late = await client.get("/v1/ledger/entries?from=2026-02-02T00:00:00Z&account=1000", headers=finance)
    assert [entry["amount_minor"] for entry in late.json()["data"]] == [2000, 1000]
    bad = await client.get("/v1/ledger/entries?from=2026-02-02T00:00:00", headers=finance)
    assert (bad.status_code, bad.json()["errors"][0]["pointer"]) == (422, "/query/from")
    assert (await client.get("/v1/ledger/entries?cursor=nonsense", headers=finance)).status_code == 422


async def test_lists_and_explanations_are_served(client: httpx.AsyncClient, books: Books) -> None:
    tenant = await books.tenant()
    customer = await books.customer(tenant)
    caller = await key(books, tenant, *TENANT_SCOPES)
    invoice = await books.invoice(tenant, customer, flat("20"), (TIERS, "2500"))
    listed = await client.get(f"/v1/invoices?status=open&customer_id={customer}", headers=caller)
    assert [row["number"] for row in listed.json()["data"]] == ["INV-2026-000001"]
    told = (await client.get(f"/v1/billing/invoices/{invoice.id}/explain", headers=caller)).json()
    assert told["calculation"] == "20.00 + 47.50 = 67.50 EUR"
    assert told["lines"][1]["steps"][1]["calculation"] == "1500 x 0.015 + 5 = 27.5"


async def test_another_tenant_finds_nothing(client: httpx.AsyncClient, books: Books) -> None:
    mine, other = await books.tenant(), await books.tenant()
    invoice = await books.invoice(other, await books.customer(other), flat("20"))
    caller = await key(books, mine, *TENANT_SCOPES)
    assert (await client.get("/v1/invoices", headers=caller)).json() == {"data": [], "next_cursor": None}
    for method, path in (("GET", ""), ("GET", "/explain"), ("POST", "/finalize"), ("DELETE", "")):
        answer = await client.request(method, f"/v1/invoices/{invoice.id}{path}", headers=caller)
        assert answer.status_code == 404, (method, path, answer.text)
    body = {"invoice_id": str(invoice.id), "method": "cash", "reference": "r"}
    assert (await client.post("/v1/payments", json=body, headers=caller)).status_code == 404
    assert (await client.get(f"/v1/payments/{new_id()}", headers=caller)).status_code == 404
    assert (await client.get("/v1/ledger/entries", headers=caller)).status_code == 403


@pytest.mark.parametrize(
    ("line", "pointer"),
    [
        ({"description": "A", "unit_amount": "NaN"}, "/lines/0/unit_amount"),
        ({"description": "A", "unit_amount": "1e400"}, "/lines/0/unit_amount"),
        ({"description": "A", "unit_amount": True}, "/lines/0/unit_amount"),
        ({"description": "", "unit_amount": "1"}, "/lines/0/description"),
        ({"description": "A", "unit_amount": "1", "tax": 1}, "/lines/0/tax"),
        ({"description": "A\u0000B", "unit_amount": "1"}, None),
    ],
)
async def test_bad_lines_are_refused_with_the_field_named(
    client: httpx.AsyncClient, books: Books, line: dict, pointer: str | None
) -> None:
    tenant = await books.tenant()
    await books.customer(tenant)
    caller = await key(books, tenant, *TENANT_SCOPES)
    answer = await client.post("/v1/invoices", json={"customer_id": "acme", "lines": [line]}, headers=caller)
    assert answer.status_code == 422, answer.text
    assert pointer is None or answer.json()["errors"][0]["pointer"] == pointer
