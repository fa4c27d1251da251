"""Worked figures of each aggregation, ties, late events and empty periods among them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from usage_scene import LAST_EPOCH, Scene, Seller

from corebilling.kernel.errors import Invalid
from corebilling.kernel.usage import UsageFigures, UsageGroup, UsageQuestion, UsageWindow
from corebilling.usage.domain.identity import event_key
from corebilling.usage.schemas import MeterCreate

MARCH, APRIL, MAY = (datetime(2022, month, 1, tzinfo=UTC) for month in (3, 4, 5))
DAY = timedelta(days=1)

Reported = Sequence[tuple[str, str]]


@pytest.fixture
async def seller(scene: Scene) -> Seller:
    """A tenant whose clock shows the last day of March 2022, and another that reports the same to other meters."""
    for name in ("one", "two"):
        setattr(scene, name, await scene.seller(f"march {name}", sandbox=True, clock_at=APRIL - timedelta(minutes=1)))
    return scene.one


async def _meter(scene: Scene, seller: Seller, kind: str, **wanted: Any) -> None:
    async with scene.db.tenant(seller.tenant_id) as tx:
        made = await scene.usage.create_meter(tx, seller.tenant_id, MeterCreate("it", kind, **wanted))  # type: ignore[arg-type]
    seller.meters["it"] = made.id


async def _report(scene: Scene, seller: Seller, reported: Reported, **properties: str) -> None:
    events = [
        scene.event(meter="it", timestamp=datetime.fromisoformat(at), value=value, properties=properties or None)
        for at, value in reported
    ]
    assert set(await scene.statuses(seller, *events)) == {"accepted"}


def _window(seller: Seller, start: datetime, end: datetime, epoch: int = LAST_EPOCH, **whole: datetime) -> UsageWindow:
    return UsageWindow(
        seller.tenant_id, seller.subscriptions["acme-sub"], seller.meters["it"], start, end, epoch, **whole
    )


async def _measured(scene: Scene, *windows: UsageWindow, **detail: Any) -> list[UsageFigures]:
    async with scene.db.tenants({window.tenant_id for window in windows}) as tx:
        return await scene.usage.measure(tx, [UsageQuestion(window, **detail) for window in windows])


async def _quantities(scene: Scene, *windows: UsageWindow) -> list[str]:
    return [format(figures.quantity, "f") for figures in await _measured(scene, *windows)]


async def test_changes_are_weighted_as_lago_documents_it(scene: Scene, seller: Seller) -> None:
    # getlago.com/docs/guide/billable-metrics/aggregation-types/weighted-sum: of March's 2,678,400 seconds, 20 GB for
    # 86,400 and 30 GB for 1,296,000 are 0.64516129032 + 14.5161290323 = 15.1612903226.
    await _meter(scene, seller, "weighted_sum", weighted_by="change", value_property="gb")
    await _report(scene, seller, [("2022-03-16T00:00:00Z", "0")], gb="20")
    await _report(scene, seller, [("2022-03-17T00:00:00Z", "0")], gb="10")
    march, april = await _quantities(scene, _window(seller, MARCH, APRIL), _window(seller, APRIL, MAY))
    assert march == "15.161290322580645161"
    assert april == "30"  # what is held is carried into the next period


async def test_levels_are_weighted_until_the_next_one(scene: Scene, seller: Seller) -> None:
    await _meter(scene, seller, "weighted_sum")
    await _report(scene, seller, [("2022-03-16T00:00:00Z", "20"), ("2022-03-17T00:00:00Z", "30")])
    assert await _quantities(
        scene,
        _window(seller, MARCH, APRIL),
        _window(seller, APRIL, MAY),
        _window(seller, MARCH, MARCH + DAY),
        _window(seller, APRIL, APRIL),
    ) == ["15.161290322580645161", "30", "0", "0"]


@pytest.mark.parametrize("weighted_by", ["level", "change"])
async def test_the_parts_of_a_period_add_up_to_it(scene: Scene, seller: Seller, weighted_by: str) -> None:
    await _meter(scene, seller, "weighted_sum", weighted_by=weighted_by)
    values = ["3", "1.25", "8", "0", "2.5", "7"]
    await _report(scene, seller, [(f"2022-03-{4 * n + 2:02d}T07:13:21Z", value) for n, value in enumerate(values)])
    cuts = [MARCH, MARCH + DAY / 7, MARCH + 9 * DAY, MARCH + 9 * DAY, MARCH + 20.77 * DAY, APRIL]
    parts = [_window(seller, a, b, whole_start=MARCH, whole_end=APRIL) for a, b in pairwise(cuts)]
    whole, *found = [figures.quantity for figures in await _measured(scene, _window(seller, MARCH, APRIL), *parts)]
    assert abs(sum(found) - whole) <= len(parts) * Decimal("0.5e-18")
    assert whole > 2


async def test_the_last_of_events_at_one_instant_is_told_by_its_key(scene: Scene, seller: Seller) -> None:
    await _meter(scene, seller, "latest")
    at = "2022-03-20T10:00:00Z"
    names = sorted(["a", "b", "c", "d"], key=lambda name: event_key(None, name))
    for value, name in [("5", names[3]), ("7", names[0]), ("6", names[1])]:
        event = scene.event(name, meter="it", timestamp=datetime.fromisoformat(at), value=value)
        assert await scene.statuses(seller, event) == ["accepted"]
    assert await _quantities(scene, _window(seller, MARCH, APRIL)) == ["5"]
    (figures,) = await _measured(scene, _window(seller, MARCH, APRIL), detail="events")
    assert figures.amounts == (7, 6, 5)


async def test_the_latest_is_the_last_by_timestamp_not_by_arrival(scene: Scene, seller: Seller) -> None:
    # getlago.com/changelog/latest-aggregation-type: of 5, 7 and 6 GB, in this order, 6 is billed.
    await _meter(scene, seller, "latest")
    await _report(scene, seller, [("2022-03-22T10:00:00Z", "6")])
    await _report(scene, seller, [("2022-03-20T10:00:00Z", "5"), ("2022-03-21T10:00:00Z", "7")])
    windows = [_window(seller, MARCH, APRIL), _window(seller, APRIL, MAY)]
    assert await _quantities(scene, *windows) == ["6", "0"]  # not carried: nothing was reported in April


@pytest.mark.parametrize(
    ("percentile", "expected"), [("5", "15"), ("30", "20"), ("40", "20"), ("50", "35"), ("100", "50")]
)
async def test_a_percentile_is_the_nearest_rank(scene: Scene, seller: Seller, percentile: str, expected: str) -> None:
    # en.wikipedia.org/wiki/Percentile, the nearest-rank method: of 15, 20, 35, 40, 50.
    await _meter(scene, seller, "percentile", percentile=Decimal(percentile))
    values = ["35", "20", "15", "50", "40"]
    await _report(scene, seller, [(f"2022-03-2{n}T00:00:00Z", value) for n, value in enumerate(values)])
    assert await _quantities(scene, _window(seller, MARCH, APRIL), _window(seller, APRIL, MAY)) == [expected, "0"]


async def test_p95_of_a_month_of_five_minute_samples_drops_the_top_36_hours(scene: Scene, seller: Seller) -> None:
    # 95th percentile billing: of a 30-day month's 8,640 samples the highest 432 (36 hours) are dropped.
    # A tenth of it: 864 samples, rank ceil(0.95 * 864) = 821, so 43 are above.
    await _meter(scene, seller, "percentile", percentile=Decimal(95))
    samples = [((MARCH + DAY + n * timedelta(minutes=50)).isoformat(), str((n * 541) % 864 + 1)) for n in range(864)]
    await _report(scene, seller, [(at, value) for at, value in samples])
    assert await _quantities(scene, _window(seller, MARCH, APRIL)) == ["821"]


async def test_an_average_is_exact_to_18_decimals_and_nothing_is_0(scene: Scene, seller: Seller) -> None:
    await _meter(scene, seller, "avg")
    await _report(scene, seller, [("2022-03-20T10:00:00Z", value) for value in ("1", "1", "0")])
    windows = [_window(seller, MARCH, APRIL), _window(seller, APRIL, MAY)]
    assert await _quantities(scene, *windows) == ["0.666666666666666667", "0"]


async def test_the_smallest_is_0_only_where_nothing_or_zero_was_reported(scene: Scene, seller: Seller) -> None:
    await _meter(scene, seller, "min")
    await _report(scene, seller, [("2022-03-20T10:00:00Z", "4"), ("2022-03-20T10:10:00Z", "2.5")])
    windows = [_window(seller, MARCH, APRIL), _window(seller, APRIL, MAY)]
    assert await _quantities(scene, *windows) == ["2.5", "0"]


async def test_late_usage_counts_from_its_epoch_on(scene: Scene, seller: Seller) -> None:
    await _meter(scene, seller, "weighted_sum")
    await _report(scene, seller, [("2022-03-16T00:00:00Z", "20")])
    async with scene.db.tenants([seller.tenant_id]) as tx:
        sealed = (await scene.usage.seal(tx, [seller.tenant_id]))[seller.tenant_id]
    await _report(scene, seller, [("2022-03-24T00:00:00Z", "0")])
    before, after, carried = await _quantities(
        scene,
        _window(seller, MARCH, APRIL, sealed),
        _window(seller, MARCH, APRIL),
        _window(seller, APRIL, MAY, sealed),
    )
    assert (before, after, carried) == ("10.322580645161290323", "5.161290322580645161", "20")


async def test_groups_hold_what_their_values_say(scene: Scene, seller: Seller) -> None:
    await _meter(scene, seller, "sum", group_by=["region", "model"])
    await _report(scene, seller, [("2022-03-20T10:00:00Z", "1"), ("2022-03-21T10:00:00Z", "2")], region="eu", model="x")
    await _report(scene, seller, [("2022-03-20T10:00:00Z", "4")], region="eu", model="y")
    await _report(scene, seller, [("2022-03-20T10:00:00Z", "8")], model="y")
    window = _window(seller, MARCH, APRIL)
    (by_both,) = await _measured(scene, window, detail="groups", group_by=("model", "region"))
    assert [(group.values, group.quantity) for group in by_both.groups] == [
        (("x", "eu"), 3),
        (("y", None), 8),
        (("y", "eu"), 4),
    ]
    (by_one,) = await _measured(scene, window, detail="groups", group_by=("region",))
    assert by_one.groups == (UsageGroup((None,), Decimal(8)), UsageGroup(("eu",), Decimal(7)))
    assert (by_one.quantity, by_one.event_count) == (15, 4)
    with pytest.raises(Invalid):
        await _measured(scene, window, detail="groups", group_by=("colour",))


async def test_nothing_of_another_tenant_is_measured(scene: Scene, seller: Seller) -> None:
    for one in (scene.one, scene.two):
        await _meter(scene, one, "weighted_sum")
    await _report(scene, scene.two, [("2022-03-16T00:00:00Z", "20")])
    mine, theirs = _window(scene.one, MARCH, APRIL), _window(scene.two, MARCH, APRIL)
    async with scene.db.tenants([scene.one.tenant_id]) as tx:
        found = await scene.usage.measure(tx, [UsageQuestion(mine, "events"), UsageQuestion(theirs, "events")])
    assert [(figures.quantity, figures.event_count, figures.amounts) for figures in found] == [(0, 0, ())] * 2
    assert await _quantities(scene, theirs) == ["10.322580645161290323"]
