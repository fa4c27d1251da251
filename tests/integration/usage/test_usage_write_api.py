"""Quotas, corrections and retries over HTTP."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import msgspec
from usage_scene import Scene, key_of

from corebilling.tenant.schemas import ApiKeyCreate

_DEADLINE_SECONDS = 20


def _wire(scene: Scene, **change: Any) -> dict[str, Any]:
    return dict(msgspec.json.decode(msgspec.json.encode(scene.event(**change))))


async def _platform_key(scene: Scene) -> str:
    async with scene.db.system() as tx:
        wanted = ApiKeyCreate(name="test", scopes=["platform.admin"])
        made = await scene.parties.tenants.create_platform_key(tx, wanted)
    assert made.secret is not None
    return made.secret


async def test_a_hard_quota_answers_429_until_the_period_ends(scene: Scene, client: httpx.AsyncClient) -> None:
    body = {"customer_id": "acme", "meter": "data", "period": "hour", "limit": "2"}
    made = await client.post("/v1/usage/quotas", json=body)
    assert made.status_code == 201
    both = await client.post("/v1/usage", json=[_wire(scene, value="2"), _wire(scene, value="1")])
    assert both.status_code == 202
    assert [item.get("code", item["status"]) for item in both.json()["items"]] == ["accepted", "quota_exceeded"]
    assert 0 < both.json()["items"][1]["retry_after_seconds"] <= 3_600
    for refused in (_wire(scene, value="1"), [_wire(scene, value="1"), _wire(scene, value="3")]):
        answer = await client.post("/v1/usage", json=refused)
        assert (answer.status_code, answer.json()["code"]) == (429, "quota_exceeded")
        assert 0 < int(answer.headers["Retry-After"]) <= 3_600
    mixed = await client.post("/v1/usage", json=[_wire(scene, value="1"), _wire(scene, value="-1")])
    assert (mixed.status_code, mixed.json()["rejected"]) == (202, 2)
    seen = (await client.get(f"/v1/usage/quotas/{made.json()['id']}")).json()
    assert (seen["present"]["used"], seen["present"]["refused"], seen["present"]["exceeded"]) == ("2", 5, True)
    assert (await client.get("/v1/usage/quotas", params={"customer_id": "acme"})).json()["data"] == [seen]


async def test_a_soft_quota_flags_what_is_beyond_it(scene: Scene, client: httpx.AsyncClient) -> None:
    body = {"customer_id": "acme", "meter": "data", "period": "hour", "limit": 2, "mode": "soft"}
    await client.post("/v1/usage/quotas", json=body)
    answer = await client.post("/v1/usage", json=[_wire(scene, value="2"), _wire(scene, value="1")])
    assert [item.get("over_quota", False) for item in answer.json()["items"]] == [False, True]


async def test_a_quota_guards_also_where_its_absence_was_known(scene: Scene, client: httpx.AsyncClient) -> None:
    assert (await client.post("/v1/usage", json=_wire(scene))).status_code == 202
    body = {"customer_id": "acme", "meter": "data", "period": "month", "limit": "0"}
    made = (await client.post("/v1/usage/quotas", json=body)).json()
    async with asyncio.timeout(_DEADLINE_SECONDS):
        while (await client.post("/v1/usage", json=_wire(scene))).status_code != 429:
            await asyncio.sleep(0.05)
    changed = await client.patch(f"/v1/usage/quotas/{made['id']}", json={"limit": "1000000"})
    assert (changed.status_code, changed.json()["limit"]) == (200, "1000000")
    assert (await client.delete(f"/v1/usage/quotas/{made['id']}")).status_code == 204
    assert (await client.get(f"/v1/usage/quotas/{made['id']}")).status_code == 404


async def test_the_platform_limits_a_tenant_and_the_tenant_sees_it(scene: Scene, client: httpx.AsyncClient) -> None:
    platform = {"X-API-Key": await _platform_key(scene)}
    path = f"/v1/tenants/{scene.one.tenant_id}/quota"
    wanted = {"limits": [{"period": "day", "limit": "1"}]}
    assert (await client.put(path, json=wanted)).status_code == 403
    put = await client.put(path, json=wanted, headers=platform)
    assert (put.status_code, put.json()["limits"][0]["counts"]) == (200, "events")
    assert (await client.post("/v1/usage", json=[_wire(scene), _wire(scene)])).json()["accepted"] == 1
    assert (await client.get(path, headers=platform)).json()["limits"][0]["present"]["used"] == "1"
    (mine,) = (await client.get("/v1/usage/quotas", params={"scope": "tenant"})).json()["data"]
    assert (await client.delete(f"/v1/usage/quotas/{mine['id']}")).json()["code"] == "quota_of_the_platform"
    twice = {"limits": [{"period": "day", "limit": "1"}, {"period": "day", "limit": "2"}]}
    refused = await client.put(path, json=twice, headers=platform)
    assert refused.json()["errors"][0]["pointer"] == "/limits/1/period"
    assert (await client.delete(path, headers=platform)).status_code == 204
    assert (await client.get(path, headers=platform)).json()["limits"] == []
    nobody = await client.get("/v1/tenants/00000000-0000-7000-8000-000000000000/quota", headers=platform)
    assert nobody.status_code == 404


async def test_an_event_is_voided_amended_and_backfilled(scene: Scene, client: httpx.AsyncClient) -> None:
    one, two = _wire(scene, value="4"), _wire(scene, value="3")
    await client.post("/v1/usage", json=[one, two])
    headers = {"Idempotency-Key": "void-1"}
    body = {"id": one["id"], "reason": "test traffic"}
    void = await client.post("/v1/usage/events/void", json=body, headers=headers)
    assert (void.status_code, void.json()["kind"]) == (201, "void")
    assert (await client.post("/v1/usage/events/void", json=body, headers=headers)).json() == void.json()
    amended = await client.post(
        "/v1/usage/events/amend", json={"id": two["id"], "reason": "typo", "change": {"value": "0.5"}}
    )
    assert amended.json()["after"] == {"events": 1, "quantity": "0.5"}
    at = scene.now - timedelta(days=25)
    backfill = {
        "meter": "data",
        "customer_id": "acme",
        "from": at.isoformat(),
        "to": (at + timedelta(hours=1)).isoformat(),
        "reason": "an outage",
        "events": [{"id": "b1", "timestamp": at.isoformat(), "value": 2}],
    }
    added = await client.post("/v1/usage/backfills", json=backfill)
    assert (added.status_code, added.json()["added"]) == (201, 1)
    listed = (await client.get("/v1/usage/corrections")).json()["data"]
    assert [row["kind"] for row in listed] == ["backfill", "amend", "void"]
    assert {row["actor"] for row in listed} == {void.json()["actor"]}
    assert (await client.get(f"/v1/usage/corrections/{void.json()['id']}")).json() == void.json()
    assert (await client.get("/v1/usage/corrections", params={"kind": "amend"})).json()["data"] == [amended.json()]
    stranger = {"X-API-Key": await key_of(scene, scene.two)}
    assert (await client.get("/v1/usage/corrections", headers=stranger)).json()["data"] == []
    assert (await client.post("/v1/usage/events/void", json=body, headers=stranger)).status_code == 404


async def test_nonsense_is_refused_with_its_field(client: httpx.AsyncClient) -> None:
    sent: list[tuple[str, Any, str]] = [
        ("/v1/usage/events/void", {"id": "x"}, "/reason"),
        ("/v1/usage/events/void", {"id": "x", "reason": ""}, "/reason"),
        ("/v1/usage/events/amend", {"id": "x", "reason": "y", "change": {"colour": 1}}, "/change/colour"),
        ("/v1/usage/backfills", {"meter": "data"}, "/from"),
        ("/v1/usage/quotas", {"customer_id": "acme", "meter": "data", "period": "week", "limit": 1}, "/period"),
        ("/v1/usage/rejections/retry", {}, "/ids"),
    ]
    for path, body, pointer in sent:
        answer = await client.post(path, json=body)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer), path


async def test_rejections_are_retried(scene: Scene, client: httpx.AsyncClient) -> None:
    await client.post("/v1/usage", json=[_wire(scene, meter="later"), _wire(scene, meter="later")])
    kept = (await client.get("/v1/usage/rejections", params={"resolved": False})).json()["data"]
    one = await client.post(f"/v1/usage/rejections/{kept[0]['id']}/retry")
    assert (one.status_code, one.json()["code"]) == (200, "unknown_meter")
    await client.post("/v1/meters", json={"code": "later", "aggregation": "sum"})
    answer = await client.post("/v1/usage/rejections/retry", json={"ids": [row["id"] for row in kept]})
    assert (answer.json()["accepted"], answer.json()["more"]) == (2, False)
    assert (await client.get("/v1/usage/rejections", params={"resolved": False})).json()["data"] == []
