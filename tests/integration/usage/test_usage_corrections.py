"""Usage that is taken back or put right counts exactly, from the present epoch on, and leaves a trail."""

import asyncio
import random
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from correcting import amend, seal, void
from usage_scene import LAST_EPOCH, Scene

from corebilling.kernel.errors import Conflict, Invalid, NotFound
from corebilling.kernel.usage import LateWindow
from corebilling.platform.audit import trail
from corebilling.usage.correction_trail import CorrectionFilter


async def test_a_voided_event_counts_no_more_from_the_present_epoch_on(scene: Scene) -> None:
    event, other = scene.event(value="4"), scene.event(value="1")
    await scene.ingest(scene.one, event, other)
    sealed = await seal(scene, scene.one)
    correction = await void(scene, scene.one, event)
    assert (correction.before.events, correction.before.quantity) == (1, "4")
    assert (correction.after.events, correction.after.quantity) == (0, "0")
    assert correction.epoch == sealed + 1
    assert await scene.quantity(scene.one, epoch=sealed) == Decimal(5)
    assert await scene.quantity(scene.one) == Decimal(1)


async def test_the_name_of_a_voided_event_stays_taken(scene: Scene) -> None:
    event = scene.event()
    await scene.ingest(scene.one, event)
    first = await void(scene, scene.one, event)
    again = await void(scene, scene.one, event, reason="once more")
    assert again == first
    assert await scene.statuses(scene.one, event) == ["duplicate"]
    assert await scene.quantity(scene.one) == 0
    with pytest.raises(Conflict) as refused:
        await amend(scene, scene.one, event, value="2")
    assert refused.value.code == "usage_event_voided"


async def test_an_amended_event_says_something_else_under_its_name(scene: Scene) -> None:
    event = scene.event(value="4", source="gateway", properties={"region": "eu"})
    await scene.ingest(scene.one, event)
    correction = await amend(scene, scene.one, event, value="2.5")
    assert (correction.before.quantity, correction.after.quantity) == ("4", "2.5")
    details = msgspec.json.decode(correction.details)
    assert (details["event"]["quantity"], details["replacement"]["quantity"]) == ("4", "2.5")
    assert details["replacement"]["properties"] == {"region": "eu"}
    assert await scene.quantity(scene.one) == Decimal("2.5")
    moved = scene.now - timedelta(days=2)
    await amend(scene, scene.one, event, timestamp=moved.isoformat())
    assert await scene.quantity(scene.one, start=moved, end=moved + timedelta(hours=1)) == Decimal("2.5")
    assert await scene.quantity(scene.one) == Decimal("2.5")
    await void(scene, scene.one, event)
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
        await amend(scene, scene.one, event, **change)
    assert (refused.value.code, refused.value.fields[0].pointer) == (code, pointer)
    assert await scene.quantity(scene.one) == Decimal("1.5")


async def test_another_tenants_event_is_not_there(scene: Scene) -> None:
    event = scene.event("same")
    await scene.ingest(scene.one, event)
    with pytest.raises(NotFound):
        await void(scene, scene.two, event)
    await scene.ingest(scene.two, event)
    await void(scene, scene.two, event)
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
        await void(scene, scene.one, event)
    await void(scene, scene.one, event, subscription_id="acme-sub")
    assert await scene.quantity(scene.one) == 0


async def test_a_closed_period_learns_of_a_correction_as_of_late_usage(scene: Scene) -> None:
    border = scene.now.replace(minute=0, second=0, microsecond=0) - timedelta(days=2)
    event = scene.event(timestamp=border - timedelta(minutes=90))
    await scene.ingest(scene.one, event)
    sealed = await seal(scene, scene.one)
    one, subscription = scene.one.tenant_id, scene.one.subscriptions["acme-sub"]
    window = LateWindow(one, subscription, border, sealed, LAST_EPOCH)
    async with scene.db.tenants([one]) as tx:
        assert await scene.usage.late(tx, [window]) == []
    await void(scene, scene.one, event)
    async with scene.db.tenants([one]) as tx:
        hour = (border - timedelta(minutes=90)).replace(minute=0)
        assert await scene.usage.late(tx, [window]) == [(one, subscription, hour)]


async def test_a_sealed_epoch_never_changes_while_usage_is_taken_back(scene: Scene) -> None:
    chance = random.Random(5)
    events = [scene.event(value=str(number)) for number in range(1, 41)]
    await scene.ingest(scene.one, *events)
    left, sealed = sum(range(1, 41)), []
    for trial in range(8):
        mine = events[trial * 5 : trial * 5 + 5]

        async def close() -> tuple[int, Decimal]:
            for _ in range(chance.randrange(0, 30)):
                await asyncio.sleep(0)
            epoch = await seal(scene, scene.one)
            return epoch, await scene.quantity(scene.one, epoch=epoch)

        (at_sealing, *_) = await asyncio.gather(close(), *(void(scene, scene.one, event) for event in mine))
        sealed.append(at_sealing)
        left -= sum(int(event.value or 0) for event in mine)
        assert await scene.quantity(scene.one) == left
    for epoch, quantity in sealed:
        assert await scene.quantity(scene.one, epoch=epoch) == quantity


async def test_the_trail_says_who_corrected_what_and_why(scene: Scene) -> None:
    events = [scene.event(), scene.event(meter="calls")]
    await scene.ingest(scene.one, *events)
    made = [await void(scene, scene.one, event) for event in events]
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
    made = await asyncio.gather(*(void(scene, scene.one, event) for _ in range(6)))
    assert len({one.id for one in made}) == 1
    assert await scene.quantity(scene.one) == Decimal(1)
