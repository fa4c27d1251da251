"""Who may call, and for which tenant."""

import time
from typing import Any

import httpx
import jwt
import psycopg
import pytest
from http_callers import KeyServer, World, bearer, key
from http_notes import StoredKeys

from corebilling.platform.db import Database


async def code(response: httpx.Response) -> tuple[int, str]:
    assert response.headers["content-type"] == "application/problem+json"
    return response.status_code, response.json()["code"]


async def test_a_key_is_looked_up_once_and_then_remembered(client: httpx.AsyncClient, stored_keys: StoredKeys) -> None:
    for _ in range(5):
        assert (await client.get("/v1/notes", headers=key("one"))).status_code == 200
    assert stored_keys.lookups == 1


async def test_each_tenant_sees_its_own_notes_only(client: httpx.AsyncClient) -> None:
    await client.post("/v1/notes", headers=key("one"), json={"text": "of one"})
    await client.post("/v1/notes", headers=key("two"), json={"text": "of two"})
    mine = (await client.get("/v1/notes", headers=key("one"))).json()["data"]
    theirs = (await client.get("/v1/notes", headers=key("two"))).json()["data"]
    assert [note["text"] for note in mine] == ["of one"]
    assert [note["text"] for note in theirs] == ["of two"]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, (401, "no_credential")),
        ({"X-API-Key": "nobody"}, (401, "invalid_api_key")),
        ({"X-API-Key": "\x00\x7f"}, (401, "invalid_api_key")),
        ({"X-API-Key": "suspended"}, (403, "tenant_suspended")),
        ({"Authorization": "Basic abc"}, (401, "invalid_token")),
        ({"Authorization": "Bearer not.a.token"}, (401, "invalid_token")),
        ({"Authorization": "Bearer"}, (401, "invalid_token")),
    ],
)
async def test_a_caller_that_cannot_show_who_it_is_is_refused(
    client: httpx.AsyncClient, headers: dict[str, str], expected: tuple[int, str]
) -> None:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    if b"\x00" in b"".join(value for _, value in raw):
        raw = [(name, value.replace(b"\x00", b"").replace(b"\x7f", b"\xe9")) for name, value in raw]
    response = await client.get("/v1/notes", headers=raw)
    assert await code(response) == expected
    assert expected[0] != 401 or "www-authenticate" in response.headers


async def test_a_route_asks_for_its_scope(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/notes", headers=key("reader"))).status_code == 200
    refused = await client.post("/v1/notes", headers=key("reader"), json={"text": "x"})
    assert await code(refused) == (403, "scope_missing")


async def test_the_credential_is_asked_for_before_anything_else_is_looked_at(client: httpx.AsyncClient) -> None:
    assert await code(await client.get("/v1/notes?limit=wrong")) == (401, "no_credential")
    assert await code(await client.post("/v1/notes", content=b"{")) == (401, "no_credential")


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_a_token_of_an_allowed_algorithm_is_taken(
    client: httpx.AsyncClient, key_server: KeyServer, world: World, algorithm: str
) -> None:
    key_server.add("another", algorithm)
    token = key_server.token("another", tenant_id=str(world.one), scope=["billing:read", "x"])
    assert (await client.get("/v1/notes", headers=bearer(token))).status_code == 200
    assert (await client.get("/v1/notes", headers=bearer(token))).status_code == 200
    assert key_server.fetched == 1


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"exp": 1}, "token_expired"),
        ({"exp": None}, "invalid_token"),
        ({"aud": "another"}, "invalid_token"),
        ({"aud": None}, "invalid_token"),
        ({"iss": "https://another.example"}, "invalid_token"),
        ({"nbf": time.time() + 3600}, "invalid_token"),
        ({"tenant_id": "not a uuid"}, "invalid_token"),
        ({"tenant_id": None}, "invalid_token"),
        ({"tenant_id": "00000000-0000-7000-8000-000000000001"}, "unknown_tenant"),
        ({"tenant_id": 7}, "invalid_token"),
    ],
)
async def test_a_token_whose_claims_do_not_hold_is_refused(
    client: httpx.AsyncClient, key_server: KeyServer, world: World, claims: dict[str, Any], expected: str
) -> None:
    token = key_server.token(**({"tenant_id": str(world.one)} | claims))
    assert await code(await client.get("/v1/notes", headers=bearer(token))) == (401, expected)


