"""The router: consumes the bus and runs every context's handlers."""

import asyncio

from corebilling.container import Container
from corebilling.roles.lifespan import opened


async def run(container: Container, stopping: asyncio.Event) -> None:
    """Route until told to stop; groups at work are finished, the rest is delivered again to another router."""
    async with opened(container, bus=True):
        await container.router().run(stopping)
