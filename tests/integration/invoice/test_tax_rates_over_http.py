"""The routes of tax rates, with keys of two tenants."""

from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import pytest
from psycopg import errors

from corebilling.invoice.api.examples import EXAMPLES
from corebilling.invoice.api.tax_rates import ROUTES
from corebilling.invoice.schemas.tax_rates import TaxRateCreate
from corebilling.invoice.tax_rates import TaxRates
from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database
from corebilling.platform.health import Health
from corebilling.platform.http.app import http_app
from corebilling.platform.http.auth import Authenticator
from corebilling.tenant.schemas import ApiKeyCreate
from parties import Parties

RATES = "/v1/admin/pricing/tax-rates"
QST = {"name": "QST", "rate": "0.09975", "country": "CA", "region": "ca-qc"}

Clients = tuple[httpx.AsyncClient, httpx.AsyncClient, httpx.AsyncClient]


@pytest.fixture
async def clients(db: Database) -> AsyncIterator[Clients]:
    """Clients of two tenants, and one of the first tenant that may only read."""
    parties = Parties(db)
    app = http_app(
        routes=ROUTES,
        dependencies={"tax_rate_service": lambda: TaxRates(clock=wall_clock)},
        authenticator=Authenticator(database=db, keys=parties.tenants, tokens=None),
        database=db,
        clock=wall_clock,
        health=Health({}),
        version="1.0",
        examples=EXAMPLES,
    )
    made = []
    tenants = [await parties.tenant(), await parties.tenant()]
    for tenant_id, scope in (
        (tenants[0], "billing:admin"),
        (tenants[1], "billing:admin"),
        (tenants[0], "billing:read"),
    ):
        async with db.tenants([tenant_id]) as tx:
            key = await parties.tenants.create_api_key(tx, tenant_id, ApiKeyCreate(name="test", scopes=[scope]))
        headers = {"X-API-Key": key.secret}
        made.append(httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test", headers=headers))
    yield made[0], made[1], made[2]
    for client in made:
        await client.aclose()


async def created(client: httpx.AsyncClient, **wanted: Any) -> dict[str, Any]:
    answer = await client.post(RATES, json=wanted)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_a_rate_is_made_shown_and_archived(clients: Clients) -> None:
    mine, _, _ = clients
    made = await created(mine, **QST)
    assert made["code"] == "qst-ca-qc-9.975"
    assert (made["rate"], made["region"], made["category"], made["status"]) == ("0.09975", "QC", "S", "active")
    assert (await mine.get(f"{RATES}/{made['id']}")).json() == made
    archived = (await mine.post(f"{RATES}/{made['id']}/archive")).json()
    assert archived["status"] == "archived"
    assert archived["archived_at"] is not None
    assert (await mine.post(f"{RATES}/{made['id']}/archive")).json() == archived


async def test_the_documented_request_works(clients: Clients) -> None:
    made = await created(clients[0], **EXAMPLES[TaxRateCreate])
    assert (made["rate"], made["reverse_charge"], made["valid_from"]) == ("0.2", True, None)


async def test_rates_are_listed_newest_first_with_filters_and_pages(clients: Clients) -> None:
    mine, _, _ = clients
    codes = ["gst", "qst", "old-vat", "vat"]
    await created(mine, name="GST", rate="0.05", country="CA", code="gst")
    await created(mine, **QST, code="qst")
    old = await created(mine, name="VAT", rate="0.19", country="FR", code="old-vat")
    await mine.post(f"{RATES}/{old['id']}/archive")
    await created(mine, name="VAT", rate="0.20", country="FR", code="vat", valid_from="2026-01-01")

    async def listed(**query: Any) -> list[str]:
        return [rate["code"] for rate in (await mine.get(RATES, params=query)).json()["data"]]

    assert await listed() == codes[::-1]
    assert await listed(country="CA") == ["qst", "gst"]
    assert await listed(name="vat", status="active") == ["vat"]
    assert await listed(status="archived") == ["old-vat"]
    first = (await mine.get(RATES, params={"limit": 3})).json()
    assert await listed(cursor=first["next_cursor"]) == ["gst"]


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"rate": "20"}, "/rate"),
        ({"rate": "-0.2"}, "/rate"),
        ({"rate": "0.1234567891"}, "/rate"),
        ({"country": "XX"}, "/country"),
        ({"region": "FR-"}, "/region"),
        ({"rate": "0", "category": "S"}, "/category"),
        ({"rate": "0", "category": "E"}, "/reason"),
        ({"category": "AE"}, "/category"),
        ({"valid_from": "2026-02-01", "valid_until": "2026-02-01"}, "/valid_until"),
    ],
)
async def test_a_rate_that_makes_no_sense_is_refused(clients: Clients, wrong: dict[str, str], pointer: str) -> None:
    answer = await clients[0].post(RATES, json={"name": "VAT", "rate": "0.2", "country": "FR", **wrong})
    assert answer.status_code == 422, answer.text
    assert [field["pointer"] for field in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize("body", [{"name": ""}, {"tax_category": "Books!"}, {"code": "a b"}, {"valid_from": "soon"}])
async def test_a_rate_of_the_wrong_form_is_refused(clients: Clients, body: dict[str, str]) -> None:
    answer = await clients[0].post(RATES, json={"name": "VAT", "rate": "0.2", "country": "FR", **body})
    assert answer.status_code in (400, 422), answer.text


async def test_codes_are_given_once_and_rates_of_one_kind_never_begin_together(clients: Clients) -> None:
    mine, other, _ = clients
    vat = {"name": "VAT", "rate": "0.2", "country": "FR"}
    first = await created(mine, **vat, code="vat")
    taken = await mine.post(RATES, json={**vat, "code": "vat", "country": "DE"})
    assert (taken.status_code, taken.json()["code"]) == (409, "tax_rate_exists")
    overlapping = await mine.post(RATES, json={**vat, "name": "vat", "code": "vat-2"})
    assert (overlapping.status_code, overlapping.json()["code"]) == (409, "tax_rate_overlaps")
    await created(mine, **vat, code="later", valid_from="2027-01-01")
    await created(other, **vat, code="vat")
    await mine.post(f"{RATES}/{first['id']}/archive")
    await created(mine, **vat, code="vat-3")


async def test_another_tenants_rates_are_as_if_they_were_not_there(clients: Clients) -> None:
    mine, other, _ = clients
    made = await created(mine, **QST)
    for answer in (await other.get(f"{RATES}/{made['id']}"), await other.post(f"{RATES}/{made['id']}/archive")):
        assert (answer.status_code, answer.json()["code"]) == (404, "tax_rate_not_found")
    assert (await other.get(RATES)).json()["data"] == []
    assert (await mine.get(f"{RATES}/{made['id']}")).json()["status"] == "active"


async def test_rates_are_for_administrators(clients: Clients) -> None:
    assert (await clients[2].get(RATES)).status_code == 403
    assert (await clients[2].post(RATES, json=QST)).status_code == 403


@pytest.mark.parametrize(
    "change", ["UPDATE tax_rates SET rate = 0.1", "UPDATE tax_rates SET valid_until = now()", "DELETE FROM tax_rates"]
)
async def test_the_terms_of_a_rate_never_change(db: Database, clients: Clients, change: str) -> None:
    parties = Parties(db)
    tenant_id = await parties.tenant()
    async with db.tenant(tenant_id) as tx:
        wanted = TaxRateCreate(name="VAT", rate=Decimal("0.2"), country="FR")
        await TaxRates(clock=wall_clock).create(tx, tenant_id, wanted)
    with pytest.raises(errors.InsufficientPrivilege):
        async with db.tenant(tenant_id) as tx:
            await tx.conn.execute(change)


async def test_the_database_takes_no_rate_that_makes_no_sense(db: Database) -> None:
    tenant_id = await Parties(db).tenant()
    row = "INSERT INTO tax_rates VALUES (%s, gen_random_uuid(), %s, 'x', %s, 'FR', NULL, NULL, false, false, %s, NULL, %s, %s, NULL, now())"
    for values in (("a", 0, "S", None, None), ("b", 0.2, "E", None, None), ("c", 0.2, "S", date.max, date.min)):
        with pytest.raises(errors.CheckViolation):
            async with db.tenant(tenant_id) as tx:
                await tx.conn.execute(row, (tenant_id, *values))