async def test_scopes_that_are_not_text_are_no_scopes(
    client: httpx.AsyncClient, key_server: KeyServer, world: World
) -> None:
    token = key_server.token(tenant_id=str(world.one), scope=7)
    assert await code(await client.get("/v1/notes", headers=bearer(token))) == (403, "scope_missing")


async def test_a_token_of_a_suspended_tenant_is_refused(
    client: httpx.AsyncClient, key_server: KeyServer, world: World
) -> None:
    token = key_server.token(tenant_id=str(world.suspended))
    assert await code(await client.get("/v1/notes", headers=bearer(token))) == (403, "tenant_suspended")


async def test_unsigned_symmetric_and_forged_tokens_are_refused(
    client: httpx.AsyncClient, key_server: KeyServer, world: World
) -> None:
    claims = {"tenant_id": str(world.one), "exp": time.time() + 60, "scope": "billing:read"}
    key_server.add("stranger", "RS256")
    forged = key_server.token("rsa-1", signed_by="stranger", tenant_id=str(world.one))
    del key_server.keys["stranger"]
    unsigned = jwt.encode(claims, None, algorithm="none", headers={"kid": "rsa-1"})
    symmetric = jwt.encode(claims, "s" * 64, algorithm="HS256", headers={"kid": "rsa-1"})
    for token in (forged, unsigned, symmetric):
        assert await code(await client.get("/v1/notes", headers=bearer(token))) == (401, "invalid_token")


async def test_a_key_published_later_is_found_and_an_unknown_one_refused(
    client: httpx.AsyncClient, key_server: KeyServer, world: World
) -> None:
    tenant_id = str(world.one)
    assert (await client.get("/v1/notes", headers=bearer(key_server.token(tenant_id=tenant_id)))).status_code == 200
    key_server.add("rotated", "ES256")
    rotated = key_server.token("rotated", tenant_id=tenant_id)
    assert (await client.get("/v1/notes", headers=bearer(rotated))).status_code == 200
    key_server.add("never-published", "ES256")
    unknown = key_server.token("never-published", tenant_id=tenant_id)
    del key_server.keys["never-published"]
    assert await code(await client.get("/v1/notes", headers=bearer(unknown))) == (401, "unknown_key")


async def test_keys_of_a_kind_we_do_not_use_are_left_out(
    client: httpx.AsyncClient, key_server: KeyServer, world: World
) -> None:
    key_server.more = [{"kty": "oct", "kid": "s", "k": "c2VjcmV0"}, {"kty": "RSA", "kid": "torn"}, {"kid": 1}, {}]
    token = key_server.token(tenant_id=str(world.one))
    assert (await client.get("/v1/notes", headers=bearer(token))).status_code == 200


async def test_without_its_key_server_known_keys_stay_good_and_unknown_ones_answer_503(
    client: httpx.AsyncClient, key_server: KeyServer, world: World
) -> None:
    tenant_id = str(world.one)
    assert (await client.get("/v1/notes", headers=bearer(key_server.token(tenant_id=tenant_id)))).status_code == 200

    key_server.add("later", "ES256")
    later = key_server.token("later", tenant_id=tenant_id)
    key_server.keys["broken"] = ("RS256", None)  # publishing fails from here on
    fresh = key_server.token(tenant_id=tenant_id, sub="somebody else")
    assert (await client.get("/v1/notes", headers=bearer(fresh))).status_code == 200
    refused = await client.get("/v1/notes", headers=bearer(later))
    assert await code(refused) == (503, "jwks_unavailable")
    assert "retry-after" in refused.headers


async def test_a_tenant_named_by_a_tenants_own_caller_is_refused(
    client: httpx.AsyncClient, key_server: KeyServer, world: World
) -> None:
    forged = {"X-Tenant-ID": str(world.two)}
    assert await code(await client.get("/v1/notes", headers=key("one", **forged))) == (403, "tenant_not_yours")
    token = bearer(key_server.token(tenant_id=str(world.one)))
    assert await code(await client.get("/v1/notes", headers=token | forged)) == (403, "tenant_not_yours")


