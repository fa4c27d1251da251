"""Usage that is taken back or put right counts exactly, from the present epoch on, and leaves a trail."""

import asyncio
import random
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from usage_scene import LAST_EPOCH, METERS, Scene, Seller

from corebilling.kernel.decimals import plain
from corebilling.kernel.errors import Conflict, Invalid, NotFound
from corebilling.kernel.usage import LateWindow, UsageQuestion, UsageWindow
from corebilling.platform.audit import trail
from corebilling.usage.correction_schemas import CorrectionOut, EventAmend, EventVoid
from corebilling.usage.correction_trail import CorrectionFilter
from corebilling.usage.domain.correction import Author
from corebilling.usage.domain.event import UsageEvent
from corebilling.usage.schemas import MeterCreate

BY = Author("key:clerk", "POST /v1/usage/events/void", "request-1")


async def _void(scene: Scene, seller: Seller, event: UsageEvent, **wanted: Any) -> CorrectionOut:
    body = {"id": event.id, "source": event.source, "reason": "sent by mistake"} | wanted
    async with scene.db.tenant(seller.tenant_id) as tx:
        return await scene.usage.void_event(tx, seller.tenant_id, msgspec.convert(body, EventVoid), BY)


async def _amend(scene: Scene, seller: Seller, event: UsageEvent, **change: Any) -> CorrectionOut:
    body = {"id": event.id, "source": event.source, "reason": "wrong figure", "change": change}
    data = msgspec.json.decode(msgspec.json.encode(body), type=EventAmend)
    async with scene.db.tenant(seller.tenant_id) as tx:
        return await scene.usage.amend_event(tx, seller.tenant_id, data, BY)


async def _seal(scene: Scene, seller: Seller) -> int:
    async with scene.db.tenants([seller.tenant_id]) as tx:
        return (await scene.usage.seal(tx, [seller.tenant_id]))[seller.tenant_id]


async def test_a_voided_event_counts_no_more_from_the_present_epoch_on(scene: Scene) -> None:
    event, other = scene.event(value="4"), scene.event(value="1")
    await scene.ingest(scene.one, event, other)
    sealed = await _seal(scene, scene.one)
    correction = await _void(scene, scene.one, event)
    assert (correction.before.events, correction.before.quantity) == (1, "4")
    assert (correction.after.events, correction.after.quantity) == (0, "0")
    assert correction.epoch == sealed + 1
    assert await scene.quantity(scene.one, epoch=sealed) == Decimal(5)
    assert await scene.quantity(scene.one) == Decimal(1)


async def test_the_name_of_a_voided_event_stays_taken(scene: Scene) -> None:
    event = scene.event()
    await scene.ingest(scene.one, event)
    first = await _void(scene, scene.one, event)
    again = await _void(scene, scene.one, event, reason="once more")
    assert again == first
    assert await scene.statuses(scene.one, event) == ["duplicate"]
    assert await scene.quantity(scene.one) == 0
    with pytest.raises(Conflict) as refused:
        await _amend(scene, scene.one, event, value="2")
    assert refused.value.code == "usage_event_voided"


async def test_an_amended_event_says_something_else_under_its_name(scene: Scene) -> None:
    event = scene.event(value="4", source="gateway", properties={"region": "eu"})
    await scene.ingest(scene.one, event)
    correction = await _amend(scene, scene.one, event, value="2.5")
    assert (correction.before.quantity, correction.after.quantity) == ("4", "2.5")
    details = msgspec.json.decode(correction.details)
    assert (details["event"]["quantity"], details["replacement"]["quantity"]) == ("4", "2.5")
    assert details["replacement"]["properties"] == {"region": "eu"}
    assert await scene.quantity(scene.one) == Decimal("2.5")
    moved = scene.now - timedelta(days=2)
    await _amend(scene, scene.one, event, timestamp=moved.isoformat())
    assert await scene.quantity(scene.one, start=moved, end=moved + timedelta(hours=1)) == Decimal("2.5")
    assert await scene.quantity(scene.one) == Decimal("2.5")
    await _void(scene, scene.one, event)
    assert await scene.quantity(scene.one) == 0
    assert await scene.statuses(scene.one, event) == ["duplicate"]


@pytest.mark.parametrize(
    ("change", "code", "pointer"),
    [
        ({"value": "1.5"}, "nothing_to_amend", "/change"),
        ({}, "nothing_to_amend", "/change"),
        ({"value": "-1"}, "negative_value", "/change/value"),
        ({"timestamp": "2999-01-01T00:00:00Z"}, "timestamp_in_future", "/change/timestamp"),
        ({"timestamp": "1999-01-01T00:00:00Z"}, "outside_subscription", "/change/subscription_id"),
        ({"properties": [1]}, "invalid_properties", "/change/properties"),
    ],
)
async def test_a_change_that_makes_no_sense_is_refused_with_its_field(
    scene: Scene, change: dict[str, Any], code: str, pointer: str
) -> None:
    event = scene.event(value="1.5")
    await scene.ingest(scene.one, event)
    with pytest.raises(Invalid) as refused:
        await _amend(scene, scene.one, event, **change)
    assert (refused.value.code, refused.value.fields[0].pointer) == (code, pointer)
    assert await scene.quantity(scene.one) == Decimal("1.5")


