"""Windows from rollups and edge hours add up to what the events say."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from usage_scene import METERS, Scene, Seller, random_bounds

from corebilling.kernel.usage import UsageWindow


@dataclass
class Reported:
    seller: Seller
    subscription: str
    meter: str
    at: datetime
    epoch: int
    value: Decimal
    user: str


def _expected(reported: list[Reported], window: UsageWindow, meter: str) -> Decimal:
    found = [
        r
        for r in reported
        if r.seller.tenant_id == window.tenant_id
        and r.seller.subscriptions[r.subscription] == window.subscription_id
        and r.meter == meter
        and window.start <= r.at < window.end
        and r.epoch <= window.epoch
    ]
    if METERS[meter].aggregation == "count":
        return Decimal(len(found))
    if METERS[meter].aggregation == "sum":
        return sum((r.value for r in found), Decimal(0))
    if METERS[meter].aggregation == "max":
        return max((r.value for r in found), default=Decimal(0))
    return Decimal(len({r.user for r in found}))


async def test_windows_hold_what_the_events_say(scene: Scene) -> None:
    chance = random.Random(7)
    first = (scene.now - timedelta(days=4)).replace(
        minute=0, second=0, microsecond=0
    )  # the same cases whatever the time
    reported: list[Reported] = []
    for epoch in (1, 2, 3):
        for seller in (scene.one, scene.two):
            batch = []
            for _ in range(250):
                at = first + timedelta(microseconds=chance.randrange(0, 3 * 86_400_000_000))
                if chance.random() < 0.2:
                    at = at.replace(minute=0, second=0, microsecond=0)
                made = Reported(
                    seller,
                    chance.choice(["acme-sub", "many-1"]),
                    chance.choice(sorted(METERS)),
                    at,
                    epoch,
                    Decimal(chance.randrange(0, 10**6)) / 1000,
                    f"user {chance.randrange(12)}",
                )
                reported.append(made)
                properties: dict[str, Any] = {"tokens": str(made.value), "user": made.user}
                batch.append(
                    scene.event(
                        meter=made.meter,
                        subscription_id=made.subscription,
                        timestamp=at,
                        value=str(made.value),
                        properties=properties,
                    )
                )
            assert set(await scene.statuses(seller, *batch)) == {"accepted"}
        async with scene.db.tenants([scene.one.tenant_id, scene.two.tenant_id]) as tx:
            await scene.usage.seal(tx, [scene.one.tenant_id, scene.two.tenant_id])
    windows, expected = [], []
    for _ in range(400):
        seller, meter = chance.choice([scene.one, scene.two]), chance.choice(sorted(METERS))
        a, b = random_bounds(chance, first, 3)
        subscription = seller.subscriptions[chance.choice(["acme-sub", "many-1", "many-2"])]
        window = UsageWindow(seller.tenant_id, subscription, seller.meters[meter], a, b, chance.randrange(0, 4))
        windows.append(window)
        expected.append(_expected(reported, window, meter))
    assert await scene.quantities(windows) == expected


async def test_a_window_of_another_tenant_is_empty(scene: Scene) -> None:
    await scene.ingest(scene.one, scene.event())
    one = scene.one
    window = UsageWindow(
        one.tenant_id, one.subscriptions["acme-sub"], one.meters["data"], scene.now - timedelta(days=1), scene.now, 9
    )
    async with scene.db.tenants([scene.two.tenant_id]) as tx:
        assert await scene.usage.aggregate(tx, [window]) == [0]
    assert await scene.quantities([window]) == [Decimal("1.5")]
