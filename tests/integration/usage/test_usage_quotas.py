"""Quotas hold however many send at once, and what crosses them is told once."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest
from usage_scene import Scene, Seller

from corebilling.kernel.errors import Conflict, DomainError, NotFound
from corebilling.kernel.ids import new_id
from corebilling.platform.clock import wall_clock
from corebilling.usage.housekeeping import UsageHousekeeping
from corebilling.usage.schemas.quotas import QuotaCreate, QuotaOut, QuotaPatch, TenantQuotaPut
from corebilling.usage.service import UsageService

_WARNING, _EXCEEDED = "usage.quota.warning", "usage.quota.exceeded"


async def _quota(scene: Scene, seller: Seller, limit: str, **wanted: Any) -> QuotaOut:
    body = {"customer_id": "acme", "meter": "data", "period": "month", "limit": limit} | wanted
    data = msgspec.convert(body, QuotaCreate)
    async with scene.db.tenant(seller.tenant_id) as tx:
        made = await scene.usage.create_quota(tx, seller.tenant_id, data)
    scene.usage = _afresh(scene)
    return made


async def _tenant_quota(scene: Scene, seller: Seller, *limits: dict[str, Any]) -> list[QuotaOut]:
    data = msgspec.convert({"limits": limits}, TenantQuotaPut)
    async with scene.db.tenants([seller.tenant_id]) as tx:
        made = await scene.usage.put_tenant_quota(tx, seller.tenant_id, data)
    scene.usage = _afresh(scene)
    return made.limits


def _afresh(scene: Scene) -> UsageService:
    """Another process: it remembers no quotas."""
    return UsageService(clock=wall_clock, clocks=scene.parties.tenants, subscriptions=scene.parties.subscriptions)


async def _seen(scene: Scene, seller: Seller, quota_id: UUID) -> QuotaOut:
    async with scene.db.tenant(seller.tenant_id) as tx:
        return await scene.usage.get_quota(tx, seller.tenant_id, quota_id)


async def _change(scene: Scene, quota_id: UUID, **change: Any) -> QuotaOut:
    async with scene.db.tenant(scene.one.tenant_id) as tx:
        return await scene.usage.update_quota(tx, scene.one.tenant_id, quota_id, msgspec.convert(change, QuotaPatch))


async def _told(scene: Scene, seller: Seller) -> list[tuple[str, str]]:
    events = await scene.parties.events(seller.tenant_id, _WARNING, _EXCEEDED)
    assert [event.resource_seq for event in events] == list(range(1, len(events) + 1))
    return [(event.subject.rsplit(".", 1)[1], event.payload["used"]) for event in events]


async def test_a_hard_quota_refuses_what_does_not_fit_and_takes_what_does(scene: Scene) -> None:
    quota = await _quota(scene, scene.one, "10")
    values = ["7", "4", "3", "0.5"]
    results = await scene.ingest(scene.one, *(scene.event(value=value) for value in values))
    assert [result.code or result.status for result in results] == [
        "accepted",
        "quota_exceeded",
        "accepted",
        "quota_exceeded",
    ]
    assert (results[1].retry_after_seconds or 0) > 0
    assert await scene.quantity(scene.one) == Decimal(10)
    seen = (await _seen(scene, scene.one, quota.id)).present
    assert (seen.used, seen.refused, seen.exceeded) == ("10", 2, True)
    assert await scene.rejection_codes(scene.one) == ["quota_exceeded"] * 2
    assert await _told(scene, scene.one) == [("warning", "10"), ("exceeded", "10")]
    assert await scene.statuses(scene.one, scene.event(value="1")) == ["quota_exceeded"]
    assert len(await _told(scene, scene.one)) == 2


async def test_a_soft_quota_takes_everything_and_flags_what_is_beyond(scene: Scene) -> None:
    await _quota(scene, scene.one, "10", mode="soft", warning_thresholds=["0.5", "0.9"])
    results = await scene.ingest(scene.one, *(scene.event(value=value) for value in ("6", "4", "0.1")))
    assert [(result.status, result.over_quota) for result in results] == [
        ("accepted", False),
        ("accepted", False),
        ("accepted", True),
    ]
    await scene.ingest(scene.one, scene.event(value="5"))
    assert await _told(scene, scene.one) == [("warning", "10.1"), ("warning", "10.1"), ("exceeded", "10.1")]
    assert await scene.quantity(scene.one) == Decimal("15.1")


async def test_a_retry_of_what_was_accepted_is_a_duplicate_and_counts_nothing(scene: Scene) -> None:
    quota = await _quota(scene, scene.one, "2")
    event, other = scene.event(value="2"), scene.event(value="1")
    assert await scene.statuses(scene.one, event, event, other, other) == [
        "accepted",
        "duplicate",
        "quota_exceeded",
        "quota_exceeded",
    ]
    assert await scene.statuses(scene.one, event) == ["duplicate"]
    assert await scene.statuses(scene.one, msgspec.structs.replace(event, value=Decimal(1))) == ["idempotency_conflict"]
    assert (await _seen(scene, scene.one, quota.id)).present.used == "2"


async def test_only_the_customers_use_of_the_meter_counts(scene: Scene) -> None:
    quota = await _quota(scene, scene.one, "2")
    others = [
        scene.event(value="50", subscription_id="many-1"),
        scene.event(meter="tokens", properties={"tokens": 50}),
        scene.event(value="1"),
    ]
    assert await scene.statuses(scene.one, *others) == ["accepted"] * 3
    assert await scene.statuses(scene.two, scene.event(value="50")) == ["accepted"]
    assert (await _seen(scene, scene.one, quota.id)).present.used == "1"
    with pytest.raises(NotFound):
        await _seen(scene, scene.two, quota.id)


async def test_meters_whose_quantities_do_not_add_up_count_events(scene: Scene) -> None:
    quota = await _quota(scene, scene.one, "2", meter="seats")
    assert quota.counts == "events"
    seats = [scene.event(meter="seats", value="900") for _ in range(3)]
    assert await scene.statuses(scene.one, *seats) == ["accepted", "accepted", "quota_exceeded"]


async def test_many_at_once_cross_a_quota_once(scene: Scene) -> None:
    (quota,) = await _tenant_quota(scene, scene.one, {"period": "day", "limit": 100})
    batches = [[scene.event(value="1") for _ in range(10)] for _ in range(16)]
    processes = [_afresh(scene) for _ in batches]

    async def send(process: UsageService, batch: list[Any]) -> list[str]:
        async with scene.db.tenant(scene.one.tenant_id) as tx:
            results = await process.ingest(tx, scene.one.tenant_id, batch)
        return [result.code or result.status for result in results]

    answers = await asyncio.gather(*(send(*one) for one in zip(processes, batches, strict=True)))
    statuses = [status for answer in answers for status in answer]
    assert (statuses.count("accepted"), statuses.count("quota_exceeded")) == (100, 60)
    assert await scene.quantity(scene.one) == Decimal(100)
    assert [kind for kind, _ in await _told(scene, scene.one)] == ["warning", "exceeded"]
    seen = (await _seen(scene, scene.one, quota.id)).present
    assert (seen.used, seen.refused) == ("100", 60)
    assert await scene.statuses(scene.two, *(scene.event() for _ in range(150))) == ["accepted"] * 150


async def test_the_tenants_own_clock_begins_a_new_period(scene: Scene) -> None:
    there = datetime(2031, 3, 31, 21, 59, tzinfo=UTC)  # a minute before April in Paris
    sandbox = await scene.seller("sandbox", sandbox=True, clock_at=there, time_zone="Europe/Paris")
    quota = await _quota(scene, sandbox, "1")
    assert quota.time_zone == "Europe/Paris"
    assert quota.present.end == there + timedelta(minutes=1)
    first, second = (scene.event(value="1", timestamp=there - timedelta(hours=1)) for _ in range(2))
    (taken, refused) = await scene.ingest(sandbox, first, second)
    assert (taken.status, refused.code, refused.retry_after_seconds) == ("accepted", "quota_exceeded", 60)
    async with scene.db.system() as tx:
        await scene.parties.tenants.move_clock(tx, sandbox.tenant_id, there + timedelta(minutes=1), done=True)
    assert await scene.statuses(sandbox, second) == ["accepted"]
    assert (await _seen(scene, sandbox, quota.id)).present.used == "1"
    assert [kind for kind, _ in await _told(scene, sandbox)] == ["warning", "exceeded", "warning"]


async def test_a_changed_limit_is_crossed_anew(scene: Scene) -> None:
    quota = await _quota(scene, scene.one, "10")
    await scene.ingest(scene.one, scene.event(value="10"), scene.event(value="1"))
    raised = await _change(scene, quota.id, limit="20")
    assert not raised.present.exceeded
    scene.usage = _afresh(scene)
    assert await scene.statuses(scene.one, scene.event(value="10")) == ["accepted"]
    lowered = await _change(scene, quota.id, limit="15")
    assert lowered.present.exceeded
    await _change(scene, quota.id, mode="soft")
    kinds = [kind for kind, _ in await _told(scene, scene.one)]
    assert kinds == ["warning", "exceeded", "warning", "exceeded"]


async def test_a_quota_taken_away_limits_nothing(scene: Scene) -> None:
    quota = await _quota(scene, scene.one, "0")
    assert await scene.statuses(scene.one, scene.event()) == ["quota_exceeded"]
    async with scene.db.tenant(scene.one.tenant_id) as tx:
        await scene.usage.delete_quota(tx, scene.one.tenant_id, quota.id)
    assert await scene.statuses(scene.one, scene.event()) == ["accepted"]


async def test_the_tenants_limits_are_the_platforms_to_set(scene: Scene) -> None:
    day, month = await _tenant_quota(
        scene, scene.one, {"period": "day", "limit": 5}, {"period": "month", "limit": 50, "mode": "soft"}
    )
    await scene.ingest(scene.one, scene.event())
    with pytest.raises(Conflict):
        await _change(scene, day.id, limit="100")
    by_period = {quota.period: quota for quota in (day, month)}
    (kept,) = await _tenant_quota(scene, scene.one, {"period": "day", "limit": 7})
    assert kept.id == by_period["day"].id
    assert (kept.limit, kept.present.used) == ("7", "1")
    async with scene.db.tenants([scene.one.tenant_id]) as tx:
        await scene.usage.delete_tenant_quota(tx, scene.one.tenant_id)
        assert (await scene.usage.tenant_quota(tx, scene.one.tenant_id)).limits == []
    stranger = new_id()
    async with scene.db.tenants([stranger]) as tx:
        with pytest.raises(NotFound):
            await scene.usage.tenant_quota(tx, stranger)


async def test_counters_of_periods_long_past_are_forgotten(scene: Scene) -> None:
    quota = await _quota(scene, scene.one, "10")
    await scene.ingest(scene.one, scene.event())
    await UsageHousekeeping(clock=lambda: scene.now + timedelta(days=80)).run(scene.db)
    assert (await _seen(scene, scene.one, quota.id)).present.used == "1.5"
    await UsageHousekeeping(clock=lambda: scene.now + timedelta(days=125)).run(scene.db)
    assert (await _seen(scene, scene.one, quota.id)).present.used == "0"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"limit": "-1"}, "/limit"),
        ({"limit": "NaN"}, "/limit"),
        ({"limit": "0.0000000000001"}, "/limit"),
        ({"warning_thresholds": ["0"]}, "/warning_thresholds/0"),
        ({"warning_thresholds": ["0.5", "1.1"]}, "/warning_thresholds/1"),
        ({"time_zone": "Europe/Nowhere"}, "/time_zone"),
    ],
)
async def test_a_quota_that_makes_no_sense_is_refused_with_its_field(
    scene: Scene, change: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(DomainError) as refused:
        await _quota(scene, scene.one, **({"limit": "1"} | change))
    assert [field.pointer for field in refused.value.fields] == [pointer]


async def test_a_second_quota_for_the_same_period_is_a_conflict(scene: Scene) -> None:
    await _quota(scene, scene.one, "1")
    with pytest.raises(Conflict):
        await _quota(scene, scene.one, "2")
    await _quota(scene, scene.one, "2", period="day")
    await _quota(scene, scene.two, "1")
