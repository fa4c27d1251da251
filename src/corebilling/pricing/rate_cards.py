"""Rate cards: what an order costs by what it measures. Customers may have their own, for a time."""

from datetime import datetime
from uuid import UUID

from corebilling.kernel.clock import Clock
from corebilling.kernel.errors import Conflict, FieldError, NotFound, invalid_field
from corebilling.kernel.ids import new_id
from corebilling.kernel.plan import RateCard, RateCardRule
from corebilling.platform.db import Tx
from corebilling.pricing.domain import validity
from corebilling.pricing.domain.validity import Validity
from corebilling.pricing.ports import Customers, PriceChecks
from corebilling.pricing.queries import models
from corebilling.pricing.queries import rate_cards as queries
from corebilling.pricing.rate_card_rows import Use, add, card_of, cards_out
from corebilling.pricing.schemas import RateCardCreate, RateCardEnd, RateCardOut


class RateCards:
    """Rate cards and their rules, which never change; one of them is the tenant's default."""

    def __init__(self, *, clock: Clock, checks: PriceChecks, customers: Customers) -> None:
        self._clock = clock
        self._checks = checks
        self._customers = customers

    async def create_rate_card(self, tx: Tx, tenant_id: UUID, data: RateCardCreate) -> RateCardOut:
        """A new rate card; as the default it takes the place of the one before.

        A customer's card that has no end ends where the new one begins. Raises `Invalid` for rules that can't be computed
        or overlap, and for an unknown customer; `Conflict` where the code is taken, or another card of the customer holds.
        """
        validity.check(data.customer_id, data.default, data.valid_from, data.valid_until)
        card = _card(data)
        self._checks.check_rate_card(card)
        customer_id = None
        if data.customer_id is not None:
            customer_id = await self._customer(tx, tenant_id, data.customer_id, "/customer_id")
            await self._make_room(tx, tenant_id, customer_id, data.valid_from, data.valid_until)
        if data.default:
            await queries.clear_default(tx.conn, tenant_id=tenant_id)
        use = Use(data.default, customer_id, data.valid_from, data.valid_until)
        row = await add(tx, tenant_id, card, use, self._clock())
        if row is None:
            raise await self._refusal(tx, tenant_id, card.code)
        return (await cards_out(tx, tenant_id, [row]))[0]

    async def end_rate_card(self, tx: Tx, tenant_id: UUID, rate_card_id: UUID, data: RateCardEnd) -> RateCardOut:
        """Let a customer's card hold until then, and no longer. Raises `NotFound`, and `Invalid` for another card or time."""
        row = await self._card_found(tx, tenant_id, rate_card_id)
        if row.customer_id is None:
            detail = "only a customer's rate card ends; another default card takes the place of the default"
            raise invalid_field("/valid_until", detail, code="rate_card_of_nobody")
        await queries.lock_cards_of(tx.conn, tenant_id=tenant_id, customer_id=row.customer_id)
        validity.check_end(_validity(await self._card_found(tx, tenant_id, rate_card_id)), data.valid_until)
        ended = await queries.end_rate_card(
            tx.conn, tenant_id=tenant_id, rate_card_id=rate_card_id, valid_until=data.valid_until
        )
        return (await cards_out(tx, tenant_id, [ended or row]))[0]

    async def get_rate_card(self, tx: Tx, tenant_id: UUID, rate_card_id: UUID) -> RateCardOut:
        """One rate card. Raises `NotFound`."""
        return (await cards_out(tx, tenant_id, [await self._card_found(tx, tenant_id, rate_card_id)]))[0]

    async def find_rate_cards(
        self,
        tx: Tx,
        tenant_id: UUID,
        *,
        after: UUID | None,
        limit: int,
        code: str | None = None,
        customer: str | None = None,
        default: bool | None = None,
        valid_at: datetime | None = None,
    ) -> list[RateCardOut]:
        """Rate cards, newest first; those of a customer (id or external id), or that hold at an instant."""
        customer_id = await self._customer(tx, tenant_id, customer, "/query/customer_id") if customer else None
        rows = await queries.list_rate_cards(
            tx.conn,
            tenant_id=tenant_id,
            before_id=after,
            code=code,
            customer_id=customer_id,
            is_default=default,
            valid_at=valid_at,
            page_size=limit,
        )
        return await cards_out(tx, tenant_id, rows)

    async def rate_card_for(self, tx: Tx, tenant_id: UUID, customer_id: UUID | None, at: datetime) -> RateCard:
        """The card that a customer's quotes use at an instant: its own that holds then, else the default.

        Raises `NotFound` where the tenant has none.
        """
        row = await queries.get_card_for(tx.conn, tenant_id=tenant_id, customer_id=customer_id, at=at)
        if row is None:
            raise NotFound("there is no default rate card; create one with default: true", code="no_default_rate_card")
        return await card_of(tx, row)

    async def default_rate_card(self, tx: Tx, tenant_id: UUID) -> RateCard:
        """The card of quotes that are nobody's. Raises `NotFound` where the tenant has none."""
        return await self.rate_card_for(tx, tenant_id, None, self._clock())

    async def active_rate_cards(self, tx: Tx) -> int:
        """How many tenants have a card to quote from, in a system transaction."""
        return await queries.count_active_rate_cards(tx.conn) or 0

    async def _make_room(
        self, tx: Tx, tenant_id: UUID, customer_id: UUID, valid_from: datetime | None, valid_until: datetime | None
    ) -> None:
        await queries.lock_cards_of(tx.conn, tenant_id=tenant_id, customer_id=customer_id)
        rows = await queries.get_cards_of(
            tx.conn, tenant_id=tenant_id, customer_id=customer_id, from_=valid_from, until=valid_until
        )
        if before := validity.to_close([_validity(row) for row in rows], valid_from):
            await queries.end_rate_card(
                tx.conn, tenant_id=tenant_id, rate_card_id=before.rate_card_id, valid_until=valid_from
            )

    async def _customer(self, tx: Tx, tenant_id: UUID, ref: str, pointer: str) -> UUID:
        found = (await self._customers.by_refs(tx, tenant_id, [ref])).get(ref)
        if found is None:
            raise invalid_field(
                pointer, f"there is no customer '{ref}'; send its id or external id", code="customer_not_found"
            )
        return found.customer_id

    async def _card_found(self, tx: Tx, tenant_id: UUID, rate_card_id: UUID) -> models.RateCard:
        row = await queries.get_rate_card(tx.conn, tenant_id=tenant_id, rate_card_id=rate_card_id)
        if row is None:
            raise NotFound(f"there is no rate card {rate_card_id}; check the id", code="rate_card_not_found")
        return row

    async def _refusal(self, tx: Tx, tenant_id: UUID, code: str) -> Conflict:
        if await self.find_rate_cards(tx, tenant_id, after=None, limit=1, code=code):
            return Conflict(
                f"there is a rate card '{code}' already, and a rate card never changes; send another code",
                code="rate_card_exists",
                fields=[FieldError("/code", f"'{code}' is taken")],
            )
        return Conflict(
            "another default rate card was made at the same moment; look at it, then send this again if it still holds",
            code="default_rate_card_changed",
        )


def _card(data: RateCardCreate) -> RateCard:
    return RateCard(
        rate_card_id=new_id(),
        code=data.code,
        name=data.name,
        currency=data.currency,
        order_amount=str(data.order_amount),
        rules=tuple(
            RateCardRule(
                rule.metric,
                str(rule.range_start),
                None if rule.range_end is None else str(rule.range_end),
                str(rule.base_amount),
                str(rule.unit_amount),
                rule.unit,
            )
            for rule in data.rules
        ),
    )


def _validity(row: models.RateCard) -> Validity:
    return Validity(row.rate_card_id, row.code, row.valid_from, row.valid_until)
