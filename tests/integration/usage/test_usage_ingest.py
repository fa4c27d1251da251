"""Every event counts once, and what is refused is kept."""

import asyncio
import random
from datetime import timedelta
from decimal import Decimal

import pytest
from usage_scene import Scene


async def test_a_retry_is_a_duplicate_whatever_its_timestamp_says(scene: Scene) -> None:
    first = scene.event("retried")
    later = scene.event("retried", timestamp=scene.now - timedelta(days=20))
    assert await scene.statuses(scene.one, first) == ["accepted"]
    assert await scene.statuses(scene.one, first) == ["duplicate"]
    assert await scene.statuses(scene.one, later) == ["duplicate"]
    assert await scene.quantity(scene.one) == Decimal("1.5")


async def test_another_event_under_a_taken_name_is_a_conflict_and_is_kept(scene: Scene) -> None:
    assert await scene.statuses(scene.one, scene.event("named", value="1")) == ["accepted"]
    assert await scene.statuses(scene.one, scene.event("named", value="2")) == ["idempotency_conflict"]
    assert await scene.quantity(scene.one) == Decimal(1)
    assert await scene.rejection_codes(scene.one) == ["idempotency_conflict"]


async def test_repeats_inside_one_batch_are_told_apart(scene: Scene) -> None:
    twice, other = scene.event("twice", value="1"), scene.event("twice", value="2")
    assert await scene.statuses(scene.one, twice, twice, other) == ["accepted", "duplicate", "idempotency_conflict"]
    assert await scene.statuses(scene.one, other, twice) == ["idempotency_conflict", "duplicate"]
    assert await scene.quantity(scene.one) == Decimal(1)


async def test_the_source_is_part_of_the_name(scene: Scene) -> None:
    events = [scene.event("same", source="a"), scene.event("same", source="b"), scene.event("same")]
    assert await scene.statuses(scene.one, *events) == ["accepted"] * 3
    assert await scene.quantity(scene.one) == Decimal("4.5")


async def test_a_rejected_event_leaves_its_name_free(scene: Scene) -> None:
    assert await scene.statuses(scene.one, scene.event("mended", meter="dat")) == ["unknown_meter"]
    assert await scene.statuses(scene.one, scene.event("mended")) == ["accepted"]


async def test_a_meter_counts_as_soon_as_it_is_made(scene: Scene) -> None:
    from corebilling.usage.schemas import MeterCreate

    assert await scene.statuses(scene.one, scene.event("fresh", meter="fresh")) == ["unknown_meter"]
    async with scene.db.tenant(scene.one.tenant_id) as tx:
        await scene.usage.create_meter(tx, scene.one.tenant_id, MeterCreate("fresh", "count"))
    assert await scene.statuses(scene.one, scene.event("fresh", meter="fresh")) == ["accepted"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"value": None}, "missing_value"),
        ({"value": "-1"}, "negative_value"),
        ({"value": "NaN"}, "invalid_value"),
        ({"value": "Infinity"}, "invalid_value"),
        ({"value": "1000000000000000.1"}, "value_too_large"),
        ({"value": "1e400"}, "value_too_large"),
        ({"value": "0.0000000000001"}, "value_too_precise"),
        ({"value": "1.5e-12"}, "value_too_precise"),
        ({"meter": "nothing"}, "unknown_meter"),
        ({"meter": "tokens"}, "missing_property"),
        ({"meter": "tokens", "properties": {"tokens": "many"}}, "invalid_property"),
        ({"meter": "tokens", "properties": {"tokens": -5}}, "negative_value"),
        ({"meter": "users", "properties": {"user": None}}, "missing_property"),
        ({"meter": "users", "properties": {"user": ["a"]}}, "invalid_property"),
        ({"properties": [1]}, "invalid_properties"),
        ({"properties": {"long": "x" * 20_000}}, "properties_too_large"),
        ({"subscription_id": None}, "no_owner"),
        ({"subscription_id": "nobody"}, "unknown_subscription"),
        ({"subscription_id": None, "customer_id": "nobody"}, "unknown_customer"),
        ({"subscription_id": None, "customer_id": "many"}, "ambiguous_customer"),
        ({"customer_id": "many"}, "customer_mismatch"),
    ],
)
async def test_what_is_wrong_is_named(scene: Scene, change: dict[str, object], code: str) -> None:
    bad, good = scene.event(**change), scene.event()
    assert await scene.statuses(scene.one, bad, good) == [code, "accepted"]
    assert await scene.rejection_codes(scene.one) == [code]


