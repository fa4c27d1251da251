"""What there is on the event bus against what the settings say."""

from datetime import timedelta

from corebilling.cli.bus import looking_at
from corebilling.container import Container
from corebilling.container.buses import DURABLE
from corebilling.platform.bus.port import Bus, Finding, Level
from corebilling.platform.clock import wall_clock

_WAITS = timedelta(minutes=1)
_WAITS_LONG = timedelta(minutes=10)
_ROUTER = "start a router; where one runs, its log says what `is tried again` and why"


async def topology(container: Container) -> list[Finding]:
    """Stream or topic, and the consumer group. Raises Unavailable."""
    subjects = container.subscriptions().subjects

    async def work(chosen: Bus) -> list[Finding]:
        return [*await chosen.inspect(DURABLE, subjects), *await _routers(chosen)]

    return await looking_at(container, work)


async def _routers(chosen: Bus) -> list[Finding]:
    """That somebody takes what lies on the bus. Raises BusUnavailable."""
    now = wall_clock()
    for longest, level in ((_WAITS_LONG, Level.ERROR), (_WAITS, Level.WARNING)):
        if await chosen.backlog(DURABLE) and not await chosen.has_handled(DURABLE, now - longest):
            minutes = int(longest.total_seconds() // 60)
            return [Finding(level, f"the oldest message waits for a router for more than {minutes} min", _ROUTER)]
    return []