async def test_another_tenants_event_is_not_there(scene: Scene) -> None:
    event = scene.event("same")
    await scene.ingest(scene.one, event)
    with pytest.raises(NotFound):
        await _void(scene, scene.two, event)
    await scene.ingest(scene.two, event)
    await _void(scene, scene.two, event)
    assert await scene.quantity(scene.one) == Decimal("1.5")
    assert await scene.quantity(scene.two) == 0
    async with scene.db.tenant(scene.one.tenant_id) as tx:
        wanted = CorrectionFilter()
        assert await scene.usage.list_corrections(tx, scene.one.tenant_id, wanted, after=None, limit=9) == []


async def test_an_event_whose_key_is_forgotten_is_found_by_its_subscription(scene: Scene, owner_url: str) -> None:
    import psycopg

    event = scene.event()
    await scene.ingest(scene.one, event)
    with psycopg.connect(owner_url) as conn:
        conn.execute("DELETE FROM usage_keys WHERE tenant_id = %s", (scene.one.tenant_id,))
    with pytest.raises(NotFound, match="subscription_id"):
        await _void(scene, scene.one, event)
    await _void(scene, scene.one, event, subscription_id="acme-sub")
    assert await scene.quantity(scene.one) == 0


async def test_a_closed_period_learns_of_a_correction_as_of_late_usage(scene: Scene) -> None:
    border = scene.now.replace(minute=0, second=0, microsecond=0) - timedelta(days=2)
    event = scene.event(timestamp=border - timedelta(minutes=90))
    await scene.ingest(scene.one, event)
    sealed = await _seal(scene, scene.one)
    one, subscription = scene.one.tenant_id, scene.one.subscriptions["acme-sub"]
    window = LateWindow(one, subscription, border, sealed, LAST_EPOCH)
    async with scene.db.tenants([one]) as tx:
        assert await scene.usage.late(tx, [window]) == []
    await _void(scene, scene.one, event)
    async with scene.db.tenants([one]) as tx:
        hour = (border - timedelta(minutes=90)).replace(minute=0)
        assert await scene.usage.late(tx, [window]) == [(one, subscription, hour)]


async def test_the_trail_says_who_corrected_what_and_why(scene: Scene) -> None:
    events = [scene.event(), scene.event(meter="calls")]
    await scene.ingest(scene.one, *events)
    made = [await _void(scene, scene.one, event) for event in events]
    tenant_id = scene.one.tenant_id
    async with scene.db.tenant(tenant_id) as tx:
        wanted = CorrectionFilter(meter="calls", kind="void", subscription="acme-sub")
        listed = await scene.usage.list_corrections(tx, tenant_id, wanted, after=None, limit=9)
        assert listed == [made[1]]
        assert await scene.usage.get_correction(tx, tenant_id, made[0].id) == made[0]
    assert (made[0].actor, made[0].reason, made[0].request_id) == ("key:clerk", "sent by mistake", "request-1")
    async with scene.db.tenants([tenant_id]) as tx:
        acts = await trail(tx, tenant_id, after=None, limit=10)
    assert {f"/v1/usage/corrections/{one.id}" for one in made} <= {act.resource for act in acts}
    told = await scene.parties.events(tenant_id, "usage.corrected")
    assert [event.payload["correction_id"] for event in told] == [str(one.id) for one in made]
    assert [event.payload["series"][0]["meter_id"] for event in told] == [
        str(scene.one.meters[code]) for code in ("data", "calls")
    ]


async def test_corrections_of_one_event_at_once_count_once(scene: Scene) -> None:
    event, other = scene.event(value="4"), scene.event(value="1")
    await scene.ingest(scene.one, event, other)
    made = await asyncio.gather(*(_void(scene, scene.one, event) for _ in range(6)))
    assert len({one.id for one in made}) == 1
    assert await scene.quantity(scene.one) == Decimal(1)


