"""Closing a period cuts usage in two parts that never change places."""

import asyncio
import random
from decimal import Decimal

from usage_scene import LAST_EPOCH, Scene

_TRIALS = 40


async def test_a_sealed_epoch_never_grows_and_the_next_holds_the_rest(scene: Scene) -> None:
    chance = random.Random(11)
    accepted = sealed_before = Decimal(0)
    for _ in range(_TRIALS):
        batches = [[scene.event(value="1") for _ in range(chance.randrange(1, 25))] for _ in range(6)]

        async def seal() -> tuple[int, Decimal]:
            for _ in range(chance.randrange(0, 40)):
                await asyncio.sleep(0)
            async with scene.db.tenants([scene.one.tenant_id]) as tx:
                epoch = (await scene.usage.seal(tx, [scene.one.tenant_id]))[scene.one.tenant_id]
            return epoch, await scene.quantity(scene.one, epoch=epoch)

        (epoch, at_sealing), *_ = await asyncio.gather(seal(), *(scene.ingest(scene.one, *b) for b in batches))
        accepted += sum(len(batch) for batch in batches)
        assert await scene.quantity(scene.one, epoch=epoch) == at_sealing >= sealed_before
        assert await scene.quantity(scene.one) == accepted
        sealed_before = at_sealing


async def test_tenants_have_epochs_of_their_own(scene: Scene) -> None:
    one, two = scene.one.tenant_id, scene.two.tenant_id
    async with scene.db.tenants([one, two]) as tx:
        assert await scene.usage.current_epochs(tx, [one, two]) == {one: 1, two: 1}
    async with scene.db.tenants([one]) as tx:
        assert await scene.usage.seal(tx, [one]) == {one: 1}
    async with scene.db.tenants([one, two]) as tx:
        assert await scene.usage.seal(tx, [one, two]) == {one: 2, two: 1}
        assert await scene.usage.current_epochs(tx, [one, two]) == {one: 3, two: 2}


async def test_usage_after_the_seal_is_late_for_the_period_before_it(scene: Scene) -> None:
    from datetime import timedelta

    from corebilling.kernel.usage import LateWindow

    one, subscription = scene.one.tenant_id, scene.one.subscriptions["acme-sub"]
    border = scene.now.replace(minute=0, second=0, microsecond=0) - timedelta(days=2)
    before, after = border - timedelta(minutes=90), border + timedelta(minutes=1)
    await scene.ingest(scene.one, scene.event(timestamp=before), scene.event(timestamp=after))
    async with scene.db.tenants([one]) as tx:
        epoch = (await scene.usage.seal(tx, [one]))[one]
    window = LateWindow(one, subscription, border, epoch, LAST_EPOCH)
    async with scene.db.tenants([one]) as tx:
        assert await scene.usage.late(tx, [window]) == []
    await scene.ingest(scene.one, scene.event(timestamp=before), scene.event(timestamp=after))
    async with scene.db.tenants([one]) as tx:
        hour = (border - timedelta(minutes=90)).replace(minute=0)
        assert await scene.usage.late(tx, [window]) == [(one, subscription, hour)]
    async with scene.db.tenants([scene.two.tenant_id]) as tx:
        assert await scene.usage.late(tx, [window]) == []