@pytest.mark.parametrize(
    ("age", "status"),
    [
        (timedelta(days=35), "timestamp_too_old"),
        (timedelta(days=29), "accepted"),
        (timedelta(minutes=-4), "accepted"),
        (timedelta(minutes=-6), "timestamp_in_future"),
        (timedelta(days=365 * 2000), "timestamp_too_old"),
    ],
)
async def test_timestamps_have_to_be_of_the_time_in_which_retries_are_known(
    scene: Scene, age: timedelta, status: str
) -> None:
    assert await scene.statuses(scene.one, scene.event(timestamp=scene.now - age)) == [status]


async def test_timestamps_with_an_offset_fall_into_their_hour_of_utc(scene: Scene) -> None:
    at = (scene.now - timedelta(days=1)).replace(minute=10, second=0, microsecond=0)
    local = at.strftime("%Y-%m-%dT%H:%M:%S+00:00")
    shifted = (at + timedelta(hours=5, minutes=45)).strftime("%Y-%m-%dT%H:%M:%S+05:45")
    events = [scene.event(timestamp=local), scene.event(timestamp=shifted)]
    assert await scene.statuses(scene.one, *events) == ["accepted"] * 2
    hour = at.replace(minute=0)
    assert await scene.quantity(scene.one, start=hour, end=hour + timedelta(hours=1)) == Decimal(3)


async def test_a_customer_with_one_subscription_is_enough(scene: Scene) -> None:
    by_name = scene.event(subscription_id=None, customer_id="acme")
    by_id = scene.event(subscription_id=None, customer_id=str(scene.one.customers["acme"]).upper())
    assert await scene.statuses(scene.one, by_name, by_id) == ["accepted"] * 2
    assert await scene.quantity(scene.one) == Decimal(3)


async def test_a_tenant_cannot_report_on_anothers_subscription(scene: Scene) -> None:
    stolen = str(scene.one.subscriptions["acme-sub"])
    events = [
        scene.event(subscription_id=stolen),
        scene.event(subscription_id=None, customer_id=str(scene.one.customers["acme"])),
    ]
    assert await scene.statuses(scene.two, *events) == ["unknown_subscription", "unknown_customer"]
    assert await scene.quantity(scene.one) == 0


async def test_two_tenants_may_use_the_same_names(scene: Scene) -> None:
    same = scene.event("shared")
    assert await scene.statuses(scene.one, same) == ["accepted"]
    assert await scene.statuses(scene.two, same) == ["accepted"]
    assert await scene.rejection_codes(scene.one) == []
    assert await scene.quantity(scene.one) == await scene.quantity(scene.two) == Decimal("1.5")


async def test_batches_at_once_store_each_event_once(scene: Scene) -> None:
    events = [scene.event(value="1", timestamp=scene.now - timedelta(hours=n % 30)) for n in range(300)]
    chance = random.Random(7)
    batches = [chance.sample(events, len(events)) for _ in range(6)]
    answers = await asyncio.gather(*(scene.statuses(scene.one, *batch) for batch in batches))
    statuses = [status for answer in answers for status in answer]
    assert statuses.count("accepted") == 300
    assert statuses.count("duplicate") == 1500
    assert await scene.quantity(scene.one) == Decimal(300)


async def test_others_are_told_once_a_batch_which_series_moved(scene: Scene) -> None:
    early, late = scene.now - timedelta(hours=9), scene.now - timedelta(hours=2)
    events = [
        scene.event(timestamp=late),
        scene.event(timestamp=early),
        scene.event(meter="calls", timestamp=late),
        scene.event(meter="nothing"),
    ]
    await scene.ingest(scene.one, *events)
    await scene.ingest(scene.one, *events[:3])
    reported = await scene.parties.events(scene.one.tenant_id, "usage.reported")
    assert len(reported) == 1
    counts = {series["meter_id"]: series["count"] for series in reported[0].payload["series"]}
    assert counts == {str(scene.one.meters["data"]): 2, str(scene.one.meters["calls"]): 1}


async def test_sums_are_exact_beyond_the_default_precision(scene: Scene) -> None:
    huge = [scene.event(value="999999999999999.999999999999") for _ in range(50)]
    await scene.ingest(scene.one, *huge)
    assert await scene.quantity(scene.one) == Decimal("49999999999999999.99999999995")