@pytest.mark.parametrize(
    ("aggregation", "before", "voided", "amended"),
    [
        ({"aggregation": "sum"}, "15", "6", "10"),
        ({"aggregation": "count"}, "3", "2", "2"),
        ({"aggregation": "max"}, "9", "5", "5"),
        ({"aggregation": "min"}, "1", "1", "5"),
        ({"aggregation": "avg"}, "5", "3", "5"),
        ({"aggregation": "latest"}, "9", "5", "5"),
        ({"aggregation": "percentile", "percentile": "95"}, "9", "5", "5"),
        ({"aggregation": "unique_count", "unique_property": "user"}, "3", "2", "2"),
    ],
    ids=lambda value: value.get("aggregation", "") if isinstance(value, dict) else "",
)
async def test_each_aggregation_as_of_both_epochs(
    scene: Scene, aggregation: dict[str, str], before: str, voided: str, amended: str
) -> None:
    one = scene.one
    async with scene.db.tenant(one.tenant_id) as tx:
        data = msgspec.convert({"code": "tried", "group_by": ["region"]} | aggregation, MeterCreate, strict=False)
        one.meters["tried"] = (await scene.usage.create_meter(tx, one.tenant_id, data)).id
    at = scene.now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)
    low, middle, high = (
        scene.event(
            meter="tried",
            value=value,
            timestamp=at + timedelta(minutes=n),
            properties={"user": value, "region": "eu" if n else "us"},
        )
        for n, value in enumerate(("1", "5", "9"))
    )
    await scene.ingest(one, low, middle, high)
    first = await _seal(scene, one)
    await _void(scene, one, high)
    second = await _seal(scene, one)
    await _amend(scene, one, low, value="5", properties={"user": "1", "region": "eu"})
    for epoch, expected, amounts, regions in (
        (first, before, ["1", "5", "9"], {"eu", "us"}),
        (second, voided, ["1", "5"], {"eu", "us"}),
        (LAST_EPOCH, amended, ["5", "5"], {"eu"}),
    ):
        window = UsageWindow(
            one.tenant_id, one.subscriptions["acme-sub"], one.meters["tried"], at, at + timedelta(hours=1), epoch
        )
        questions = [
            UsageQuestion(window),
            UsageQuestion(window, "events"),
            UsageQuestion(window, "groups", ("region",)),
        ]
        async with scene.db.tenants([one.tenant_id]) as tx:
            total, events, groups = await scene.usage.measure(tx, questions)
        assert (total.quantity, total.event_count) == (Decimal(expected), len(amounts))
        assert await scene.quantity(one, "tried", epoch=epoch) == Decimal(expected)
        if aggregation["aggregation"] not in ("count", "unique_count"):
            assert [plain(amount) for amount in events.amounts] == amounts
        assert {group.values[0] for group in groups.groups} == regions


def _expected(meter: str, events: list[tuple[Decimal, str]]) -> Decimal:
    values = [value for value, _ in events]
    if METERS[meter].aggregation == "count":
        return Decimal(len(values))
    if METERS[meter].aggregation == "unique_count":
        return Decimal(len({user for _, user in events}))
    return max(values, default=Decimal(0)) if METERS[meter].aggregation == "max" else sum(values, Decimal(0))


async def test_every_aggregation_holds_what_is_left(scene: Scene) -> None:
    """Every epoch keeps what it held, whatever is voided and amended later."""
    chance = random.Random(3)
    first = (scene.now - timedelta(days=4)).replace(minute=0, second=0, microsecond=0)
    end = first + timedelta(days=3)
    counting: dict[str, dict[str, tuple[UsageEvent, datetime, Decimal, str]]] = {meter: {} for meter in METERS}
    held: list[tuple[int, str, datetime, datetime, Decimal]] = []
    for _ in range(3):
        batch = []
        for _ in range(40):
            meter, at = chance.choice(sorted(METERS)), first + timedelta(minutes=chance.randrange(3 * 1440))
            value, user = Decimal(chance.randrange(1, 1000)) / 8, f"user {chance.randrange(6)}"
            properties = {"tokens": str(value), "user": user}
            event = scene.event(meter=meter, timestamp=at, value=str(value), properties=properties)
            counting[meter][event.id] = (event, at, value, user)
            batch.append(event)
        assert set(await scene.statuses(scene.one, *batch)) == {"accepted"}
        for known in counting.values():
            for name in chance.sample(sorted(known), len(known) // 4):
                event, at, value, user = known.pop(name)
                if chance.random() < 0.5:
                    await _void(scene, scene.one, event)
                    continue
                value, user = value + 7, f"user {chance.randrange(6)}"
                properties = {"tokens": str(value), "user": user}
                moved = at + timedelta(minutes=chance.choice([0, 45]))
                await _amend(
                    scene, scene.one, event, value=str(value), timestamp=moved.isoformat(), properties=properties
                )
                known[name] = (event, moved, value, user)
        epoch = await _seal(scene, scene.one)
        for meter, known in counting.items():
            for _ in range(4):
                a, b = sorted(first + timedelta(minutes=chance.randrange(3 * 1440)) for _ in range(2))
                for start, stop in ((a, b), (first, end + timedelta(hours=1))):
                    inside = [(value, user) for _, at, value, user in known.values() if start <= at < stop]
                    held.append((epoch, meter, start, stop, _expected(meter, inside)))
    for epoch, meter, start, stop, expected in held:
        found = await scene.quantity(scene.one, meter, start=start, end=stop, epoch=epoch)
        assert found == expected, (epoch, meter, start, stop)
