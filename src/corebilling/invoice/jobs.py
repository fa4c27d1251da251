"""Jobs of the invoice context, for the worker of jobs."""

from corebilling.invoice.statements import KIND, Statements
from corebilling.platform.db import Tx
from corebilling.platform.jobs.kinds import Chunk, Job, JobTable


async def draw_up_statements(statements: Statements, tx: Tx, job: Job) -> Chunk:
    """The next customers' statements."""
    return await statements.step(tx, job)


JOBS: JobTable[Statements] = {KIND: draw_up_statements}
