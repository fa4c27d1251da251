"""Routes of failed ratings: what is left unbilled, why, and once more."""

from corebilling.platform.db import Tx
from corebilling.platform.http import (
    DEFAULT_LIMIT,
    Cursor,
    Edge,
    Limit,
    NamedDependency,
    Page,
    Response,
    after_id,
    get,
    page,
    post,
)
from corebilling.rating.failures import FailedRating
from corebilling.rating.schemas.failures import RetryOut, RetryRequest
from corebilling.rating.service import RatingService


@get("/v1/admin/ratings/failed", scope="billing:admin", summary="List failed ratings")
async def list_failed_ratings(
    edge: NamedDependency[Edge],
    rating_service: NamedDependency[RatingService],
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[FailedRating]:
    """Closed periods that have no invoice because they could not be rated, each with what to mend; newest first."""
    after = after_id(cursor)
    found = await edge.query(lambda tx: rating_service.failures.find(tx, edge.tenant_id, after=after, limit=limit + 1))
    return page(found, limit, key=lambda failed: failed.id)


@post("/v1/admin/ratings/retry", scope="billing:admin", summary="Rate failed periods again", status_code=202)
async def retry_failed_ratings(
    data: RetryRequest, edge: NamedDependency[Edge], rating_service: NamedDependency[RatingService]
) -> Response[RetryOut]:
    """Once the cause is mended: a worker rates the periods again within seconds, and they are invoiced."""
    ids = data.ids

    async def ask(tx: Tx) -> RetryOut:
        return RetryOut(await rating_service.failures.ask_for_retry(tx, edge.tenant_id, ids))

    return await edge.command(ask, status=202)


ROUTES = (list_failed_ratings, retry_failed_ratings)
