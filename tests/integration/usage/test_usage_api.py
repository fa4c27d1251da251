"""Usage over HTTP: every item gets its answer, and nothing is a 500."""

from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest
from usage_scene import Scene, key_of


def _wire(scene: Scene, **change: Any) -> dict[str, Any]:
    return dict(msgspec.json.decode(msgspec.json.encode(scene.event(**change))))


async def test_a_single_event_is_accepted_and_then_a_duplicate(scene: Scene, client: httpx.AsyncClient) -> None:
    event = _wire(scene)
    first, second = await client.post("/v1/usage", json=event), await client.post("/v1/usage", json=event)
    assert first.status_code == second.status_code == 202
    assert first.json() == {
        "accepted": 1,
        "duplicates": 0,
        "rejected": 0,
        "items": [{"id": event["id"], "status": "accepted"}],
    }
    assert second.json()["items"][0]["status"] == "duplicate"


async def test_bad_items_of_an_array_are_rejected_alone(scene: Scene, client: httpx.AsyncClient) -> None:
    items: list[Any] = [
        _wire(scene),
        {**_wire(scene), "id": 5},
        _wire(scene, meter="nothing"),
        "no event",
        {**_wire(scene), "colour": "red"},
        {**_wire(scene), "timestamp": "2026-01-01T00:00:00"},
        {**_wire(scene), "id": "a\x00b"},
        _wire(scene),
    ]
    answer = await client.post("/v1/usage", json=items)
    assert answer.status_code == 202
    statuses = [item.get("code", item["status"]) for item in answer.json()["items"]]
    assert statuses == ["accepted", "invalid_event", "unknown_meter", *["invalid_event"] * 4, "accepted"]
    assert [item.get("pointer") for item in answer.json()["items"]][1:6] == [
        "/id",
        "/meter",
        "",
        "/colour",
        "/timestamp",
    ]
    kept = (await client.get("/v1/usage/rejections")).json()["data"]
    assert len(kept) == 6
    assert {"no event"} <= {msgspec.json.decode(row["item"]) for row in kept if row["item"].startswith('"')}


@pytest.mark.parametrize(
    ("change", "code", "pointer", "status"),
    [
        ({"meter": "nothing"}, "unknown_meter", "/meter", 422),
        ({"value": "-3"}, "negative_value", "/value", 422),
        ({"timestamp": "2999-01-01T00:00:00Z"}, "timestamp_in_future", "/timestamp", 422),
        ({"timestamp": "1999-01-01T00:00:00Z"}, "timestamp_too_old", "/timestamp", 422),
        ({"value": [1]}, "invalid_event", "/value", 422),
    ],
)
async def test_a_single_bad_event_is_a_problem_that_names_the_field(
    scene: Scene, client: httpx.AsyncClient, change: dict[str, Any], code: str, pointer: str, status: int
) -> None:
    answer = await client.post("/v1/usage", json={**_wire(scene), **change})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == code
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert [row["code"] for row in (await client.get("/v1/usage/rejections")).json()["data"]] == [code]


