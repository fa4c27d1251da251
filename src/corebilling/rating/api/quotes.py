"""Routes of quotes: what would an order cost, and what was answered before?"""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from corebilling.platform.http import (
    DEFAULT_LIMIT,
    Cursor,
    Edge,
    Limit,
    NamedDependency,
    Page,
    QueryParameter,
    Response,
    after_id,
    get,
    page,
    post,
)
from corebilling.rating.quotes import QuoteFilter, Quotes
from corebilling.rating.schemas.quotes import QuoteOut, QuoteRequest

_Since = Annotated[datetime | None, QueryParameter(name="from", description="Quoted at this instant or later.")]
_Before = Annotated[datetime | None, QueryParameter(name="to", description="Quoted before this instant.")]


@post("/v1/pricing/quote", scope="billing:read", summary="Quote an order", status_code=200)
async def quote_order(
    data: QuoteRequest, edge: NamedDependency[Edge], quote_service: NamedDependency[Quotes]
) -> Response[QuoteOut]:
    """An order's price by the rate card that is valid for its customer, else by the default one.

    Every rule that was applied comes with its calculation. A metric that the card has rules for and the order lacks, or
    the other way round, is warned of. The quote is kept as it was answered.
    """
    return await edge.command(lambda tx: quote_service.quote(tx, edge.tenant_id, data), status=200)


@get("/v1/pricing/quotes", scope="billing:read", summary="List quotes")
async def list_quotes(
    edge: NamedDependency[Edge],
    quote_service: NamedDependency[Quotes],
    customer_id: str | None = None,
    rate_card_id: UUID | None = None,
    since: _Since = None,
    before: _Before = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[QuoteOut]:
    """Newest first. `customer_id` is an id or external id."""
    after, wanted = after_id(cursor), QuoteFilter(customer_id, rate_card_id, since, before)
    found = await edge.query(lambda tx: quote_service.find(tx, edge.tenant_id, wanted, after=after, limit=limit + 1))
    return page(found, limit, key=lambda quote: quote.id)


@get("/v1/pricing/quotes/{quote_id:uuid}", scope="billing:read", summary="Get a quote")
async def get_quote(quote_id: UUID, edge: NamedDependency[Edge], quote_service: NamedDependency[Quotes]) -> QuoteOut:
    """A quote as it was answered."""
    return await edge.query(lambda tx: quote_service.get(tx, edge.tenant_id, quote_id))


ROUTES = (quote_order, list_quotes, get_quote)
