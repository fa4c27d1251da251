"""What was rejected can be tried again once its cause is mended, and is forgotten in the end."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest
from usage_scene import Scene, Seller

from corebilling.kernel.errors import Invalid, NotFound
from corebilling.usage.decode import decode
from corebilling.usage.housekeeping import UsageHousekeeping
from corebilling.usage.rejections import RejectionFilter
from corebilling.usage.schemas import MeterCreate
from corebilling.usage.schemas.rejections import RejectionOut, RejectionsRetry, RetryAnswer


async def _kept(scene: Scene, seller: Seller, wanted: RejectionFilter = RejectionFilter()) -> list[RejectionOut]:
    async with scene.db.tenant(seller.tenant_id) as tx:
        return await scene.usage.list_rejections(tx, seller.tenant_id, wanted, after=None, limit=2_000)


async def _retry(scene: Scene, seller: Seller, wanted: RejectionsRetry) -> RetryAnswer:
    async with scene.db.tenant(seller.tenant_id) as tx:
        return await scene.usage.retry_rejections(tx, seller.tenant_id, wanted)


async def _meter(scene: Scene, code: str) -> None:
    async with scene.db.tenant(scene.one.tenant_id) as tx:
        made = await scene.usage.create_meter(tx, scene.one.tenant_id, MeterCreate(code, "sum"))
    scene.one.meters[code] = made.id


async def test_what_was_rejected_counts_once_its_cause_is_mended(scene: Scene) -> None:
    events = [scene.event(meter="late"), scene.event(meter="late"), scene.event(meter="never")]
    await scene.ingest(scene.one, *events)
    assert (await _retry(scene, scene.one, RejectionsRetry(code="unknown_meter"))).rejected == 3
    await _meter(scene, "late")
    answer = await _retry(scene, scene.one, RejectionsRetry(all=True))
    assert (answer.accepted, answer.rejected, answer.more) == (2, 1, False)
    assert await scene.quantity(scene.one, "late") == Decimal(3)
    kept = {row.event_id: row for row in await _kept(scene, scene.one)}
    assert [(kept[event.id].attempts, kept[event.id].outcome) for event in events] == [
        (3, "accepted"),
        (3, "accepted"),
        (3, None),
    ]
    assert len(await _kept(scene, scene.one, RejectionFilter(resolved=False))) == 1
    assert (await _retry(scene, scene.one, RejectionsRetry(all=True))).accepted == 0
    assert len(kept) == 3


async def test_one_is_tried_again_and_keeps_its_new_reason(scene: Scene) -> None:
    event = scene.event(meter="mended", value=None)
    await scene.ingest(scene.one, event)
    await _meter(scene, "mended")
    (row,) = await _kept(scene, scene.one)
    tenant_id = scene.one.tenant_id
    async with scene.db.tenant(tenant_id) as tx:
        assert (await scene.usage.retry_rejection(tx, tenant_id, row.id)).code == "missing_value"
    (row,) = await _kept(scene, scene.one)
    assert (row.code, row.attempts, row.outcome) == ("missing_value", 2, None)
    assert await scene.statuses(scene.one, scene.event(event.id, meter="mended", value="2")) == ["accepted"]
    async with scene.db.tenant(scene.two.tenant_id) as tx:
        with pytest.raises(NotFound):
            await scene.usage.retry_rejection(tx, scene.two.tenant_id, row.id)


async def test_an_event_sent_again_meanwhile_is_a_duplicate(scene: Scene) -> None:
    event = scene.event(meter="twice")
    await scene.ingest(scene.one, event)
    await _meter(scene, "twice")
    assert await scene.statuses(scene.one, event) == ["accepted"]
    (row,) = await _kept(scene, scene.one)
    assert (await _retry(scene, scene.one, RejectionsRetry(ids=[row.id]))).duplicates == 1
    assert (await _retry(scene, scene.one, RejectionsRetry(ids=[row.id, row.id]))).duplicates == 1
    (row,) = await _kept(scene, scene.one)
    assert (row.outcome, row.attempts) == ("duplicate", 2)
    assert await scene.quantity(scene.one, "twice") == Decimal("1.5")


async def test_items_are_tried_in_the_form_in_which_they_came(scene: Scene) -> None:
    at = (scene.now - timedelta(hours=1)).isoformat()
    envelope = {"specversion": "1.0", "id": "c", "source": "/g", "type": "forms", "subject": "acme-sub", "time": at}
    cloud = [envelope | {"data": {"value": 2}}]
    strange: list[Any] = [{"id": "s", "meter": "forms", "timestamp": at, "colour": "red"}, 5, "\x00"]
    strange += [{"id": "a\x00", "meter": "forms", "timestamp": at, "subscription_id": "acme-sub", "value": 1}]
    long = [{"id": "long", "colour": "x" * 70_000}]
    sent = decode("application/cloudevents-batch+json", msgspec.json.encode(cloud))[0]
    sent += decode("application/json", msgspec.json.encode(strange))[0]
    sent += decode("application/json", msgspec.json.encode(long))[0]
    async with scene.db.tenant(scene.one.tenant_id) as tx:
        await scene.usage.ingest(tx, scene.one.tenant_id, sent)
    await _meter(scene, "forms")
    answer = await _retry(scene, scene.one, RejectionsRetry(all=True))
    assert [item.code or item.status for item in answer.items] == ["accepted", *["invalid_event"] * 5]
    assert await scene.quantity(scene.one, "forms") == 2


async def test_retries_at_once_take_each_event_once(scene: Scene) -> None:
    await scene.ingest(scene.one, *(scene.event(meter="rush", value="1") for _ in range(50)))
    await _meter(scene, "rush")
    answers = await asyncio.gather(*(_retry(scene, scene.one, RejectionsRetry(all=True)) for _ in range(4)))
    assert sum(answer.accepted for answer in answers) == 50
    assert sum(answer.duplicates for answer in answers) == 0
    assert await scene.quantity(scene.one, "rush") == 50


async def test_a_thousand_are_tried_at_a_time(scene: Scene) -> None:
    await scene.ingest(scene.one, *(scene.event(meter="many") for _ in range(1_001)))
    answer = await _retry(scene, scene.one, RejectionsRetry(code="unknown_meter"))
    assert (answer.rejected, answer.more) == (1_000, True)


async def test_a_choice_has_to_be_clear(scene: Scene) -> None:
    for wanted in (RejectionsRetry(), RejectionsRetry(code="x", all=True)):
        with pytest.raises(Invalid):
            await _retry(scene, scene.one, wanted)
    with pytest.raises(NotFound):
        await _retry(scene, scene.one, RejectionsRetry(ids=[UUID(int=5)]))


async def test_lists_know_code_time_and_tenant(scene: Scene) -> None:
    await scene.ingest(scene.one, scene.event(meter="nothing"), scene.event(value="-1"))
    assert [row.code for row in await _kept(scene, scene.one, RejectionFilter(code="negative_value"))] == [
        "negative_value"
    ]
    (first, *_) = await _kept(scene, scene.one)
    assert await _kept(scene, scene.one, RejectionFilter(end=first.received_at)) == []
    assert len(await _kept(scene, scene.one, RejectionFilter(start=first.received_at))) == 2
    assert await _kept(scene, scene.two) == []


async def test_settled_and_old_rejections_are_forgotten(scene: Scene) -> None:
    await scene.ingest(scene.one, scene.event(meter="forgotten"), scene.event(value="-1"))
    await _meter(scene, "forgotten")
    await _retry(scene, scene.one, RejectionsRetry(all=True))
    await UsageHousekeeping(clock=lambda: scene.now + timedelta(days=31)).run(scene.db)
    assert [row.code for row in await _kept(scene, scene.one)] == ["negative_value"]
    await UsageHousekeeping(clock=lambda: scene.now + timedelta(days=181)).run(scene.db)
    assert await _kept(scene, scene.one) == []
