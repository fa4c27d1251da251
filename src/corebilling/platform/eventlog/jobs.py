"""Replay as the worker of jobs does it, and the event that tells of its end."""

from corebilling.events.envelope import NewEvent
from corebilling.events.replay import ReplayFinished
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Tx
from corebilling.platform.eventlog.replaying import KIND, Replay, order_of
from corebilling.platform.jobs.kinds import Chunk, Ending, Endings, Job, JobTable


async def replay_events(replay: Replay, tx: Tx, job: Job) -> Chunk:
    """The next events of a replay."""
    return await replay.step(tx, job)


async def tell_of_replay(tx: Tx, ending: Ending) -> None:
    """`billing.replay.finished`, however the replay ended."""
    order = order_of(ending.request)
    finished = ReplayFinished(
        replay_id=ending.job_id,
        outcome=ending.outcome,
        replayed=ending.done,
        subjects=order.subjects,
        consumer=order.consumer,
        occurred_from=order.start,
        occurred_to=order.end,
        reason=order.reason,
    )
    await emit(tx, [NewEvent(ending.tenant_id, ending.job_id, 1, finished, ending.at)])


JOBS: JobTable[Replay] = {KIND: replay_events}
ENDINGS: Endings = {KIND: tell_of_replay}
