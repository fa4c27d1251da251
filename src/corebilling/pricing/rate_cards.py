"""Rate cards: what an order costs by what it measures."""

from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from corebilling.kernel.clock import Clock
from corebilling.kernel.decimals import plain
from corebilling.kernel.errors import Conflict, FieldError, NotFound
from corebilling.kernel.ids import new_id
from corebilling.kernel.plan import RateCard, RateCardRule
from corebilling.platform.db import Tx
from corebilling.pricing.domain import default_card
from corebilling.pricing.ports import PriceChecks
from corebilling.pricing.queries import models
from corebilling.pricing.queries import rate_cards as queries
from corebilling.pricing.schemas import RateCardCreate, RateCardOut, RuleOut


class RateCards:
    """Rate cards and their rules; one of them is the tenant's default."""

    def __init__(self, *, clock: Clock, checks: PriceChecks) -> None:
        self._clock = clock
        self._checks = checks

    async def create_rate_card(self, tx: Tx, tenant_id: UUID, data: RateCardCreate) -> RateCardOut:
        """A new rate card; as the default it takes the place of the one before.

        Raises `Invalid` for rules that can't be computed or overlap, `Conflict` where the code is taken.
        """
        card = RateCard(
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
        self._checks.check_rate_card(card)
        row = await self._store(tx, tenant_id, card, is_default=data.default)
        return (await self._cards_out(tx, tenant_id, [row]))[0]

    async def get_rate_card(self, tx: Tx, tenant_id: UUID, rate_card_id: UUID) -> RateCardOut:
        """One rate card. Raises `NotFound`."""
        row = await queries.get_rate_card(tx.conn, tenant_id=tenant_id, rate_card_id=rate_card_id)
        if row is None:
            raise NotFound(f"there is no rate card {rate_card_id}; check the id", code="rate_card_not_found")
        return (await self._cards_out(tx, tenant_id, [row]))[0]

    async def find_rate_cards(
        self, tx: Tx, tenant_id: UUID, *, after: UUID | None, limit: int, code: str | None = None
    ) -> list[RateCardOut]:
        """Rate cards, newest first."""
        rows = await queries.list_rate_cards(tx.conn, tenant_id=tenant_id, before_id=after, code=code, page_size=limit)
        return await self._cards_out(tx, tenant_id, rows)

    async def default_rate_card(self, tx: Tx, tenant_id: UUID) -> RateCard:
        """The card that quotes use. Raises `NotFound` where the tenant has none."""
        row = await queries.get_default(tx.conn, tenant_id=tenant_id)
        if row is None:
            raise NotFound("there is no default rate card; create one with default: true", code="no_default_rate_card")
        rules = await queries.get_rules(tx.conn, tenant_id=tenant_id, rate_card_ids=[row.rate_card_id])
        return RateCard(
            row.rate_card_id,
            row.code,
            row.name,
            row.currency,
            str(row.order_amount),
            tuple(
                RateCardRule(
                    rule.metric,
                    str(rule.range_start),
                    None if rule.range_end is None else str(rule.range_end),
                    str(rule.base_amount),
                    str(rule.unit_amount),
                    rule.unit,
                )
                for rule in rules
            ),
        )

    async def set_up(self, tx: Tx, tenant_id: UUID, currency: str) -> None:
        """Give a new tenant the default card. It is in euros whatever the `currency`: its figures mean nothing in another."""
        card = RateCard(
            new_id(),
            default_card.CODE,
            default_card.NAME,
            default_card.CURRENCY,
            default_card.ORDER_AMOUNT,
            default_card.RULES,
        )
        await self._store(tx, tenant_id, card, is_default=True, first=True)

    async def active_rate_cards(self, tx: Tx) -> int:
        """How many tenants have a card to quote from, in a system transaction."""
        return await queries.count_active_rate_cards(tx.conn) or 0

    async def _store(
        self, tx: Tx, tenant_id: UUID, card: RateCard, *, is_default: bool, first: bool = False
    ) -> models.RateCard:
        if is_default and not first:
            await queries.clear_default(tx.conn, tenant_id=tenant_id)
        row = await queries.add_rate_card(
            tx.conn,
            tenant_id=tenant_id,
            rate_card_id=card.rate_card_id,
            code=card.code,
            name=card.name,
            currency=card.currency,
            order_amount=Decimal(card.order_amount),
            is_default=is_default,
            created_at=self._clock(),
        )
        if row is None:
            raise await self._refusal(tx, tenant_id, card.code)
        await queries.add_rules(
            tx.conn,
            tenant_id=tenant_id,
            rate_card_id=card.rate_card_id,
            rule_nos=list(range(len(card.rules))),
            metrics=[rule.metric for rule in card.rules],
            range_starts=[Decimal(rule.range_start) for rule in card.rules],
            range_ends=[None if rule.range_end is None else Decimal(rule.range_end) for rule in card.rules],
            base_amounts=[Decimal(rule.base_amount) for rule in card.rules],
            unit_amounts=[Decimal(rule.unit_amount) for rule in card.rules],
            units=[rule.unit for rule in card.rules],
        )
        return row

    async def _refusal(self, tx: Tx, tenant_id: UUID, code: str) -> Conflict:
        if await queries.list_rate_cards(tx.conn, tenant_id=tenant_id, before_id=None, code=code, page_size=1):
            return Conflict(
                f"there is a rate card '{code}' already, and a rate card never changes; send another code",
                code="rate_card_exists",
                fields=[FieldError("/code", f"'{code}' is taken")],
            )
        return Conflict(
            "another default rate card was made at the same moment; look at it, then send this again if it still holds",
            code="default_rate_card_changed",
        )

    async def _cards_out(self, tx: Tx, tenant_id: UUID, rows: Sequence[models.RateCard]) -> list[RateCardOut]:
        rules = await queries.get_rules(tx.conn, tenant_id=tenant_id, rate_card_ids=[row.rate_card_id for row in rows])
        by_card: dict[UUID, list[RuleOut]] = {row.rate_card_id: [] for row in rows}
        for rule in rules:
            by_card[rule.rate_card_id].append(_rule_out(rule))
        return [
            RateCardOut(
                id=row.rate_card_id,
                code=row.code,
                name=row.name,
                currency=row.currency,
                order_amount=plain(row.order_amount),
                default=row.is_default,
                rules=by_card[row.rate_card_id],
                created_at=row.created_at,
            )
            for row in rows
        ]


def _rule_out(rule: models.RateCardRule) -> RuleOut:
    return RuleOut(
        metric=rule.metric,
        range_start=plain(rule.range_start),
        range_end=None if rule.range_end is None else plain(rule.range_end),
        base_amount=plain(rule.base_amount),
        unit_amount=plain(rule.unit_amount),
        unit=rule.unit,
    )
