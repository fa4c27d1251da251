"""The route of price simulation; how far it is stands at its job."""

from corebilling.platform.http import Edge, NamedDependency, Response, post
from corebilling.platform.jobs.schemas import JobOut
from corebilling.rating.schemas.simulation import SimulationRequest
from corebilling.rating.simulation import Simulation


@post("/v1/pricing/simulate", scope="billing:admin", summary="Try changed prices on past usage", status_code=202)
async def simulate_prices(
    data: SimulationRequest, edge: NamedDependency[Edge], simulation_service: NamedDependency[Simulation]
) -> Response[JobOut]:
    """Rates the periods that begin in a span of the past with changed prices; nothing is billed or changed.

    Answers a job. Its `result` has old and new totals by currency and the ten customers that it affects most; its items
    (`GET /v1/jobs/{job_id}/items`) have every customer that pays a changed price. Both totals are of the usage as recorded
    when the job began, late usage and corrections included, so the old ones may differ from what was billed.
    """
    return await edge.command(lambda tx: simulation_service.start(tx, edge.tenant_id, data), status=202)


ROUTES = (simulate_prices,)
