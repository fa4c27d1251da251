"""Quotes: what an order would cost by the rate card that is valid for its customer. What was quoted is kept."""

from datetime import datetime
from uuid import UUID

import msgspec

from corebilling.kernel.errors import NotFound, invalid_field
from corebilling.kernel.ids import new_id
from corebilling.platform.db import Tx
from corebilling.rating.domain import rate_card
from corebilling.rating.metrics import counted
from corebilling.rating.ports import Clocks, Customers, RateCards
from corebilling.rating.queries import quotes as queries
from corebilling.rating.schemas.quotes import QuoteOut, QuoteRequest, measured, shown_quote

_decode = msgspec.json.Decoder(QuoteOut).decode


class QuoteFilter(msgspec.Struct, frozen=True):
    """Which quotes to list: of a customer (id or external id), of a rate card, quoted in `[start, end)`."""

    customer: str | None = None
    rate_card_id: UUID | None = None
    start: datetime | None = None
    end: datetime | None = None


class Quotes:
    """Prices orders, and remembers what it answered."""

    def __init__(self, *, clocks: Clocks, rate_cards: RateCards, customers: Customers) -> None:
        self._clocks = clocks
        self._rate_cards = rate_cards
        self._customers = customers

    async def quote(self, tx: Tx, tenant_id: UUID, request: QuoteRequest) -> QuoteOut:
        """What an order costs, with each rule's calculation, and a warning for each metric that couldn't be priced.

        Raises `Invalid` for an unknown customer and for an order that can't be priced.
        """
        now = (await self._clocks.now(tx, [tenant_id]))[tenant_id]
        customer_id = None
        if request.customer_id is not None:
            customer_id = await self._customer(tx, tenant_id, request.customer_id)
            if customer_id is None:
                raise invalid_field(
                    "/customer_id",
                    f"there is no customer '{request.customer_id}'; send the id or external id of one, or leave it out",
                    code="customer_not_found",
                )
        card = await self._rate_cards.rate_card_for(tx, tenant_id, customer_id, now)
        with counted("quote"):
            order = measured(request.order)
            answer = shown_quote(new_id(), card, order, rate_card.quote(card, order), customer_id, now)
        await queries.keep_quote(
            tx.conn,
            tenant_id=tenant_id,
            quote_id=answer.id,
            customer_id=customer_id,
            rate_card_id=card.rate_card_id,
            quoted_at=now,
            quote=msgspec.json.encode(answer).decode(),
        )
        return answer

    async def get(self, tx: Tx, tenant_id: UUID, quote_id: UUID) -> QuoteOut:
        """One quote, as it was answered. Raises `NotFound`."""
        found = await queries.get_quote(tx.conn, tenant_id=tenant_id, quote_id=quote_id)
        if found is None:
            raise NotFound(f"there is no quote {quote_id}; GET /v1/pricing/quotes lists them", code="quote_not_found")
        return _decode(found)

    async def find(
        self, tx: Tx, tenant_id: UUID, wanted: QuoteFilter, *, after: UUID | None, limit: int
    ) -> list[QuoteOut]:
        """Quotes, newest first; none for a customer that doesn't exist."""
        customer_id = None
        if wanted.customer is not None:
            customer_id = await self._customer(tx, tenant_id, wanted.customer)
            if customer_id is None:
                return []
        rows = await queries.list_quotes(
            tx.conn,
            tenant_id=tenant_id,
            before_id=after,
            customer_id=customer_id,
            rate_card_id=wanted.rate_card_id,
            from_at=wanted.start,
            to_at=wanted.end,
            page_size=limit,
        )
        return [_decode(row) for row in rows]

    async def _customer(self, tx: Tx, tenant_id: UUID, ref: str) -> UUID | None:
        found = (await self._customers.by_refs(tx, tenant_id, [ref])).get(ref)
        return None if found is None else found.customer_id
