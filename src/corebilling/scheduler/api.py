"""Routes of the scheduler: the periods of a subscription."""

from uuid import UUID

from corebilling.platform.http import DEFAULT_LIMIT, Cursor, Edge, Limit, NamedDependency, Page, after_id, get, page
from corebilling.scheduler.schemas import CycleOut, shown
from corebilling.scheduler.service import SchedulerService


@get("/v1/subscriptions/{subscription_ref:str}/cycles", scope="billing:read", summary="List billing cycles")
async def list_cycles(
    subscription_ref: str,
    edge: NamedDependency[Edge],
    scheduler_service: NamedDependency[SchedulerService],
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[CycleOut]:
    """Newest first: the open period, then those that are closed. By the subscription's id or external id."""
    after = after_id(cursor)
    # Cycles are counted, not named by time: the cursor carries the period's index.
    before_index = None if after is None else min(after.int, 2**31 - 1)
    rows = await edge.query(
        lambda tx: scheduler_service.cycles(
            tx, edge.tenant_id, subscription_ref, before_index=before_index, limit=limit + 1
        )
    )
    return page([shown(row) for row in rows], limit, key=lambda cycle: UUID(int=cycle.period_index))


ROUTES = (list_cycles,)
