"""Usage for people: windows on a zone's clock, of a subscription or a customer, grouped, and nobody else's."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from usage_scene import LAST_EPOCH, Scene, key_of

from corebilling.kernel.usage import UsageWindow
from corebilling.usage.schemas import MeterCreate
from corebilling.usage.totals import TotalsQuestion

KINDS = {
    "t-count": MeterCreate("t-count", "count", group_by=["region"]),
    "t-sum": MeterCreate("t-sum", "sum", group_by=["region"], unit="GB"),
    "t-max": MeterCreate("t-max", "max"),
    "t-min": MeterCreate("t-min", "min"),
    "t-avg": MeterCreate("t-avg", "avg"),
    "t-users": MeterCreate("t-users", "unique_count", unique_property="user"),
    "t-latest": MeterCreate("t-latest", "latest"),
    "t-p50": MeterCreate("t-p50", "percentile", percentile=Decimal(50)),
    "t-level": MeterCreate("t-level", "weighted_sum"),
    "t-change": MeterCreate("t-change", "weighted_sum", weighted_by="change"),
}
NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)


@pytest.fixture
async def kinds(scene: Scene) -> Scene:
    """Both sellers in March 2026, with a meter of each kind."""
    scene.now = NOON
    for name in ("one", "two"):
        seller = await scene.seller(f"march {name}", sandbox=True, clock_at=NOON)
        setattr(scene, name, seller)
        async with scene.db.tenant(seller.tenant_id) as tx:
            for code, kind in KINDS.items():
                seller.meters[code] = (await scene.usage.create_meter(tx, seller.tenant_id, kind)).id
    return scene


async def _report(scene: Scene, *reported: tuple[str, str, str, dict[str, Any]], meter: str = "t-sum") -> None:
    events = [
        scene.event(
            meter=meter, subscription_id=name, timestamp=datetime.fromisoformat(at), value=value, properties=properties
        )
        for name, at, value, properties in reported
    ]
    assert set(await scene.statuses(scene.one, *events)) == {"accepted"}


async def _rows(client: httpx.AsyncClient, **asked: str) -> list[tuple[Any, ...]]:
    answer = await client.get("/v1/usage", params=asked)
    assert answer.status_code == 200, answer.text
    return [(row["start"], row["quantity"], *row.get("group", {}).values()) for row in answer.json()["data"]]


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_window_says_what_rating_would_measure(kinds: Scene, seed: int) -> None:
    chance = random.Random(seed)
    span = 27 * 86_400_000_000
    first = NOON - timedelta(days=28)
    for seller in (kinds.one, kinds.two):
        events = [
            kinds.event(
                meter=chance.choice(sorted(KINDS)),
                subscription_id=chance.choice(["many-1", "many-2", "acme-sub"]),
                timestamp=first + timedelta(microseconds=chance.randrange(span)),
                value=str(chance.randrange(1000)),
                properties={"user": str(chance.randrange(9)), "region": chance.choice(["eu", "us"])},
            )
            for _ in range(1_500)
        ]
        assert set(await kinds.statuses(seller, *events)) == {"accepted"}
    one = kinds.one
    for code in sorted(KINDS):
        window, zone = (
            chance.choice(["hour", "day", "week", "month", "total"]),
            chance.choice(["Asia/Kathmandu", "America/New_York"]),
        )
        start, end = first + timedelta(hours=chance.random() * 100), NOON - timedelta(hours=chance.random() * 99)
        asked = TotalsQuestion(code, start, end, subscription="many-1", window=window, time_zone=zone, empty="zero")  # type: ignore[arg-type]
        async with kinds.db.tenant(one.tenant_id) as tx:
            shown = (await kinds.usage.totals(tx, one.tenant_id, asked)).data
        windows = [
            UsageWindow(one.tenant_id, one.subscriptions["many-1"], one.meters[code], row.start, row.end, LAST_EPOCH)
            for row in shown
        ]
        assert [Decimal(row.quantity) for row in shown] == await kinds.quantities(windows), (code, window, zone)
        assert (shown[0].start, shown[-1].end) == (start, end)


async def test_a_customers_usage_is_that_of_all_its_subscriptions(kinds: Scene, client: httpx.AsyncClient) -> None:
    at = "2026-03-30T10:00:00+00:00"
    later = "2026-03-30T10:00:01+00:00"
    asked = {"customer_id": "many", "from": "2026-03-30T00:00:00Z", "to": "2026-03-31T00:00:00Z"}
    expected = {"t-sum": "7", "t-max": "4", "t-min": "1", "t-latest": "2", "t-p50": "2", "t-users": "2", "t-count": "3"}
    expected |= {"t-avg": "2.333333333333333333"}
    for code in expected:
        await _report(
            kinds,
            ("many-1", at, "1", {"user": "a"}),
            ("many-2", at, "4", {"user": "b"}),
            ("many-1", later, "2", {"user": "b"}),
            ("acme-sub", later, "99", {"user": "c"}),
            meter=code,
        )
    found = {code: (await _rows(client, meter=code, **asked))[0][1] for code in expected}
    assert found == expected
    await _report(
        kinds,
        ("many-1", "2026-03-30T12:00:00Z", "10", {}),
        ("many-2", "2026-03-30T18:00:00Z", "4", {}),
        meter="t-level",
    )
    assert (await _rows(client, meter="t-level", **asked))[0][1] == "6"
    by_id = await client.get(
        "/v1/usage", params={**asked, "customer_id": str(kinds.one.customers["many"]), "meter": "t-sum"}
    )
    assert by_id.json()["customer_id"] == str(kinds.one.customers["many"])
    assert (by_id.json()["subscription_id"], by_id.json()["unit"]) == (None, "GB")
    assert by_id.json()["data"][0]["quantity"] == "7"


async def test_days_are_those_of_the_zone_when_its_clocks_change(kinds: Scene, client: httpx.AsyncClient) -> None:
    # New York goes from 05:00Z to 04:00Z at midnight on 8 March 2026.
    for at in ("2026-03-08T04:59:59.999999Z", "2026-03-08T05:00:00Z", "2026-03-09T03:59:59Z", "2026-03-09T04:00:00Z"):
        await _report(kinds, ("acme-sub", at, "1", {}))
    asked = {"subscription_id": "acme-sub", "meter": "t-sum", "window": "day", "time_zone": "America/New_York"}
    asked |= {"from": "2026-03-07T05:00:00Z", "to": "2026-03-11T04:00:00Z"}
    assert await _rows(client, **asked) == [
        ("2026-03-07T05:00:00Z", "1"),
        ("2026-03-08T05:00:00Z", "2"),
        ("2026-03-09T04:00:00Z", "1"),
    ]
    assert [row[1] for row in await _rows(client, **asked, empty="zero")] == ["1", "2", "1", "0"]
    # Kolkata's midnight is half past six in the evening in UTC: no rollup ends there.
    asked |= {"time_zone": "Asia/Kolkata", "from": "2026-03-07T18:30:00Z"}
    await _report(kinds, ("acme-sub", "2026-03-08T18:29:00Z", "5", {}), ("acme-sub", "2026-03-08T18:31:00Z", "7", {}))
    assert [row[1] for row in await _rows(client, **asked)] == ["7", "9"]


async def test_usage_is_told_apart_by_a_property(kinds: Scene, client: httpx.AsyncClient) -> None:
    await _report(
        kinds,
        ("acme-sub", "2026-03-29T10:00:00Z", "1", {"region": "us"}),
        ("acme-sub", "2026-03-29T11:00:00Z", "2", {"region": "eu"}),
        ("acme-sub", "2026-03-30T11:00:00Z", "4", {}),
    )
    asked = {"subscription_id": "acme-sub", "meter": "t-sum", "group_by": "region", "window": "day"}
    asked |= {"from": "2026-03-29T00:00:00Z", "to": "2026-03-31T00:00:00Z"}
    first, second = "2026-03-29T00:00:00Z", "2026-03-30T00:00:00Z"
    assert await _rows(client, **asked) == [(first, "2", "eu"), (first, "1", "us"), (second, "4", None)]
    assert await _rows(client, **asked, empty="zero") == [
        (first, "0", None),
        (first, "2", "eu"),
        (first, "1", "us"),
        (second, "4", None),
        (second, "0", "eu"),
        (second, "0", "us"),
    ]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"window": "minute"}, "/query/window"),
        ({"time_zone": "Mars/Base"}, "/query/time_zone"),
        ({"group_by": "colour"}, "/query/group_by"),
        ({"to": "2026-01-01T00:00:00Z"}, "/query/to"),
        ({"from": "2026-02-01T00:00:00"}, "/query/from"),
        ({"from": "0001-01-01T00:00:00+14:00"}, "/query/from"),
        ({"customer_id": "many"}, None),
        ({"subscription_id": ""}, None),
    ],
)
async def test_questions_that_make_no_sense_are_refused(
    kinds: Scene, client: httpx.AsyncClient, change: dict[str, str], pointer: str | None
) -> None:
    asked = {
        "subscription_id": "acme-sub",
        "meter": "t-sum",
        "from": "2026-02-01T00:00:00Z",
        "to": "2026-03-01T00:00:00Z",
    }
    answer = await client.get("/v1/usage", params=asked | change)
    assert answer.status_code in (404, 422), answer.text
    if pointer:
        assert answer.json()["errors"][0]["pointer"] == pointer


async def test_a_stranger_adds_up_nothing(kinds: Scene, client: httpx.AsyncClient) -> None:
    await _report(kinds, ("acme-sub", "2026-03-30T11:00:00Z", "4", {}))
    stranger = {"X-API-Key": await key_of(kinds, kinds.two)}
    asked = {"meter": "t-sum", "from": "2026-03-29T00:00:00Z", "to": "2026-03-31T00:00:00Z"}
    for whose in (
        {"subscription_id": str(kinds.one.subscriptions["acme-sub"])},
        {"customer_id": str(kinds.one.customers["acme"])},
    ):
        assert (await client.get("/v1/usage", params=asked | whose, headers=stranger)).status_code == 404
    mine = await client.get("/v1/usage", params={**asked, "customer_id": "acme"}, headers=stranger)
    assert mine.json()["data"] == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"aggregation": "count", "value_property": "x"}, "/value_property"),
        ({"aggregation": "percentile"}, "/percentile"),
        ({"aggregation": "percentile", "percentile": 0}, "/percentile"),
        ({"aggregation": "percentile", "percentile": "100.1"}, "/percentile"),
        ({"aggregation": "percentile", "percentile": "99.99999"}, "/percentile"),
        ({"aggregation": "sum", "percentile": 95}, "/percentile"),
        ({"aggregation": "sum", "weighted_by": "level"}, "/weighted_by"),
        ({"aggregation": "weighted_sum", "group_by": ["a"]}, "/group_by"),
        ({"aggregation": "sum", "group_by": ["a", "a"]}, "/group_by"),
        ({"aggregation": "sum", "filters": [{"property": "a", "values": ["x"]}] * 2}, "/filters"),
        ({"aggregation": "sum", "filters": [{"property": "a", "values": []}]}, "/filters/0/values"),
        ({"aggregation": "median"}, "/aggregation"),
    ],
)
async def test_a_meter_that_makes_no_sense_is_refused(
    client: httpx.AsyncClient, body: dict[str, Any], pointer: str
) -> None:
    answer = await client.post("/v1/meters", json={"code": "odd"} | body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_a_meter_shows_what_it_counts(client: httpx.AsyncClient) -> None:
    body = {"code": "p", "aggregation": "percentile", "percentile": 99.9, "value_property": "mbit"}
    body |= {"filters": [{"property": "link", "values": ["a", "b"]}], "group_by": ["site"]}
    made = (await client.post("/v1/meters", json=body)).json()
    assert {name: made[name] for name in body} == body | {"percentile": "99.9"}
    level = (await client.post("/v1/meters", json={"code": "l", "aggregation": "weighted_sum"})).json()
    assert level["weighted_by"] == "level"
