"""What there is on the event bus against what the settings say."""

from corebilling.cli.bus import looking_at
from corebilling.container import Container
from corebilling.container.buses import DURABLE
from corebilling.platform.bus.port import Bus, Finding


async def topology(container: Container) -> list[Finding]:
    """Stream or topic, and the consumer group. Raises Unavailable."""
    subjects = container.subscriptions().subjects

    async def work(chosen: Bus) -> list[Finding]:
        return list(await chosen.inspect(DURABLE, subjects))

    return await looking_at(container, work)
