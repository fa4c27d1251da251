"""Rate cards as they are stored, and as others see them."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec

from corebilling.kernel.decimals import plain
from corebilling.kernel.plan import RateCard, RateCardRule
from corebilling.platform.db import Tx
from corebilling.pricing.queries import models
from corebilling.pricing.queries import rate_cards as queries
from corebilling.pricing.schemas import RateCardOut, RuleOut


class Use(msgspec.Struct, frozen=True):
    """Whom a card is for: everybody by default, a customer for a time, or nobody yet."""

    is_default: bool = False
    customer_id: UUID | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None


async def add(tx: Tx, tenant_id: UUID, card: RateCard, use: Use, created_at: datetime) -> models.RateCard | None:
    """Store a card with its rules; None where the code is taken, or where another default came first."""
    row = await queries.add_rate_card(
        tx.conn,
        tenant_id=tenant_id,
        rate_card_id=card.rate_card_id,
        code=card.code,
        name=card.name,
        currency=card.currency,
        order_amount=Decimal(card.order_amount),
        is_default=use.is_default,
        customer_id=use.customer_id,
        valid_from=use.valid_from,
        valid_until=use.valid_until,
        created_at=created_at,
    )
    if row is None:
        return None
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


async def card_of(tx: Tx, row: models.RateCard) -> RateCard:
    """A card as other contexts see it."""
    rules = await queries.get_rules(tx.conn, tenant_id=row.tenant_id, rate_card_ids=[row.rate_card_id])
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


async def cards_out(tx: Tx, tenant_id: UUID, rows: Sequence[models.RateCard]) -> list[RateCardOut]:
    """Cards as callers see them."""
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
            customer_id=row.customer_id,
            valid_from=row.valid_from,
            valid_until=row.valid_until,
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
