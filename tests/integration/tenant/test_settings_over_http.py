"""The routes of settings, with keys of two tenants and the requests that the documentation shows."""

from collections.abc import AsyncIterator

import httpx
import pytest

from corebilling.platform.clock import wall_clock
from corebilling.platform.health import Health
from corebilling.platform.http.app import http_app
from corebilling.platform.http.auth import Authenticator
from corebilling.tenant.api import EXAMPLES, ROUTES
from corebilling.tenant.schemas import ApiKeyCreate, SettingsPatch
from parties import Parties

Clients = tuple[httpx.AsyncClient, httpx.AsyncClient]

LOGO = "/v1/settings/logo"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><rect width="1" height="1"/></svg>'
SCRIPT = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.fixture
async def clients(parties: Parties) -> AsyncIterator[Clients]:
    """An administrator of each of two tenants."""
    app = http_app(
        routes=ROUTES,
        dependencies={"tenant_service": lambda: parties.tenants},
        authenticator=Authenticator(database=parties.db, keys=parties.tenants, tokens=None),
        database=parties.db,
        clock=wall_clock,
        health=Health({}),
        version="1.0",
        examples=EXAMPLES,
    )
    transport = httpx.ASGITransport(app=app)
    made = []
    for name in ("mine", "other"):
        tenant_id = await parties.tenant(name)
        async with parties.db.tenants([tenant_id]) as tx:
            key = await parties.tenants.create_api_key(
                tx, tenant_id, ApiKeyCreate(name="admin", scopes=["billing:admin"])
            )
        headers = {"X-API-Key": str(key.secret)}
        made.append(httpx.AsyncClient(transport=transport, base_url="http://corebilling", headers=headers))
    yield made[0], made[1]
    for client in made:
        await client.aclose()


async def test_the_documented_change_shows_in_the_settings_and_in_nobody_elses(clients: Clients) -> None:
    mine, other = clients
    before = (await other.get("/v1/settings")).json()
    changed = await mine.patch("/v1/settings", json=EXAMPLES[SettingsPatch])
    assert changed.status_code == 200
    shown = (await mine.get("/v1/settings")).json()
    assert shown == changed.json()
    assert shown["legal"]["tax_ids"] == [{"kind": "eu_vat", "value": "FR40303265045"}]
    assert shown["invoicing"]["dunning"] == {"retry_days": [3, 5, 7], "finally_do": "cancel", "overdue": False}
    assert (await other.get("/v1/settings")).json() == before
    assert (before["legal"], before["invoicing"]["locale"]) == ({}, "en")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"invoicing": {"number_pattern": "{year}"}}, "/invoicing/number_pattern"),
        ({"invoicing": {"draft_hours": -1}}, "/invoicing/draft_hours"),
        ({"invoicing": {"dunning": {"finally_do": "sue"}}}, "/invoicing/dunning/finally_do"),
        ({"legal": {"tax_ids": [{"kind": "eu_vat", "value": "FR1"}]}}, "/legal/tax_ids/0/value"),
        ({"legal": {"vat": "FR1"}}, "/legal/vat"),
    ],
)
async def test_what_is_wrong_with_a_change_is_pointed_at(
    clients: Clients, body: dict[str, object], pointer: str
) -> None:
    answer = await clients[0].patch("/v1/settings", json=body)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_a_logo_comes_back_as_it_was_sent_and_runs_nothing_in_browsers(clients: Clients) -> None:
    mine, other = clients
    assert (await mine.get(LOGO)).status_code == 404
    for media_type in ("image/svg+xml", "application/octet-stream"):
        sent = await mine.put(LOGO, content=SVG, headers={"Content-Type": media_type})
        assert (sent.status_code, sent.content) == (204, b"")
    shown = await mine.get(LOGO)
    assert (shown.content, shown.headers["content-type"]) == (SVG, "image/svg+xml")
    assert shown.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert (await other.get(LOGO)).status_code == 404
    assert (await other.delete(LOGO)).status_code == 404
    assert (await mine.delete(LOGO)).status_code == 204
    assert (await mine.get(LOGO)).status_code == 404


@pytest.mark.parametrize("body", [b"", b"hello", SCRIPT, SVG + b" " * 262_144])
async def test_what_is_no_fit_logo_is_refused_and_leaves_the_one_before(clients: Clients, body: bytes) -> None:
    mine, _ = clients
    await mine.put(LOGO, content=SVG)
    refused = await mine.put(LOGO, content=body)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_logo")
    assert (await mine.get(LOGO)).content == SVG
