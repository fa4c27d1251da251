"""Routes of usage: reporting it."""

from collections.abc import Sequence
from typing import Any

import msgspec
from litestar.connection import Request

from corebilling.kernel.errors import Conflict, DomainError, FieldError, Invalid, TooMany
from corebilling.platform.db import Tx
from corebilling.platform.http import (
    Edge,
    NamedDependency,
    Response,
    post,
    require_content_type,
)
from corebilling.usage.api.bodies import REPORTED
from corebilling.usage.decode import CLOUD_EVENT, CLOUD_EVENTS, JSON, decode
from corebilling.usage.domain.event import ItemResult
from corebilling.usage.domain.quota import QUOTA_EXCEEDED
from corebilling.usage.intake import UsageIntake
from corebilling.usage.schemas import (
    UsageAnswer,
)


@post(
    "/v1/usage",
    scope="usage:write",
    status_code=202,
    summary="Report usage",
    consumes=REPORTED,
)
async def report_usage(
    request: Request[Any, Any, Any],
    edge: NamedDependency[Edge],
    usage_intake: NamedDependency[UsageIntake],
) -> Response[UsageAnswer]:
    """One event, an array of up to 10,000, or CloudEvents (single or batch).

    Every item of an array is answered for itself: accepted, duplicate (a retry), or rejected with the reason. A single
    event that is rejected is answered as a problem. What was rejected is kept: GET /v1/usage/rejections. Where a quota
    refuses everything, the answer is 429 with Retry-After.
    """
    media_type = require_content_type(request, JSON, CLOUD_EVENT, CLOUD_EVENTS)
    items, single = decode(media_type, await request.body())
    tenant_id = edge.tenant_id
    if edge.on_behalf:
        await edge.query(_audited)
    results = await usage_intake.submit(tenant_id, items)
    if all(result.code == QUOTA_EXCEEDED for result in results):
        raise _used_up(results)
    if single and results[0].status == "rejected":
        raise _problem(results[0])
    return Response(msgspec.json.encode(_answer(results)), status_code=202, media_type=JSON)  # type: ignore[arg-type]


async def _audited(tx: Tx) -> None:
    """Nothing but what the edge does around it: write down that a platform caller acts for the tenant."""


def _answer(results: Sequence[ItemResult]) -> UsageAnswer:
    statuses = [result.status for result in results]
    return UsageAnswer(
        statuses.count("accepted"), statuses.count("duplicate"), statuses.count("rejected"), list(results)
    )


def _problem(result: ItemResult) -> DomainError:
    code, detail, pointer = result.code or "", result.detail or "", result.pointer or ""
    kind = Conflict if code == "idempotency_conflict" else Invalid
    return kind(f"{pointer}: {detail}", code=code, fields=[FieldError(pointer, detail)])


def _used_up(results: Sequence[ItemResult]) -> TooMany:
    """Waits for the quota that ends last, by which everything may pass."""
    last = max(results, key=lambda result: result.retry_after_seconds or 0)
    return TooMany(last.detail or "", code=QUOTA_EXCEEDED, retry_after_seconds=last.retry_after_seconds)


ROUTES = (report_usage,)
