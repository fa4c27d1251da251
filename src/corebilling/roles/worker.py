"""The worker: the loops that nobody calls. WORKER_COMPONENTS picks some of them, so that they can run apart."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from corebilling.container import Container
from corebilling.platform.http.idempotency import forget_expired
from corebilling.roles.lifespan import opened
from corebilling.scheduler.worker import Duty, SchedulerWorker
from corebilling.settings import WorkerComponent

_HOUR_SECONDS = 3600.0
_COLLECTING_SECONDS = 1.0
_RECOGNITION_SECONDS = 0.25
"""Short, because test clocks wait at the end of each month until it is done."""
_SEALING_SECONDS = 30.0
_PROOF_SECONDS = 900.0
"""How often it is asked whether tonight's proof was run."""


async def run(container: Container, stopping: asyncio.Event) -> None:
    """Run the chosen loops until told to stop; each finishes what it holds. One that fails ends the process."""
    chosen = container.settings().worker_components
    async with opened(container, bus="dispatcher" in chosen), asyncio.TaskGroup() as loops:
        for component in chosen:
            loops.create_task(_LOOPS[component](container)(stopping), name=component)


def _scheduler(container: Container) -> SchedulerWorker:
    database, usage = container.database(), container.usage_housekeeping()
    return SchedulerWorker(
        database,
        container.closing(),
        container.wake_ups(),
        container.late_usage(),
        container.test_clocks(),
        duties=[
            Duty("collections", _COLLECTING_SECONDS, lambda: _collect(container)),
            Duty("usage-housekeeping", _HOUR_SECONDS, lambda: usage.run(database)),
            Duty("ledger-seals", _SEALING_SECONDS, container.sealer().run),
            Duty("ledger-proof", _PROOF_SECONDS, lambda: _prove(container)),
            Duty("revenue-recognition", _RECOGNITION_SECONDS, lambda: _recognise(container)),
            Duty("gateway-notices", _HOUR_SECONDS, lambda: _forget_notices(container)),
            Duty("idempotency-keys", _HOUR_SECONDS, lambda: _forget_keys(container)),
        ],
    )


async def _collect(container: Container) -> None:
    await container.collection_duty().run()


async def _recognise(container: Container) -> None:
    await container.revenue_recognition().run(container.database())


async def _forget_keys(container: Container) -> None:
    await forget_expired(container.database(), container.clock()())


async def _forget_notices(container: Container) -> None:
    await container.notice_keeping().run()


async def _prove(container: Container) -> None:
    await container.nightly_proof().run()


_Loop = Callable[[asyncio.Event], Coroutine[Any, Any, None]]

_LOOPS: dict[WorkerComponent, Callable[[Container], _Loop]] = {
    "dispatcher": lambda container: container.dispatcher().run,
    "webhook": lambda container: container.delivery_worker().run,
    "scheduler": lambda container: _scheduler(container).run,
    "rating": lambda container: container.live_rater().run,
    "jobs": lambda container: container.job_worker().run,
    "invoicing": lambda container: container.invoicing_worker().run,
    "payments": lambda container: container.payment_worker().run,
}
