"""Backfills reach back as far as they say, all of them or nothing, and the same one twice changes nothing."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from usage_scene import FAR, Scene, Seller

from corebilling.kernel.errors import Conflict, DomainError, Invalid
from corebilling.subscription.schemas import SubscriptionCreate
from corebilling.usage.domain.correction import Author
from corebilling.usage.schemas.corrections import BackfillAnswer, BackfillCreate, EventVoid

BY = Author("key:clerk", "POST /v1/usage/backfills", "request-1")


def _sent(id: str, at: datetime, value: str = "1", **more: Any) -> dict[str, Any]:
    return {"id": id, "timestamp": at, "value": value} | more


async def _backfill(scene: Scene, seller: Seller, *events: dict[str, Any], **wanted: Any) -> BackfillAnswer:
    body = {
        "meter": "data",
        "subscription_id": "acme-sub",
        "from": scene.now - timedelta(days=20),
        "to": scene.now - timedelta(days=10),
        "reason": "the gateway was down",
        "events": events,
    } | wanted
    present = {name: value for name, value in body.items() if value is not None}
    data = msgspec.json.decode(msgspec.json.encode(present), type=BackfillCreate)
    async with scene.db.tenant(seller.tenant_id) as tx:
        return await scene.usage.backfill(tx, seller.tenant_id, data, BY)


def _changed(answer: BackfillAnswer) -> tuple[int, int, int]:
    return answer.added, answer.voided, answer.unchanged


async def _seal(scene: Scene) -> int:
    async with scene.db.tenants([scene.one.tenant_id]) as tx:
        return (await scene.usage.seal(tx, [scene.one.tenant_id]))[scene.one.tenant_id]


async def test_adding_takes_what_is_older_than_reports_may_be(scene: Scene) -> None:
    long_ago = datetime(2025, 2, 3, 4, 5, tzinfo=scene.now.tzinfo)
    now = long_ago + timedelta(days=300)
    old = await scene.seller("old", sandbox=True, clock_at=now)
    async with scene.db.tenant(old.tenant_id) as tx:
        made = await scene.parties.subscriptions.create(
            tx,
            old.tenant_id,
            SubscriptionCreate(
                customer_id="acme", plan="basic", external_id="aged", start_at=long_ago - timedelta(days=1)
            ),
        )
    old.subscriptions["aged"] = made.id
    assert await scene.statuses(old, scene.event(timestamp=long_ago, subscription_id="aged")) == ["timestamp_too_old"]
    wanted = {"from": long_ago, "to": long_ago + timedelta(days=1), "subscription_id": "aged"}
    events = [_sent("x", long_ago, "3"), _sent("y", long_ago + timedelta(hours=1))]
    assert _changed(await _backfill(scene, old, *events, **wanted)) == (2, 0, 0)
    again = await _backfill(scene, old, *events, **wanted)
    assert (_changed(again), again.correction) == ((0, 0, 2), None)
    assert await scene.quantity(old, subscription="aged") == Decimal(4)
    assert await scene.quantity(old) == 0


async def test_adding_leaves_what_is_there_and_refuses_to_say_something_else(scene: Scene) -> None:
    at = scene.now - timedelta(days=15)
    await scene.ingest(scene.one, scene.event("there", timestamp=at, value="2"))
    answer = await _backfill(scene, scene.one, _sent("there", at, "2"), _sent("new", at, "5"))
    assert _changed(answer) == (1, 0, 1)
    with pytest.raises(Conflict) as refused:
        await _backfill(scene, scene.one, _sent("newer", at), _sent("there", at, "3"))
    assert [field.pointer for field in refused.value.fields] == ["/events/1/id"]
    assert await scene.quantity(scene.one) == Decimal(7)
    assert await scene.statuses(scene.one, scene.event("new", timestamp=at, value="5")) == ["duplicate"]


async def test_replacing_takes_back_what_is_not_sent_and_keeps_what_is(scene: Scene) -> None:
    at, outside = scene.now - timedelta(days=15), scene.now - timedelta(days=5)
    stored = [scene.event(name, timestamp=at, value="10") for name in ("kept", "wrong", "gone")]
    beyond = [
        scene.event("outside", timestamp=outside, value="1"),
        scene.event("other meter", meter="calls", timestamp=at),
        scene.event("other subscription", subscription_id="many-1", timestamp=at, value="1"),
    ]
    await scene.ingest(scene.one, *stored, *beyond)
    sealed = await _seal(scene)
    sent = [_sent("kept", at, "10"), _sent("wrong", at, "4"), _sent("new", at, "0.5")]
    answer = await _backfill(scene, scene.one, *sent, mode="replace")
    assert _changed(answer) == (2, 2, 1)
    assert answer.correction is not None
    assert (answer.correction.before.quantity, answer.correction.after.quantity) == ("20", "4.5")
    assert await scene.quantity(scene.one, epoch=sealed) == Decimal(31)
    assert await scene.quantity(scene.one) == Decimal("15.5")
    assert await scene.quantity(scene.one, "calls") == 1
    assert await scene.quantity(scene.one, subscription="many-1") == 1
    assert _changed(await _backfill(scene, scene.one, *sent, mode="replace")) == (0, 0, 3)
    assert _changed(await _backfill(scene, scene.one, mode="replace")) == (0, 3, 0)
    assert await scene.quantity(scene.one, end=scene.now - timedelta(days=10)) == 0
    assert _changed(await _backfill(scene, scene.one, *sent, mode="replace")) == (3, 0, 0)
    assert await scene.quantity(scene.one) == Decimal("15.5")
    assert await scene.statuses(scene.one, *stored[:1]) == ["duplicate"]


async def test_a_replaced_event_can_be_voided_and_amended_by_its_name(scene: Scene) -> None:
    at = scene.now - timedelta(days=15)
    await scene.ingest(scene.one, scene.event("named", timestamp=at, value="10"))
    await _backfill(scene, scene.one, _sent("named", at, "4"), mode="replace")
    data = EventVoid(id="named", reason="not at all")
    async with scene.db.tenant(scene.one.tenant_id) as tx:
        await scene.usage.void_event(tx, scene.one.tenant_id, data, BY)
    assert await scene.quantity(scene.one) == 0
    with pytest.raises(Conflict):
        await _backfill(scene, scene.one, _sent("named", at, "4"))


async def test_a_name_that_counts_outside_of_the_range_cannot_be_replaced_into_it(scene: Scene) -> None:
    outside = scene.event("outside", timestamp=scene.now - timedelta(days=5))
    await scene.ingest(scene.one, outside)
    with pytest.raises(Conflict) as refused:
        await _backfill(scene, scene.one, _sent("outside", scene.now - timedelta(days=15)), mode="replace")
    assert refused.value.fields[0].pointer == "/events/0/id"
    assert await scene.quantity(scene.one) == Decimal("1.5")


async def test_a_customers_events_go_to_the_subscription_that_ran(scene: Scene) -> None:
    at = scene.now - timedelta(days=15)
    by_customer: dict[str, Any] = {"subscription_id": None, "customer_id": "acme"}
    await _backfill(scene, scene.one, _sent("a", at), **by_customer)
    assert await scene.quantity(scene.one) == 1
    with pytest.raises(Invalid) as refused:
        await _backfill(scene, scene.one, _sent("b", at), **(by_customer | {"customer_id": "many"}))
    assert "subscription" in refused.value.fields[0].detail
    await _backfill(scene, scene.one, mode="replace", **by_customer)
    assert await scene.quantity(scene.one) == 0


async def test_one_bad_event_keeps_the_others_out(scene: Scene) -> None:
    at = scene.now - timedelta(days=15)
    events = [
        _sent("good", at),
        _sent("before", at - timedelta(days=9)),
        _sent("after", scene.now - timedelta(days=10)),
        _sent("negative", at, "-1"),
        _sent("good", at, "2"),
        {"id": "no value", "timestamp": at},
    ]
    with pytest.raises(Invalid) as refused:
        await _backfill(scene, scene.one, *events)
    assert [field.pointer for field in refused.value.fields] == [
        "/events/1/timestamp",
        "/events/2/timestamp",
        "/events/3/value",
        "/events/4/id",
        "/events/5/value",
    ]
    assert await scene.quantity(scene.one) == 0


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"customer_id": "acme"}, "invalid_field"),
        ({"subscription_id": None}, "invalid_field"),
        ({"to": datetime.min.replace(tzinfo=FAR.tzinfo)}, "invalid_field"),
        ({"events": []}, "invalid_field"),
        ({"meter": "nothing"}, "meter_not_found"),
        ({"subscription_id": "nobody"}, "subscription_not_found"),
        ({"subscription_id": None, "customer_id": "nobody"}, "customer_not_found"),
    ],
)
async def test_a_backfill_that_makes_no_sense_is_refused(scene: Scene, change: dict[str, Any], code: str) -> None:
    with pytest.raises(DomainError) as refused:
        await _backfill(scene, scene.one, _sent("a", scene.now - timedelta(days=15)), **change)
    assert refused.value.code == code


async def test_another_tenants_range_stays_as_it_is(scene: Scene) -> None:
    at = scene.now - timedelta(days=15)
    for seller in (scene.one, scene.two):
        await scene.ingest(seller, scene.event("same", timestamp=at, value="10"))
    await _backfill(scene, scene.one, _sent("same", at, "4"), mode="replace")
    assert (await scene.quantity(scene.one), await scene.quantity(scene.two)) == (Decimal(4), Decimal(10))
    with pytest.raises(DomainError) as refused:
        await _backfill(scene, scene.two, mode="replace", subscription_id=str(scene.one.subscriptions["acme-sub"]))
    assert refused.value.code == "subscription_not_found"


async def test_a_batch_sent_again_changes_nothing_but_what_is_new(scene: Scene) -> None:
    batch = [scene.event(timestamp=scene.now - timedelta(days=n)) for n in range(1, 20)]
    await scene.ingest(scene.one, *batch[:12])
    assert await scene.statuses(scene.one, *batch) == ["duplicate"] * 12 + ["accepted"] * 7
    assert await scene.statuses(scene.one, *batch) == ["duplicate"] * 19
    assert await scene.quantity(scene.one) == Decimal("1.5") * 19
