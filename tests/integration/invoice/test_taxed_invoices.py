"""Taxes from the draft to the ledger: what is stored, posted and told, and what the database refuses."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
from psycopg import errors

from books import Books, charge
from corebilling.invoice.api import invoices, tax_rates
from corebilling.invoice.schemas.tax_rates import TaxRateCreate
from corebilling.invoice.tax_rates import TaxRates
from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database
from corebilling.platform.health import Health
from corebilling.platform.http.app import http_app
from corebilling.platform.http.auth import Authenticator
from corebilling.platform.http.routing import declaration_of
from corebilling.tenant.schemas import ApiKeyCreate

VAT = {"name": "VAT", "rate": "0.2", "country": "FR"}
PARIS = {"city": "Paris", "country": "FR"}
SCOPES = ["billing:read", "billing:write", "billing:admin", "platform.finance"]


@pytest.fixture
def books(db: Database) -> Books:
    return Books(db)


@pytest.fixture
def rates() -> TaxRates:
    return TaxRates(clock=wall_clock)


@pytest.fixture
async def client(books: Books, rates: TaxRates) -> AsyncIterator[httpx.AsyncClient]:
    """The API with a key of a tenant in France, whose customer `acme` is in Paris."""
    tenant_id = await french(books)
    async with books.db.tenants([tenant_id]) as tx:
        key = await books.tenants.create_api_key(tx, tenant_id, ApiKeyCreate(name="test", scopes=SCOPES))
    services = {"invoice_service": lambda: books.invoices, "tax_rate_service": lambda: rates}
    routes = [*invoices.ROUTES, *tax_rates.ROUTES]
    app = http_app(
        routes=[route for route in routes if set(declaration_of(route).endpoint.dependencies) <= services.keys()],
        dependencies=services,
        authenticator=Authenticator(database=books.db, keys=books.tenants, tokens=None),
        database=books.db,
        clock=wall_clock,
        health=Health({}),
        version="1.0",
    )
    headers = {"X-API-Key": str(key.secret), "X-Test-Tenant": str(tenant_id)}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test", headers=headers) as made:
        yield made


async def french(books: Books, *wanted: dict[str, Any], **settings: Any) -> UUID:
    """A tenant with these rates, and a customer `acme` in Paris."""
    tenant_id = await books.tenant(country="FR", **settings)
    await books.customer(tenant_id, billing_address=PARIS)
    for rate in wanted:
        await keep(books, tenant_id, rate)
    return tenant_id


async def keep(books: Books, tenant_id: UUID, rate: dict[str, Any]) -> None:
    async with books.db.tenant(tenant_id) as tx:
        data = msgspec.convert(rate | {"rate": Decimal(rate["rate"])}, TaxRateCreate)
        await TaxRates(clock=wall_clock).create(tx, tenant_id, data)


async def sent(client: httpx.AsyncClient, path: str, body: Any = None) -> dict[str, Any]:
    answer = await client.post(path, json={} if body is None else body)
    assert answer.is_success, answer.text
    return dict(answer.json())


async def entries(books: Books, tenant_id: UUID, document: str) -> dict[str, int]:
    """The entries of a document's journals by account, netted."""
    async with books.db.tenant(tenant_id) as tx:
        query = (
            "SELECT account, sum(amount_minor)::bigint FROM entries JOIN journals USING (tenant_id, journal_id)"
            " WHERE tenant_id = %s AND document_id = %s GROUP BY account HAVING sum(amount_minor) <> 0"
        )
        return dict(await (await tx.conn.execute(query, (tenant_id, UUID(document)))).fetchall())


def tenant_of(client: httpx.AsyncClient) -> UUID:
    return UUID(client.headers["X-Test-Tenant"])


async def test_a_one_off_invoice_from_its_rate_to_the_tax_that_is_owed(client: httpx.AsyncClient, books: Books) -> None:
    rate = await sent(client, "/v1/admin/pricing/tax-rates", VAT)
    lines = [
        {"description": "Advice", "quantity": "3", "unit_amount": "33.33"},
        {"description": "Off", "unit_amount": "-0.05"},
    ]
    body = {"customer_id": "acme", "lines": lines}
    draft = await sent(client, "/v1/invoices", body)
    assert (draft["status"], draft["total_minor"]) == ("draft", 9994 + 1999)
    final = await sent(client, f"/v1/invoices/{draft['id']}/finalize")
    assert (final["subtotal_minor"], final["tax_minor"], final["total_minor"]) == (9994, 1999, 11993)
    told = {
        "code": rate["code"],
        "name": "VAT",
        "place": "FR",
        "category": "S",
        "rate": "0.2",
        "inclusive": False,
        "reason": None,
    }
    assert final["taxes"] == [told | {"taxable_minor": 9994, "tax_minor": 1999}]
    assert [line["taxes"] for line in final["lines"]] == [
        [told | {"taxable_minor": 9999, "tax_minor": 2000}],
        [told | {"taxable_minor": -5, "tax_minor": -1}],
    ]
    assert await entries(books, tenant_of(client), final["id"]) == {"1200": 11993, "4000": -9994, "2200": -1999}
    voided = await sent(client, f"/v1/admin/invoices/{draft['id']}/void", {"reason": "typo"})
    assert (voided["status"], voided["taxes"]) == ("void", final["taxes"])
    assert await entries(books, tenant_of(client), final["id"]) == {}


