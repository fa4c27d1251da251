"""Jobs that rating does, for the worker of jobs."""

from corebilling.platform.db import Tx
from corebilling.platform.jobs.kinds import Chunk, Job, JobTable
from corebilling.rating.simulation import KIND, Simulation


async def simulate_prices(simulation: Simulation, tx: Tx, job: Job) -> Chunk:
    """The next customers of a price simulation."""
    return await simulation.step(tx, job)


JOBS: JobTable[Simulation] = {KIND: simulate_prices}
