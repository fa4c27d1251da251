"""The route of margins."""

from datetime import datetime
from typing import Annotated

import msgspec

from corebilling.platform.http import (
    DEFAULT_LIMIT,
    Cursor,
    Edge,
    Limit,
    NamedDependency,
    Page,
    QueryParameter,
    bad_cursor,
    cursor_of,
    get,
    place_of,
)
from corebilling.rating.margins import MarginQuestion, Margins, Place
from corebilling.rating.schemas.margins import MarginGroup, MarginOut

_From = Annotated[datetime, QueryParameter(name="from", description="Charges for time that begins here or later.")]
_To = Annotated[datetime, QueryParameter(name="to", description="Charges for time that begins before this.")]
_place = msgspec.json.Decoder(Place)
_Currency = Annotated[str | None, QueryParameter(min_length=3, max_length=3, description="Only this currency.")]


@get("/v1/admin/margins", scope="billing:admin", summary="Margins by customer, plan, meter or month")
async def list_margins(
    edge: NamedDependency[Edge],
    margin_service: NamedDependency[Margins],
    since: _From,
    before: _To,
    group_by: MarginGroup = "month",
    currency: _Currency = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[MarginOut]:
    """Revenue of final charges less what their usage cost the operator, a row for each currency.

    A charge belongs to the time it is for: late usage to its own period. Discounts are taken off where they were given.
    """
    asked, after = MarginQuestion(group_by, since, before, currency), _after(cursor)
    found = await edge.query(lambda tx: margin_service.margins(tx, edge.tenant_id, asked, after=after, limit=limit + 1))
    more = cursor_of(msgspec.json.encode(found[limit - 1][1])) if len(found) > limit else None
    return Page([row for row, _ in found[:limit]], more)


def _after(cursor: str | None) -> Place | None:
    if cursor is None:
        return None
    try:
        place: Place = _place.decode(place_of(cursor))
    except msgspec.DecodeError:
        raise bad_cursor() from None
    return place


ROUTES = (list_margins,)