async def test_a_tenants_own_key_stays_inside_its_tenant_whatever_its_scopes(
    client: httpx.AsyncClient, world: World
) -> None:
    forged = {"X-Tenant-ID": str(world.two)}
    assert (await client.get("/v1/notes", headers=key("bookkeeper"))).status_code == 200
    assert await code(await client.get("/v1/notes", headers=key("bookkeeper", **forged))) == (403, "tenant_not_yours")
    assert await code(await client.get("/v1/all-notes", headers=key("bookkeeper"))) == (403, "platform_only")
    body = {"text": "across"}
    across = await client.post(f"/v1/tenant-notes/{world.two}", headers=key("bookkeeper"), json=body)
    assert await code(across) == (403, "platform_only")


async def test_a_token_with_a_platform_scope_may_name_the_tenant(
    client: httpx.AsyncClient, key_server: KeyServer, world: World
) -> None:
    token = bearer(key_server.token(scope="platform.finance billing:read"))
    named = await client.get("/v1/notes", headers=token | {"X-Tenant-ID": str(world.two)})
    assert named.status_code == 200
    assert await code(await client.get("/v1/notes", headers=token)) == (422, "tenant_not_named")


async def test_a_token_of_a_tenant_stays_inside_it_whatever_its_scopes(
    client: httpx.AsyncClient, key_server: KeyServer, world: World
) -> None:
    token = bearer(key_server.token(tenant_id=str(world.one), scope="platform.finance billing:read"))
    named = {**token, "X-Tenant-ID": str(world.two)}
    assert await code(await client.get("/v1/notes", headers=named)) == (403, "tenant_not_yours")
    assert await code(await client.get("/v1/all-notes", headers=token)) == (403, "platform_only")


async def test_a_platform_caller_must_name_the_tenant(client: httpx.AsyncClient, world: World) -> None:
    assert await code(await client.get("/v1/notes", headers=key("platform"))) == (422, "tenant_not_named")
    for named, expected in (
        ("x", (422, "invalid_tenant_id")),
        (str(world.one)[:-4] + "0000", (404, "tenant_not_found")),
    ):
        response = await client.get("/v1/notes", headers=key("platform", **{"X-Tenant-ID": named}))
        assert await code(response) == expected


async def test_what_a_platform_caller_does_for_a_tenant_is_audited_with_the_act(
    client: httpx.AsyncClient, world: World, owner_url: str
) -> None:
    named = key("platform", **{"X-Tenant-ID": str(world.two)})
    written = await client.post("/v1/billing/notes", headers=named, json={"text": "by the platform"})
    refused = await client.post("/v1/notes", headers=named, json={"text": "refused"})
    read = await client.get("/v1/notes", headers=named)
    assert [r.status_code for r in (written, refused, read)] == [201, 409, 200]
    with psycopg.connect(owner_url) as conn:
        rows = conn.execute(
            "SELECT request_id, actor, action FROM audit_events WHERE tenant_id = %s AND request_id = ANY(%s) ORDER BY id",
            (world.two, [r.headers["x-request-id"] for r in (written, refused, read)]),
        ).fetchall()
    assert rows == [
        (written.headers["x-request-id"], "api_key:platform", "POST /v1/notes"),
        (read.headers["x-request-id"], "api_key:platform", "GET /v1/notes"),
    ]


async def test_the_audit_trail_cannot_be_changed(client: httpx.AsyncClient, world: World, db: Database) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with db.system() as tx:
            found = await tx.conn.execute("DELETE FROM audit_events RETURNING id")
            await found.fetchall()


async def test_even_the_owner_cannot_change_the_audit_trail(owner_url: str, world: World) -> None:
    with psycopg.connect(owner_url, autocommit=True) as conn:
        for statement in ("UPDATE audit_events SET actor = ''", "DELETE FROM audit_events", "TRUNCATE audit_events"):
            with pytest.raises(psycopg.errors.RestrictViolation):
                conn.execute(statement)


async def test_work_across_tenants_is_for_platform_callers(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/all-notes", headers=key("platform"))).status_code == 200
    assert await code(await client.get("/v1/all-notes", headers=key("one"))) == (403, "platform_only")


async def test_a_public_route_asks_for_nothing(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/ping")).status_code == 200
