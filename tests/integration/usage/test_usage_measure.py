"""What each kind of meter makes of the same events, against a recomputation in plain Python."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from uuid import uuid4

import msgspec
import pytest
from usage_recount import KINDS, Used, expected, is_of_ones
from usage_scene import LAST_EPOCH, Scene, Seller, random_bounds

from corebilling.kernel.errors import Invalid
from corebilling.kernel.usage import UsageFigures, UsageQuestion, UsageWindow

HOUR = timedelta(hours=1)
SHOPS = ["eu", "us", "asia"]


def _same(found: UsageFigures, right: UsageFigures, meter: str) -> bool:
    return (msgspec.structs.replace(found, amounts=()) if is_of_ones(meter) else found) == right


async def _void(scene: Scene, used: Used, epoch: int) -> None:
    """What a correction writes: the void, and a compensating rollup in the present epoch."""
    tenant, seller = used.seller.tenant_id, used.seller
    subscription, meter = seller.subscriptions[used.subscription], seller.meters[used.meter]
    hour = used.at.replace(minute=0, second=0, microsecond=0)
    quantity = Decimal(1) if is_of_ones(used.meter) else used.value
    async with scene.db.tenant(tenant) as tx:
        await tx.conn.execute(
            "INSERT INTO usage_voids (tenant_id, subscription_id, meter_id, ts, key, epoch, correction_id)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (tenant, subscription, meter, used.at, used.key, epoch, uuid4()),
        )
        await tx.conn.execute(
            "INSERT INTO usage_rollups AS r (tenant_id, subscription_id, meter_id, hour_at, epoch, event_count, value_sum,"
            " value_max, value_min) VALUES (%s, %s, %s, %s, %s, -1, %s, '-Infinity', 'Infinity')"
            " ON CONFLICT (tenant_id, subscription_id, meter_id, hour_at, epoch) DO UPDATE SET"
            " event_count = r.event_count - 1, value_sum = r.value_sum + excluded.value_sum",
            (tenant, subscription, meter, hour, epoch, -quantity),
        )
    used.voided_in = epoch


async def _many(scene: Scene, chance: random.Random, first: datetime) -> list[Used]:
    """Events of both sellers in three epochs, some at the same instant, some taken back in a later epoch."""
    everything: list[Used] = []
    for epoch in (1, 2, 3):
        for seller in (scene.one, scene.two):
            batch = []
            for _ in range(400):
                at = first + timedelta(seconds=chance.randrange(0, 2 * 86_400))
                if chance.random() < 0.3:
                    at = at.replace(minute=0, second=0)
                meter = chance.choice(sorted(KINDS))
                value = Decimal(chance.randrange(0, 10**5)) / 1000
                if meter == "k-change" and chance.random() < 0.4:
                    value = -value
                properties: dict[str, object] = {"user": f"u{chance.randrange(9)}", "gb": str(value)}
                if chance.random() < 0.9:
                    properties["region"] = chance.choice(SHOPS)
                if chance.random() < 0.9:
                    properties["tier"] = chance.choice([1, 2.5, "3"])
                used = Used(
                    seller, chance.choice(["acme-sub", "many-1"]), meter, at, epoch, value, properties, str(uuid4())
                )
                everything.append(used)
                batch.append(
                    scene.event(
                        used.id,
                        meter=meter,
                        subscription_id=used.subscription,
                        timestamp=at,
                        value=str(value),
                        properties=properties,
                    )
                )
            assert set(await scene.statuses(seller, *batch)) == {"accepted"}
        for used in chance.sample([u for u in everything if u.counts and u.voided_in > LAST_EPOCH], 25):
            await _void(scene, used, epoch)
        async with scene.db.tenants([scene.one.tenant_id, scene.two.tenant_id]) as tx:
            await scene.usage.seal(tx, [scene.one.tenant_id, scene.two.tenant_id])
    return everything


def _question(chance: random.Random, seller: Seller, meter: str, first: datetime) -> UsageQuestion:
    a, b = random_bounds(chance, first, 2)
    whole = (first, first + timedelta(days=31)) if chance.random() < 0.5 else (None, None)
    subscription = seller.subscriptions[chance.choice(["acme-sub", "many-1", "many-2"])]
    window = UsageWindow(seller.tenant_id, subscription, seller.meters[meter], a, b, chance.randrange(0, 5), *whole)
    weighted = KINDS[meter].aggregation == "weighted_sum"
    detail = chance.choice(["total", "events"] if weighted else ["total", "groups", "events"])
    names = chance.choice([("region",), ("tier",), ("region", "tier"), ("tier", "region")])
    return UsageQuestion(window, detail, names if detail == "groups" else ())  # type: ignore[arg-type]


@pytest.fixture
async def kinds(scene: Scene) -> Scene:
    for seller in (scene.one, scene.two):
        async with scene.db.tenant(seller.tenant_id) as tx:
            for code, kind in KINDS.items():
                seller.meters[code] = (await scene.usage.create_meter(tx, seller.tenant_id, kind)).id
    return scene


async def _measured(scene: Scene, *questions: UsageQuestion) -> list[UsageFigures]:
    async with scene.db.tenants({question.window.tenant_id for question in questions}) as tx:
        return await scene.usage.measure(tx, questions)


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_kind_of_meter_says_what_its_events_say(kinds: Scene, seed: int) -> None:
    chance = random.Random(seed)
    first = (kinds.now - timedelta(days=4)).astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    everything = await _many(kinds, chance, first)
    asked = [
        (_question(chance, chance.choice([kinds.one, kinds.two]), meter, first), meter)
        for meter in sorted(KINDS)
        for _ in range(40)
    ]
    found = await _measured(kinds, *(question for question, _ in asked))
    for (question, meter), figures in zip(asked, found, strict=True):
        assert _same(figures, expected(everything, question, meter), meter), (meter, question)


async def test_the_order_of_arrival_changes_nothing(kinds: Scene) -> None:
    chance = random.Random(3)
    first = (kinds.now - timedelta(days=4)).replace(minute=0, second=0, microsecond=0)
    events = [
        kinds.event(
            meter=meter,
            timestamp=first + timedelta(minutes=7 * chance.randrange(600)),  # many at one instant
            value=str(chance.randrange(10**6)),
            properties={
                "user": f"u{chance.randrange(9)}",
                "gb": str(chance.randrange(99)),
                "region": "eu",
                "tier": "1",
            },
        )
        for meter in sorted(KINDS)
        for _ in range(60)
    ]
    found = []
    for seller in (kinds.one, kinds.two):
        for start in range(0, len(events), 150):
            assert set(await kinds.statuses(seller, *events[start : start + 150])) == {"accepted"}
        chance.shuffle(events)
        windows = [
            UsageWindow(seller.tenant_id, seller.subscriptions["acme-sub"], seller.meters[meter], a, b, LAST_EPOCH)
            for meter in sorted(KINDS)
            for a, b in ((first, first + 72 * HOUR), (first + 20 * HOUR / 7, first + 40 * HOUR / 3))
        ]
        found.append(await _measured(kinds, *(UsageQuestion(window, "events") for window in windows)))
    assert found[0] == found[1]
    assert all(figures.quantity for figures in found[0])


async def test_the_parts_of_a_window_add_up_to_it(kinds: Scene) -> None:
    chance = random.Random(5)
    first = (kinds.now - timedelta(days=4)).astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    await _many(kinds, chance, first)
    one, end = kinds.one, first + 48 * HOUR
    for meter in ("k-count", "k-sum"):
        cuts = sorted([first, end, *(first + timedelta(seconds=chance.randrange(48 * 3600)) for _ in range(20))])
        windows = [
            UsageWindow(one.tenant_id, one.subscriptions["acme-sub"], one.meters[meter], a, b, LAST_EPOCH)
            for a, b in [(first, end), *pairwise(cuts)]
        ]
        whole, *parts = [figures.quantity for figures in await _measured(kinds, *map(UsageQuestion, windows))]
        assert sum(parts) == whole > 0


async def test_a_property_that_the_meter_does_not_group_by_is_refused(kinds: Scene) -> None:
    one = kinds.one
    window = UsageWindow(
        one.tenant_id, one.subscriptions["acme-sub"], one.meters["k-sum"], kinds.now - HOUR, kinds.now, LAST_EPOCH
    )
    await kinds.ingest(one, kinds.event(meter="k-sum", timestamp=kinds.now - HOUR))
    with pytest.raises(Invalid):
        await _measured(kinds, UsageQuestion(window, "groups", ("colour",)))