async def test_a_conflicting_single_event_answers_409(scene: Scene, client: httpx.AsyncClient) -> None:
    event = _wire(scene)
    await client.post("/v1/usage", json=event)
    answer = await client.post("/v1/usage", json={**event, "value": "77"})
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_conflict")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "malformed_json"),
        (b"{", 400, "malformed_json"),
        (b'[{"id": NaN}]', 400, "malformed_json"),
        (b"[" * 100_000, 400, "malformed_json"),
        (b'{"id": "\xff"}', 400, "malformed_json"),
        (b"[]", 422, "no_events"),
        (b"[" + b",".join([b"1"] * 10_001) + b"]", 422, "too_many_events"),
        (b"null", 422, "invalid_event"),
    ],
)
async def test_bodies_that_hold_no_events_are_refused(
    client: httpx.AsyncClient, body: bytes, status: int, code: str
) -> None:
    answer = await client.post("/v1/usage", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_cloud_events_are_usage(scene: Scene, client: httpx.AsyncClient) -> None:
    def cloud(id: str, **change: Any) -> dict[str, Any]:
        at = (scene.now - timedelta(hours=2)).isoformat()
        whole = {
            "specversion": "1.0",
            "id": id,
            "source": "/gateway",
            "type": "data",
            "subject": "acme-sub",
            "time": at,
        }
        return whole | {"data": {"value": "2"}, "traceparent": "00-1"} | change

    one = await client.post(
        "/v1/usage", content=msgspec.json.encode(cloud("a")), headers={"Content-Type": "application/cloudevents+json"}
    )
    assert one.json()["accepted"] == 1
    batch = [
        cloud("a"),
        cloud("b", subject="acme"),
        cloud("c", type="tokens", data={"tokens": 40, "model": "large"}),
        cloud("d", subject="many"),
        cloud("e", specversion="0.3"),
        cloud("f", data={"value": {}}),
    ]
    many = await client.post(
        "/v1/usage",
        content=msgspec.json.encode(batch),
        headers={"Content-Type": "application/cloudevents-batch+json"},
    )
    assert [item.get("code", item["status"]) for item in many.json()["items"]] == [
        "duplicate",
        "accepted",
        "accepted",
        "ambiguous_customer",
        "invalid_event",
        "invalid_event",
    ]
    assert many.json()["items"][5]["pointer"] == "/data/value"
    plain = await client.post("/v1/usage", json=cloud("a"))
    assert plain.json()["duplicates"] == 1
    assert await scene.quantity(scene.one) == 4
    assert await scene.quantity(scene.one, "tokens") == 40


async def test_usage_is_added_up_and_listed_for_people(scene: Scene, client: httpx.AsyncClient) -> None:
    hour = (scene.now - timedelta(hours=5)).replace(minute=0, second=0, microsecond=0)
    stamps = [hour + timedelta(minutes=10 * n) for n in range(9)]
    await client.post("/v1/usage", json=[_wire(scene, timestamp=at, properties={"n": 1}) for at in stamps])
    asked = {
        "subscription_id": "acme-sub",
        "meter": "data",
        "from": hour.isoformat(),
        "to": (hour + timedelta(hours=3)).isoformat(),
        "window": "hour",
    }
    totals = (await client.get("/v1/usage", params=asked)).json()
    assert [row["quantity"] for row in totals["data"]] == ["9", "4.5"]
    assert (await client.get("/v1/usage", params={**asked, "window": "total"})).json()["data"][0]["quantity"] == "13.5"
    crooked = {
        **asked,
        "from": (hour + timedelta(minutes=5)).isoformat(),
        "to": (hour + timedelta(minutes=61)).isoformat(),
    }
    cut = (await client.get("/v1/usage", params=crooked)).json()["data"]
    assert [(row["start"][14:19], row["end"][14:19], row["quantity"]) for row in cut] == [
        ("05:00", "00:00", "7.5"),
        ("00:00", "01:00", "1.5"),
    ]
    seen: list[str] = []
    params: dict[str, Any] = {"subscription_id": "acme-sub", "limit": 4}
    while True:
        page = (await client.get("/v1/usage/events", params=params)).json()
        seen += [row["timestamp"] for row in page["data"]]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert seen == [at.isoformat().replace("+00:00", "Z") for at in reversed(stamps)]
    assert page["data"][0]["properties"] == {"n": 1}


async def test_a_stranger_sees_nothing(scene: Scene, client: httpx.AsyncClient) -> None:
    await client.post("/v1/usage", json=_wire(scene))
    meter = (await client.get("/v1/meters")).json()["data"][0]["id"]
    stranger = {"X-API-Key": await key_of(scene, scene.two)}
    stolen = str(scene.one.subscriptions["acme-sub"])
    events = await client.get("/v1/usage/events", params={"subscription_id": stolen}, headers=stranger)
    assert events.status_code == 404
    assert (await client.get(f"/v1/meters/{meter}", headers=stranger)).status_code == 404
    forged = await client.post("/v1/usage", json=_wire(scene, subscription_id=stolen), headers=stranger)
    assert forged.json()["code"] == "unknown_subscription"
    assert (await client.get("/v1/usage/rejections")).json()["data"] == []


async def test_a_meter_is_made_once(client: httpx.AsyncClient) -> None:
    body = {"code": "storage", "aggregation": "max", "value_property": "gb", "name": "Storage", "unit": "GB"}
    made = await client.post("/v1/meters", json=body)
    assert made.status_code == 201
    assert (await client.get(f"/v1/meters/{made.json()['id']}")).json() == made.json()
    assert (await client.post("/v1/meters", json=body)).status_code == 409
    wrong = {"code": "w", "aggregation": "unique_count"}
    assert (await client.post("/v1/meters", json=wrong)).json()["errors"][0]["pointer"] == "/unique_property"
