"""Every aggregation is exact about what was taken back or put right, as of each epoch."""

import random
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from correcting import amend, seal, void
from usage_scene import LAST_EPOCH, METERS, Scene

from corebilling.kernel.decimals import plain
from corebilling.kernel.usage import UsageQuestion, UsageWindow
from corebilling.usage.domain.event import UsageEvent
from corebilling.usage.schemas import MeterCreate


@pytest.mark.parametrize(
    ("aggregation", "before", "voided", "amended"),
    [
        ({"aggregation": "sum"}, "15", "6", "10"),
        ({"aggregation": "count"}, "3", "2", "2"),
        ({"aggregation": "max"}, "9", "5", "5"),
        ({"aggregation": "min"}, "1", "1", "5"),
        ({"aggregation": "avg"}, "5", "3", "5"),
        ({"aggregation": "latest"}, "9", "5", "5"),
        ({"aggregation": "percentile", "percentile": "95"}, "9", "5", "5"),
        ({"aggregation": "unique_count", "unique_property": "user"}, "3", "2", "2"),
    ],
    ids=lambda value: value.get("aggregation", "") if isinstance(value, dict) else "",
)
async def test_each_aggregation_as_of_both_epochs(
    scene: Scene, aggregation: dict[str, str], before: str, voided: str, amended: str
) -> None:
    one = scene.one
    async with scene.db.tenant(one.tenant_id) as tx:
        data = msgspec.convert({"code": "tried", "group_by": ["region"]} | aggregation, MeterCreate, strict=False)
        one.meters["tried"] = (await scene.usage.create_meter(tx, one.tenant_id, data)).id
    at = scene.now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)
    low, middle, high = (
        scene.event(
            meter="tried",
            value=value,
            timestamp=at + timedelta(minutes=n),
            properties={"user": value, "region": "eu" if n else "us"},
        )
        for n, value in enumerate(("1", "5", "9"))
    )
    await scene.ingest(one, low, middle, high)
    first = await seal(scene, one)
    await void(scene, one, high)
    second = await seal(scene, one)
    await amend(scene, one, low, value="5", properties={"user": "1", "region": "eu"})
    for epoch, expected, amounts, regions in (
        (first, before, ["1", "5", "9"], {"eu", "us"}),
        (second, voided, ["1", "5"], {"eu", "us"}),
        (LAST_EPOCH, amended, ["5", "5"], {"eu"}),
    ):
        window = UsageWindow(
            one.tenant_id, one.subscriptions["acme-sub"], one.meters["tried"], at, at + timedelta(hours=1), epoch
        )
        questions = [
            UsageQuestion(window),
            UsageQuestion(window, "events"),
            UsageQuestion(window, "groups", ("region",)),
        ]
        async with scene.db.tenants([one.tenant_id]) as tx:
            total, events, groups = await scene.usage.measure(tx, questions)
        assert (total.quantity, total.event_count) == (Decimal(expected), len(amounts))
        assert await scene.quantity(one, "tried", epoch=epoch) == Decimal(expected)
        if aggregation["aggregation"] not in ("count", "unique_count"):
            assert [plain(amount) for amount in events.amounts] == amounts
        assert {group.values[0] for group in groups.groups} == regions


def _expected(meter: str, events: list[tuple[Decimal, str]]) -> Decimal:
    values = [value for value, _ in events]
    if METERS[meter].aggregation == "count":
        return Decimal(len(values))
    if METERS[meter].aggregation == "unique_count":
        return Decimal(len({user for _, user in events}))
    return max(values, default=Decimal(0)) if METERS[meter].aggregation == "max" else sum(values, Decimal(0))


async def test_every_aggregation_holds_what_is_left(scene: Scene) -> None:
    """Every epoch keeps what it held, whatever is voided and amended later."""
    chance = random.Random(3)
    first = (scene.now - timedelta(days=4)).replace(minute=0, second=0, microsecond=0)
    end = first + timedelta(days=3)
    counting: dict[str, dict[str, tuple[UsageEvent, datetime, Decimal, str]]] = {meter: {} for meter in METERS}
    held: list[tuple[int, str, datetime, datetime, Decimal]] = []
    for _ in range(3):
        batch = []
        for _ in range(40):
            meter, at = chance.choice(sorted(METERS)), first + timedelta(minutes=chance.randrange(3 * 1440))
            value, user = Decimal(chance.randrange(1, 1000)) / 8, f"user {chance.randrange(6)}"
            properties = {"tokens": str(value), "user": user}
            event = scene.event(meter=meter, timestamp=at, value=str(value), properties=properties)
            counting[meter][event.id] = (event, at, value, user)
            batch.append(event)
        assert set(await scene.statuses(scene.one, *batch)) == {"accepted"}
        for known in counting.values():
            for name in chance.sample(sorted(known), len(known) // 4):
                event, at, value, user = known.pop(name)
                if chance.random() < 0.5:
                    await void(scene, scene.one, event)
                    continue
                value, user = value + 7, f"user {chance.randrange(6)}"
                properties = {"tokens": str(value), "user": user}
                moved = at + timedelta(minutes=chance.choice([0, 45]))
                await amend(
                    scene, scene.one, event, value=str(value), timestamp=moved.isoformat(), properties=properties
                )
                known[name] = (event, moved, value, user)
        epoch = await seal(scene, scene.one)
        for meter, known in counting.items():
            for _ in range(4):
                a, b = sorted(first + timedelta(minutes=chance.randrange(3 * 1440)) for _ in range(2))
                for start, stop in ((a, b), (first, end + timedelta(hours=1))):
                    inside = [(value, user) for _, at, value, user in known.values() if start <= at < stop]
                    held.append((epoch, meter, start, stop, _expected(meter, inside)))
    for epoch, meter, start, stop, expected in held:
        found = await scene.quantity(scene.one, meter, start=start, end=stop, epoch=epoch)
        assert found == expected, (epoch, meter, start, stop)
