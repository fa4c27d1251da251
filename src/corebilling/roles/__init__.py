"""What each role's process runs. One page a role; this one starts the loop they live in."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Awaitable, Callable

import uvloop
from loguru import logger

from corebilling.container import Container
from corebilling.platform.logging import set_up_logging
from corebilling.platform.telemetry import set_up_telemetry
from corebilling.roles import api, router, worker
from corebilling.settings import Role, Settings

_RUN: dict[Role, Callable[[Container, asyncio.Event], Awaitable[None]]] = {
    "api": api.run,
    "router": router.run,
    "worker": worker.run,
}


_LAST_TASKS_SECONDS = 5.0
_COLLECT_AFTER = 100_000
"""Containers made, beyond those freed, until the collector looks for circles. Its usual 700 are a fraction of one batch:
it then went over every live batch again and again and took a fifth of a router's time."""


def run_role(settings: Settings) -> None:
    """Run a role until SIGTERM or SIGINT, then let it finish what it holds."""
    set_up_logging(role=settings.role, level=settings.log_level)
    set_up_telemetry(
        role=settings.role,
        endpoint=settings.otel_exporter_otlp_endpoint,
        disabled=settings.otel_sdk_disabled,
        region=settings.region,
    )
    gc.set_threshold(_COLLECT_AFTER, 10, 10)
    uvloop.run(_until_stopped(settings))


async def _until_stopped(settings: Settings) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    container = Container(settings=settings)
    gc.freeze()  # what was imported stays to the end and needs no looking at
    try:
        await _RUN[settings.role](container, stopping)
    finally:
        await end_what_is_left()


async def end_what_is_left(seconds: float = _LAST_TASKS_SECONDS) -> None:
    """End tasks that are still there when all work is done, and the process with them where one doesn't end.

    asyncio would wait for those for ever: a library's task that swallows its cancellation (one that reconnects, say) must
    not keep a role from stopping, or a failed one from being started again.
    """
    failed = sys.exc_info()[1]
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    stuck = (await asyncio.wait(left, timeout=seconds))[1] if left else set()
    if stuck:
        logger.opt(exception=failed).error("the process ends although tasks go on: {}", [repr(task) for task in stuck])
        await logger.complete()
        os._exit(1 if failed else 0)