async def test_a_draft_is_taxed_afresh_when_it_is_finalised(client: httpx.AsyncClient, books: Books) -> None:
    draft = await sent(
        client, "/v1/invoices", {"customer_id": "acme", "lines": [{"description": "x", "unit_amount": "10"}]}
    )
    assert (draft["tax_minor"], draft["taxes"]) == (0, [])
    await sent(client, "/v1/admin/pricing/tax-rates", VAT | {"inclusive": True})
    final = await sent(client, f"/v1/invoices/{draft['id']}/finalize")
    assert (final["tax_minor"], final["included_tax_minor"], final["total_minor"]) == (0, 167, 1000)
    assert await entries(books, tenant_of(client), final["id"]) == {"1200": 1000, "4000": -833, "2200": -167}


async def test_periods_are_taxed_after_discounts_and_without_what_is_carried(books: Books) -> None:
    tenant_id = await french(books, VAT)
    async with books.db.tenant(tenant_id) as tx:
        customer = await books.customers.by_ref(tx, tenant_id, "acme")
    event = await books.rating(
        tenant_id, customer.customer_id,
        charge(1, "recurring", 10000, discount_minor=-1000),
        charge(2, "usage", 5000, discount_minor=-500),
        charge(3, "discount", -1500),
        charge(4, "carried", -3500),
    )  # fmt: skip
    await books.bill([event])
    async with books.db.tenant(tenant_id) as tx:
        found = await (
            await tx.conn.execute(
                "SELECT line_no, taxable_minor, tax_minor FROM invoice_line_taxes WHERE tenant_id = %s ORDER BY line_no",
                (tenant_id,),
            )
        ).fetchall()
        [(invoice_id, total)] = await (
            await tx.conn.execute("SELECT invoice_id, total_minor FROM invoices WHERE tenant_id = %s", (tenant_id,))
        ).fetchall()
    assert found == [(1, 6667, 1333), (2, 3333, 667)]
    assert total == 12000
    assert await entries(books, tenant_id, str(invoice_id)) == {
        "1200": 12000,
        "2200": -2000,
        "2310": 3500,
        "4000": -13500,
    }


async def test_tenants_of_one_batch_keep_their_own_taxes(books: Books) -> None:
    tenants = [await french(books, VAT), await french(books), await french(books, VAT | {"rate": "0.055"})]
    events = []
    for tenant_id in tenants:
        async with books.db.tenant(tenant_id) as tx:
            customer = await books.customers.by_ref(tx, tenant_id, "acme")
        events.append(await books.rating(tenant_id, customer.customer_id, charge(1, "usage", 10000)))
    await books.bill(events)
    totals = []
    for tenant_id in tenants:
        async with books.db.tenant(tenant_id) as tx:
            rows = await (
                await tx.conn.execute("SELECT total_minor FROM invoices WHERE tenant_id = %s", (tenant_id,))
            ).fetchall()
        totals.append(rows)
    assert totals == [[(12000,)], [(10000,)], [(10550,)]]


MORE = (
    "INSERT INTO invoice_line_taxes SELECT tenant_id, invoice_id, {line}, {no}, 'x', 'x', 'FR', 'S', 0.1, {within}, 1, 1, NULL"
    " FROM invoices"
)


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (MORE.format(line=1, no=2, within=False), errors.CheckViolation),
        (MORE.format(line=9, no=1, within=True), errors.CheckViolation),
        ("DELETE FROM invoice_line_taxes", errors.RestrictViolation),
        ("UPDATE invoice_line_taxes SET tax_minor = 1", errors.InsufficientPrivilege),
    ],
    ids=["one more", "one within a line that isn't there", "one less", "another amount"],
)
async def test_the_taxes_of_a_final_invoice_stay(
    client: httpx.AsyncClient, books: Books, change: str, refusal: type[Exception]
) -> None:
    await sent(client, "/v1/admin/pricing/tax-rates", VAT)
    lines = [{"description": "x", "unit_amount": "10"}]
    await sent(client, "/v1/invoices", {"customer_id": "acme", "lines": lines, "finalize": True})
    with pytest.raises(refusal):
        async with books.db.tenant(tenant_of(client)) as tx:
            await tx.conn.execute(change)
