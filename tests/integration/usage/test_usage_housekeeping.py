"""Keys outlive their window, and events find their month."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg
from usage_scene import Scene

from corebilling.usage.housekeeping import UsageHousekeeping

_ROTATION = timedelta(days=36)


async def test_a_retry_is_known_after_one_rotation_and_forgotten_after_two(scene: Scene) -> None:
    event = scene.event("rotated")
    assert await scene.statuses(scene.one, event) == ["accepted"]
    await UsageHousekeeping(clock=lambda: scene.now + timedelta(days=1)).run(scene.db)
    assert await scene.statuses(scene.one, event) == ["duplicate"]
    await UsageHousekeeping(clock=lambda: scene.now + _ROTATION).run(scene.db)
    assert await scene.statuses(scene.one, event) == ["duplicate"]
    assert await scene.statuses(scene.one, scene.event("rotated", value="9")) == ["idempotency_conflict"]
    await UsageHousekeeping(clock=lambda: scene.now + 2 * _ROTATION).run(scene.db)
    assert await scene.statuses(scene.one, event) == ["accepted"]


async def test_events_of_a_month_without_partition_move_to_it_when_it_is_made(scene: Scene, owner_url: str) -> None:
    there = datetime(2031, 5, 20, tzinfo=UTC)
    sandbox = await scene.seller("sandbox", sandbox=True, clock_at=there)
    when = there - timedelta(days=2)
    assert await scene.statuses(sandbox, scene.event(timestamp=when)) == ["accepted"]
    await UsageHousekeeping(clock=lambda: there).run(scene.db)
    assert await scene.statuses(sandbox, scene.event(timestamp=when)) == ["accepted"]
    month = (when - timedelta(days=18), when + timedelta(hours=1))
    assert await scene.quantity(sandbox, start=month[0] + timedelta(minutes=1), end=month[1]) == Decimal(3)
    with psycopg.connect(owner_url) as conn:
        rows = conn.execute(
            "SELECT tableoid::regclass::text, count(*) FROM usage_events WHERE tenant_id = %s GROUP BY 1",
            (sandbox.tenant_id,),
        ).fetchall()
    assert rows == [("usage_events_2031_05", 2)]
