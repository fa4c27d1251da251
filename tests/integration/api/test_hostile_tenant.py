"""Tenant A tries everything that the API offers on tenant B: it learns nothing, changes nothing, and can't tell whether
what it names exists. Every route of the route table is tried, so a new one is covered without a line here."""

import json
import re
from typing import Any
from uuid import uuid4

import httpx
import pytest
from routes_under_test import Operation, Reference, operations
from two_worlds import FEBRUARY, UUIDS, Guard, Rows

from corebilling.cli.local import LocalInstallation
from factories import EVERY_SCOPE, Api, event, new_key

TENANTS_OWN = [o for o in operations() if o.scope is not None and o.scope != "platform.admin"]
NAMING = [(o, r) for o in TENANTS_OWN for r in o.references]
WITH_BODY = [o for o in TENANTS_OWN if o.body_schema is not None]


def absent(like: str) -> str:
    """A name of the same shape that nobody has."""
    return str(uuid4()) if UUIDS.fullmatch(like) else f"{uuid4().hex[:12]}-{like.rpartition('-')[2]}"


def shape(answer: httpx.Response, sent: str) -> Any:
    """What an answer tells beside the value that was sent and the ids that every answer has anew."""
    if not answer.is_success:
        return answer.status_code, re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+", "", UUIDS.sub("", answer.text.replace(sent, "")))
    if "json" not in answer.headers.get("content-type", ""):
        return answer.status_code, answer.content[:4]
    told = answer.json() if answer.content else {}
    return answer.status_code, sorted(told), len(told.get("data", [])) if isinstance(told.get("data", []), list) else 0


@pytest.mark.parametrize(("operation", "place"), NAMING, ids=lambda value: getattr(value, "name", None) or str(value))
async def test_what_is_foreign_looks_like_what_is_absent(
    operation: Operation, place: Reference, attacker: Api, guard: Guard
) -> None:
    for foreign in guard.b.references[place.name]:
        tried = await attacker.send(**operation.request(guard.a.own, place, foreign))
        unknown = absent(foreign)
        compared = await attacker.send(**operation.request(guard.a.own, place, unknown))
        if foreign not in guard.a.references[place.name]:  # both have an invoice of the first number
            assert shape(tried, foreign) == shape(compared, unknown), (tried.text, compared.text)
            assert not tried.is_success or not tried.json()["data"], tried.text
        assert tried.status_code < 500
        if place.place == "body":
            assert tried.status_code in {404, 422}, f"a foreign {place.name} was taken: {tried.text}"
            assert tried.json()["code"] != "invalid_body", f"the sample doesn't fit: {tried.text}"
        guard.assert_nothing_told(tried.text, foreign)
    guard.assert_unchanged()


@pytest.mark.parametrize("operation", TENANTS_OWN, ids=str)
async def test_naming_the_other_tenant_in_the_header_is_refused(
    operation: Operation, attacker: Api, guard: Guard
) -> None:
    answers = [
        await attacker.send(**operation.request(guard.a.own), headers={"X-Tenant-ID": tenant_id})
        for tenant_id in (guard.b.tenant_id, str(uuid4()))
    ]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert answers[0].json()["code"] == answers[1].json()["code"] == "tenant_not_yours"
    guard.assert_unchanged()


@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
async def test_a_forged_tenant_id_in_a_body_is_an_unknown_field(
    operation: Operation, attacker: Api, guard: Guard
) -> None:
    answer = await attacker.send(**operation.request(guard.a.own, tenant_id=guard.b.tenant_id))
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == "/tenant_id"
    guard.assert_unchanged()


@pytest.mark.parametrize("operation", [o for o in TENANTS_OWN if o.method == "GET"], ids=str)
async def test_reading_shows_nothing_of_the_other_tenant(operation: Operation, attacker: Api, guard: Guard) -> None:
    """Whatever A may read, all pages of it, also when the query says that the tenant is B."""
    request = operation.request(guard.a.own)
    for forged in ({}, {"tenant_id": guard.b.tenant_id}, {"tenant": guard.b.tenant_id}):
        cursor: dict[str, str] = {}
        while True:
            answer = await attacker.send(**request | {"params": request["params"] | forged | cursor})
            assert answer.status_code in {200, 404}, answer.text
            if answer.headers["content-type"] != "application/pdf":
                guard.assert_nothing_told(_own_words_left_out(answer))
            following = answer.json().get("next_cursor") if "json" in answer.headers["content-type"] else None
            if following is None:
                break
            cursor = {"cursor": following}


def _own_words_left_out(answer: httpx.Response) -> str:
    """A's rejected events repeat what A sent, the names of B's that it tried among it."""
    if answer.is_success and answer.url.path.endswith("/usage/rejections"):
        told = [{k: v for k, v in row.items() if k not in {"item", "detail"}} for row in answer.json()["data"]]
        return json.dumps(told)
    return answer.text


