"""Usage that can't be billed is refused item by item with the reason, kept, and costs its neighbours nothing."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from problems import checked, pointers

from corebilling.cli.local import LocalInstallation
from factories import Api, Seller, event, metered, new_seller, per_unit

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
JSON = {"Content-Type": "application/json"}
MARK = "a place to fill"


@pytest.fixture
async def seller(platform: Api) -> AsyncIterator[Seller]:
    """With a meter of each kind and one subscription, since January; its clock stands at noon of 1 March."""
    made = await new_seller(platform, "Usage", NOW - timedelta(days=59))
    async with made.api:
        await made.meter("sum", "sum")
        await made.meter("count", "count")
        await made.meter("users", "unique_count", unique_property="user")
        await made.meter("gb", "max", value_property="gb")
        await made.plan("pro", metered("Sum", "sum", per_unit("1")))
        await made.customer("acme")
        await made.subscribe("acme", "pro", external_id="contract")
        await made.advance(NOW)
        yield made


def good(**changed: Any) -> dict[str, Any]:
    made = event("sum", "acme", NOW - timedelta(hours=1), "1") | changed
    return {name: value for name, value in made.items() if value is not ...}


def raw(item: dict[str, Any], token: str) -> str:
    return json.dumps(item).replace(json.dumps(MARK), token)


BAD: list[tuple[str, str, str]] = [
    # (the item, its code, the field)
    ("null", "invalid_event", ""),
    ("1", "invalid_event", ""),
    ('"text"', "invalid_event", ""),
    ("[]", "invalid_event", ""),
    ("{}", "invalid_event", "/id"),
    (json.dumps(good(id=...)), "invalid_event", "/id"),
    (json.dumps(good(id="")), "invalid_event", "/id"),
    (json.dumps(good(id=7)), "invalid_event", "/id"),
    (json.dumps(good(id="x" * 256)), "invalid_event", "/id"),
    (json.dumps(good(id="nul\x00")), "invalid_event", "/id"),
    (json.dumps(good(tenant_id=str(uuid4()))), "invalid_event", "/tenant_id"),
    (json.dumps(good(unknown=1)), "invalid_event", "/unknown"),
    (json.dumps(good(meter="nobody's")), "unknown_meter", "/meter"),
    (json.dumps(good(meter=None)), "invalid_event", "/meter"),
    (json.dumps(good(customer_id=...)), "no_owner", "/subscription_id"),
    (json.dumps(good(customer_id="stranger")), "unknown_customer", "/customer_id"),
    (json.dumps(good(customer_id=..., subscription_id="none")), "unknown_subscription", "/subscription_id"),
    (json.dumps(good(subscription_id="contract", customer_id="other")), "customer_mismatch", "/customer_id"),
    (json.dumps(good(timestamp="yesterday")), "invalid_event", "/timestamp"),
    (json.dumps(good(timestamp="2026-03-01T11:00:00")), "invalid_event", "/timestamp"),
    (json.dumps(good(timestamp=1772362800)), "invalid_event", "/timestamp"),
    (json.dumps(good(timestamp="2026-02-30T11:00:00Z")), "invalid_event", "/timestamp"),
    (json.dumps(good(timestamp="2026-03-01T12:05:01Z")), "timestamp_in_future", "/timestamp"),
    (json.dumps(good(timestamp="9999-12-31T23:59:59Z")), "timestamp_in_future", "/timestamp"),
    (json.dumps(good(timestamp="2026-01-26T11:59:59Z")), "timestamp_too_old", "/timestamp"),
    (json.dumps(good(timestamp="0001-01-01T00:00:00Z")), "timestamp_too_old", "/timestamp"),
    (json.dumps(good(value=...)), "missing_value", "/value"),
    (json.dumps(good(value="")), "invalid_event", "/value"),
    (json.dumps(good(value="seven")), "invalid_event", "/value"),
    (json.dumps(good(value=True)), "invalid_event", "/value"),
    (json.dumps(good(value=[1])), "invalid_event", "/value"),
    (json.dumps(good(value="NaN")), "invalid_value", "/value"),
    (json.dumps(good(value="-Infinity")), "invalid_value", "/value"),
    (json.dumps(good(value="-0.01")), "negative_value", "/value"),
    (json.dumps(good(value="1000000000000001")), "value_too_large", "/value"),
    (json.dumps(good(value="1e400")), "value_too_large", "/value"),
    (json.dumps(good(value="1e-400")), "value_too_precise", "/value"),
    (raw(good(value=MARK), "1e400"), "value_too_large", "/value"),
    (raw(good(value=MARK), "-1"), "negative_value", "/value"),
    (raw(good(value=MARK), "0.1234567890123"), "value_too_precise", "/value"),
    (json.dumps(good(properties=[])), "invalid_properties", "/properties"),
    (json.dumps(good(properties="text")), "invalid_properties", "/properties"),
    (json.dumps(good(properties={"x": "y" * 20_000})), "properties_too_large", "/properties"),
    (json.dumps(good(meter="users", properties={})), "missing_property", "/properties/user"),
    (json.dumps(good(meter="users", properties={"user": {}})), "invalid_property", "/properties/user"),
    (json.dumps(good(meter="users", properties={"user": "nul\x00"})), "invalid_property", "/properties/user"),
    (json.dumps(good(meter="gb", properties={"gb": "much"})), "invalid_property", "/properties/gb"),
    (json.dumps(good(meter="gb", properties={"gb": -1})), "negative_value", "/properties/gb"),
]  # fmt: skip


async def test_each_bad_item_is_named_and_kept_and_its_neighbours_are_accepted(seller: Seller) -> None:
    parts = [part for item, _, _ in BAD for part in (json.dumps(good()), item)] + [json.dumps(good())]
    sent = await seller.api.send("POST", "/v1/usage", content=f"[{','.join(parts)}]".encode(), headers=JSON)
    assert sent.status_code == 202, sent.text
    answer = sent.json()
    assert (answer["accepted"], answer["rejected"], answer["duplicates"]) == (len(BAD) + 1, len(BAD), 0)
    assert [item["status"] for item in answer["items"][::2]] == ["accepted"] * (len(BAD) + 1)
    told = [(item["code"], item["pointer"]) for item in answer["items"][1::2]]
    assert told == [(code, pointer) for _, code, pointer in BAD]
    assert all(len(item["detail"]) > 5 for item in answer["items"][1::2])

    kept = await seller.api.all("/v1/usage/rejections")
    assert sorted(r["code"] for r in kept) == sorted(code for _, code, _ in BAD)
    assert {r["detail"] for r in kept} == {item["detail"] for item in answer["items"][1::2]}
    (total,) = (await _totals(seller))["data"]
    assert Decimal(total["quantity"]) == len(BAD) + 1


@pytest.mark.parametrize(
    ("item", "code", "pointer"), BAD, ids=[f"{no}-{code}-{pointer}" for no, (_, code, pointer) in enumerate(BAD, 1)]
)
async def test_a_single_bad_event_is_a_problem(
    installation: LocalInstallation, item: str, code: str, pointer: str, shared: Api
) -> None:
    if item == "[]":
        code, pointer = "no_events", ""
    problem = checked(await shared.send("POST", "/v1/usage", content=item.encode(), headers=JSON))
    assert (problem["status"], problem["code"]) == (422, code)
    assert pointers(problem) == ([] if code == "no_events" else [pointer])


@pytest.fixture(scope="module")
def usage_key(installation: LocalInstallation, platform_key: str) -> str:
    """The key of one seller for all single events."""
    from two_worlds import run

    async def make() -> str:
        async with Api(installation.api.url, platform_key) as platform:
            made = await new_seller(platform, "Singles", NOW - timedelta(days=59))
            async with made.api:
                for meter, kind, wanted in (
                    ("sum", "sum", {}), ("users", "unique_count", {"unique_property": "user"}), ("gb", "max", {"value_property": "gb"}),
                ):  # fmt: skip
                    await made.meter(meter, kind, **wanted)
                await made.plan("pro", metered("Sum", "sum", per_unit("1")))
                await made.customer("acme")
                await made.subscribe("acme", "pro", external_id="contract")
                await made.advance(NOW)
            return made.key

    made: str = run(make)
    return made


@pytest.fixture
async def shared(installation: LocalInstallation, usage_key: str) -> AsyncIterator[Api]:
    async with Api(installation.api.url, usage_key) as api:
        yield api


async def test_a_broken_array_is_refused_whole(seller: Seller) -> None:
    body = json.dumps([good(), good()])[:-5].encode()
    assert checked(await seller.api.send("POST", "/v1/usage", content=body, headers=JSON))["code"] == "malformed_json"
    for count, code in ((0, "no_events"), (10_001, "too_many_events")):
        problem = checked(await seller.api.send("POST", "/v1/usage", json=[good() for _ in range(count)]))
        assert (problem["status"], problem["code"]) == (422, code)
    assert (await _totals(seller))["data"] == []
    assert await seller.api.all("/v1/usage/rejections") == [], "what isn't an event was never reported"


async def test_ten_thousand_events_are_taken_at_once(seller: Seller) -> None:
    await seller.use(good() for _ in range(10_000))
    assert Decimal((await _totals(seller))["data"][0]["quantity"]) == 10_000


async def test_a_key_used_again_for_other_content_is_a_conflict_of_that_item_alone(seller: Seller) -> None:
    first = good(id="twice", source="meter-7")
    await seller.use([first])
    batch = [first | {"value": "2"}, good(), first, first | {"source": "meter-8"}, first | {"customer_id": "other"}]
    items = (await seller.api.post("/v1/usage", batch))["items"]
    assert [(item["status"], item.get("code")) for item in items] == [
        ("rejected", "idempotency_conflict"), ("accepted", None), ("duplicate", None), ("accepted", None), ("rejected", "unknown_customer"),
    ]  # fmt: skip
    both = [good(id="same"), good(id="same", value="5")]
    items = (await seller.api.post("/v1/usage", both))["items"]
    assert sorted(item["status"] for item in items) == ["accepted", "rejected"], "also within one batch"
    single = checked(await seller.api.send("POST", "/v1/usage", json=first | {"value": "3"}))
    assert (single["status"], single["code"]) == (409, "idempotency_conflict")
    assert Decimal((await _totals(seller))["data"][0]["quantity"]) in {4, 8}


async def test_what_was_rejected_is_accepted_under_the_same_key_once_it_is_mended(seller: Seller) -> None:
    event_id = uuid4().hex
    assert (await seller.api.post("/v1/usage", [good(id=event_id, value="-1")]))["rejected"] == 1
    await seller.use([good(id=event_id)])


async def test_escapes_and_duplicate_names_do_no_harm(seller: Seller) -> None:
    twice = json.dumps(good()).replace('"value": "1"', '"value": "1", "value": "2"')
    nested = raw(good(properties=MARK), '{"a":' * 300 + "1" + "}" * 300)
    body = f"[{json.dumps(good())},{twice},{nested}]".encode()
    answer = await seller.api.send("POST", "/v1/usage", content=body, headers=JSON)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 3), answer.text
    (total,) = (await _totals(seller))["data"]
    assert Decimal(total["quantity"]) == 4, "of two values the last one counts, as everywhere in JSON"


@pytest.mark.parametrize("token", ['"\\ud800"', '"\\udc00\\ud800"', '{"a":' * 50_000 + "1" + "}" * 50_000])
async def test_what_no_reader_of_json_can_take_is_refused_whole(seller: Seller, token: str) -> None:
    body = f"[{json.dumps(good())},{raw(good(id=MARK), token)}]".encode()
    problem = checked(await seller.api.send("POST", "/v1/usage", content=body, headers=JSON))
    assert (problem["status"], problem["code"]) == (400, "malformed_json")
    assert (await _totals(seller))["data"] == []


async def _totals(seller: Seller) -> dict[str, Any]:
    window = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-02T00:00:00Z"}
    answer: dict[str, Any] = await seller.api.get("/v1/usage", subscription_id="contract", meter="sum", **window)
    return answer
