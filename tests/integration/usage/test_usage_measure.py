"""What each kind of meter makes of the same events, against a recomputation in plain Python."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from itertools import pairwise
from uuid import UUID, uuid4

import msgspec
import pytest
from usage_scene import LAST_EPOCH, Scene, Seller

from corebilling.kernel.errors import Invalid
from corebilling.kernel.usage import UsageFigures, UsageGroup, UsageQuestion, UsageWindow
from corebilling.usage.domain.figures import quotient
from corebilling.usage.domain.identity import event_key
from corebilling.usage.schemas import MeterCreate, MeterFilter

HOUR = timedelta(hours=1)
SHOPS = ["eu", "us", "asia"]
GROUPED = ["region", "tier"]
FILTERS = [MeterFilter("region", ["eu", "us"]), MeterFilter("tier", ["1", "2.5"])]
KINDS = {
    "k-count": MeterCreate("k-count", "count", group_by=GROUPED),
    "k-sum": MeterCreate("k-sum", "sum", group_by=GROUPED),
    "k-max": MeterCreate("k-max", "max", group_by=GROUPED),
    "k-min": MeterCreate("k-min", "min", value_property="gb", group_by=GROUPED),
    "k-avg": MeterCreate("k-avg", "avg", group_by=GROUPED, filters=FILTERS),
    "k-users": MeterCreate("k-users", "unique_count", unique_property="user", group_by=GROUPED),
    "k-latest": MeterCreate("k-latest", "latest", group_by=GROUPED, filters=FILTERS),
    "k-p95": MeterCreate("k-p95", "percentile", percentile=Decimal("66.6"), group_by=GROUPED),
    "k-level": MeterCreate("k-level", "weighted_sum", filters=FILTERS),
    "k-change": MeterCreate("k-change", "weighted_sum", weighted_by="change", value_property="gb"),
}


@dataclass
class Used:
    seller: Seller
    subscription: str
    meter: str
    at: datetime
    epoch: int
    value: Decimal
    properties: dict[str, object]
    id: str
    voided_in: int = LAST_EPOCH + 1

    @property
    def key(self) -> UUID:
        return UUID(event_key(None, self.id))

    @property
    def labels(self) -> tuple[str | None, ...]:
        return tuple(None if (v := self.properties.get(name)) is None else str(v) for name in GROUPED)

    @property
    def counts(self) -> bool:
        kind = KINDS[self.meter]
        texts = dict(zip(GROUPED, self.labels, strict=True))
        return all(texts[one.property] in one.values for one in kind.filters)


def _quantity(kind: MeterCreate, inside: Sequence[Used], before: Sequence[Used], window: UsageWindow) -> Decimal:
    """The documented semantics, word for word."""
    values = [used.value for used in inside]
    if kind.aggregation == "weighted_sum":
        return _weighted(kind, inside, before, window)
    if not inside:
        return Decimal(0)
    if kind.aggregation == "percentile":
        assert kind.percentile is not None
        rank = (kind.percentile * len(values) / 100).to_integral_value(ROUND_CEILING)
        return sorted(values)[int(rank) - 1]
    return {
        "count": lambda: Decimal(len(inside)),
        "sum": lambda: sum(values, Decimal(0)),
        "max": lambda: max(values),
        "min": lambda: min(values),
        "avg": lambda: quotient(sum(values, Decimal(0)), len(values)),
        "unique_count": lambda: Decimal(len({used.properties["user"] for used in inside})),
        "latest": lambda: inside[-1].value,
    }[kind.aggregation]()


def _weighted(kind: MeterCreate, inside: Sequence[Used], before: Sequence[Used], window: UsageWindow) -> Decimal:
    if window.end <= window.start:
        return Decimal(0)
    level = (before[-1].value if before else Decimal(0)) if kind.weighted_by != "change" else Decimal(0)
    if kind.weighted_by == "change":
        level = sum((used.value for used in before), Decimal(0))
    held_us, at = Decimal(0), window.start
    for used in inside:
        held_us += level * ((used.at - at) // timedelta(microseconds=1))
        level, at = (level + used.value if kind.weighted_by == "change" else used.value), used.at
    held_us += level * ((window.end - at) // timedelta(microseconds=1))
    length = (window.whole_end or window.end) - (window.whole_start or window.start)
    return quotient(held_us, length // timedelta(microseconds=1))


def _expected(everything: Sequence[Used], question: UsageQuestion, meter: str) -> UsageFigures:
    window = question.window
    mine = [
        used
        for used in everything
        if used.meter == meter
        and used.seller.tenant_id == window.tenant_id
        and used.seller.subscriptions[used.subscription] == window.subscription_id
        and used.counts
        and used.epoch <= window.epoch < used.voided_in
    ]
    mine.sort(key=lambda used: (used.at, used.key))
    inside = [used for used in mine if window.start <= used.at < window.end]
    before = [used for used in mine if used.at < window.start]
    quantity = _quantity(KINDS[meter], inside, before, window)
    groups: dict[tuple[str | None, ...], list[Used]] = defaultdict(list)
    if question.detail == "groups":
        for used in inside:
            groups[tuple(used.labels[GROUPED.index(name)] for name in question.group_by)].append(used)
    order = sorted(groups, key=lambda values: [(value is not None, value or "") for value in values])
    return UsageFigures(
        quantity,
        len(inside),
        tuple(UsageGroup(values, _quantity(KINDS[meter], groups[values], [], window)) for values in order),
        tuple(used.value for used in inside) if question.detail == "events" and not _ones(meter) else (),
    )


def _ones(meter: str) -> bool:
    return KINDS[meter].aggregation in ("count", "unique_count")


def _same(found: UsageFigures, expected: UsageFigures, meter: str) -> bool:
    return (msgspec.structs.replace(found, amounts=()) if _ones(meter) else found) == expected


async def _void(scene: Scene, used: Used, epoch: int) -> None:
    """What a correction writes: the void, and a compensating rollup in the present epoch."""
    tenant, seller = used.seller.tenant_id, used.seller
    subscription, meter = seller.subscriptions[used.subscription], seller.meters[used.meter]
    hour = used.at.replace(minute=0, second=0, microsecond=0)
    quantity = Decimal(1) if _ones(used.meter) else used.value
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
    a, b = sorted(first + timedelta(microseconds=chance.randrange(0, 2 * 86_400_000_000)) for _ in range(2))
    if chance.random() < 0.3:
        a = a.replace(minute=0, second=0, microsecond=0)
    if chance.random() < 0.3:
        b = b.replace(minute=0, second=0, microsecond=0)
    if chance.random() < 0.2:
        b = a + timedelta(minutes=chance.randrange(0, 50))
    if chance.random() < 0.05:
        a, b = b, a  # holds nothing
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
        assert _same(figures, _expected(everything, question, meter), meter), (meter, question)


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