async def test_a_cursor_of_the_other_tenant_shows_ones_own_things_only(
    installation: LocalInstallation, attacker: Api, guard: Guard
) -> None:
    async with Api(installation.api.url, guard.b.key) as other:
        for path in ("/v1/invoices", "/v1/ledger/entries", "/v1/webhook-deliveries"):
            cursor = (await other.get(path, limit=1))["next_cursor"]
            answer = await attacker.send("GET", path, params={"cursor": cursor})
            assert answer.status_code == 200, answer.text
            guard.assert_nothing_told(answer.text, cursor)


async def test_usage_named_by_any_of_its_names_stays_away_from_the_other_tenant(attacker: Api, guard: Guard) -> None:
    own, other = guard.a.own, guard.b.references
    items = [event(own["meter"], name, FEBRUARY, "1") for name in other["customer_id"]]
    items += [event(own["meter"], "-", FEBRUARY, "1") | {"subscription_id": name} for name in other["subscription_id"]]
    items += [event(other["meter"][0], own["customer_id"], FEBRUARY, "1")]
    answer = await attacker.post("/v1/usage", items)
    assert (answer["accepted"], answer["rejected"]) == (0, len(items))
    cloud = {
        "specversion": "1.0", "id": "e", "source": "/x", "type": own["meter"], "time": FEBRUARY.isoformat(),
        "subject": other["subscription_id"][0], "tenantid": guard.b.tenant_id, "data": {"value": 1},
    }  # fmt: skip
    forged = await attacker.send(
        "POST", "/v1/usage", json=cloud, headers={"Content-Type": "application/cloudevents+json"}
    )
    assert forged.status_code == 422, forged.text
    guard.assert_unchanged()


async def test_usage_of_the_other_tenant_can_neither_be_taken_back_nor_put_right(
    installation: LocalInstallation, attacker: Api, guard: Guard
) -> None:
    async with Api(installation.api.url, guard.b.key) as other:
        counted = (await other.get("/v1/usage/events", subscription_id=guard.b.own["subscription_id"]))["data"]
    for found in counted:
        named = {"id": found["id"], "reason": "mischief"}
        for body in (named, named | {"timestamp": found["timestamp"]}):
            for path, sent in (("void", body), ("amend", body | {"change": {"value": "1"}})):
                answer = await attacker.send("POST", f"/v1/usage/events/{path}", json=sent)
                assert (answer.status_code, answer.json()["code"]) == (404, "usage_event_not_found"), answer.text
    assert counted
    guard.assert_unchanged()


@pytest.mark.parametrize("operation", [o for o in operations() if o.scope == "platform.admin"], ids=str)
async def test_a_tenant_has_no_business_on_the_platforms_routes(
    operation: Operation, attacker: Api, guard: Guard
) -> None:
    references = [r for r in operation.references if r.place == "path"] or [None]
    for place in references:
        for value in (guard.b.references[place.name][0], str(uuid4())) if place else ("",):
            answer = await attacker.send(**operation.request(guard.a.own, place, value))
            assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    guard.assert_unchanged()


async def test_a_tenants_key_stays_inside_its_tenant_even_with_a_platform_scope(
    installation: LocalInstallation, platform: Api, guard: Guard, rows: Rows
) -> None:
    body = {"name": "greedy", "scopes": ["platform.admin"]}
    refused = await platform.send("POST", f"/v1/tenants/{guard.a.tenant_id}/api-keys", json=body)
    assert refused.status_code == 422, refused.text

    key = await new_key(platform, guard.a.tenant_id, *EVERY_SCOPE)
    rows.run(
        "UPDATE api_keys SET scopes = scopes || '{platform.admin}' WHERE tenant_id = %s AND last_four = %s",
        guard.a.tenant_id, key[-4:],
    )  # fmt: skip
    async with Api(installation.api.url, key) as greedy:
        for operation in (o for o in operations() if o.scope == "platform.admin"):
            places = [r for r in operation.references if r.name == "tenant_id"] or [None]
            answer = await greedy.send(**operation.request(guard.a.own, places[0], guard.b.tenant_id))
            assert (answer.status_code, answer.json()["code"]) == (403, "platform_only"), (str(operation), answer.text)
        named = await greedy.send("GET", "/v1/invoices", headers={"X-Tenant-ID": guard.b.tenant_id})
        assert named.status_code == 403
    guard.assert_unchanged()


async def test_what_is_public_tells_nothing_of_anybody(installation: LocalInstallation, guard: Guard) -> None:
    async with Api(installation.api.url) as nobody:
        for operation in (o for o in operations() if o.scope is None and o.method == "GET"):
            answer = await nobody.send(operation.method, operation.path)
            assert answer.status_code == 200, str(operation)
            guard.assert_nothing_told(answer.text)
            assert guard.a.name not in answer.text
