"""What customers may use: a projection of subscription events, rebuilt by replay whenever somebody wants to."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from corebilling.customer.domain.entitlements import USABLE, gathered
from corebilling.customer.ports import Clocks
from corebilling.customer.queries import entitlements as queries
from corebilling.customer.queries import models
from corebilling.customer.schemas import EntitlementOut
from corebilling.customer.service import CustomerService
from corebilling.events.envelope import Envelope
from corebilling.platform.db import Tx

_json = msgspec.json.Encoder().encode
_ids = msgspec.json.Decoder(list[UUID])


class EntitlementService:
    """Plan, status and prices of each customer's subscriptions, as events told them."""

    def __init__(self, *, customers: CustomerService, clocks: Clocks) -> None:
        self._customers = customers
        self._clocks = clocks

    async def learn(self, tx: Tx, events: Sequence[Envelope[Any]]) -> None:
        """Take in what subscription events tell, of many tenants, in any order and any number of times."""
        told = gathered(events)
        await queries.put_entitlements(
            tx.conn,
            tenant_ids=[each.tenant_id for each in told],
            subscription_ids=[each.subscription_id for each in told],
            customer_ids=[each.customer_id for each in told],
            starts_ats=[each.starts_at for each in told],
            plan_ids=[each.plan_id for each in told],
            plan_seqs=[each.plan_place.seq for each in told],
            plan_event_ids=[each.plan_place.event_id for each in told],
            statuses=[each.status for each in told],
            status_seqs=[each.status_place.seq for each in told],
            status_event_ids=[each.status_place.event_id for each in told],
            ends_ats=[each.ends_at for each in told],
            ends_seqs=[each.ends_place.seq for each in told],
            ends_event_ids=[each.ends_place.event_id for each in told],
            price_ids=[None if each.price_ids is None else _json(each.price_ids) for each in told],
            prices_seqs=[each.prices_place.seq for each in told],
            prices_event_ids=[each.prices_place.event_id for each in told],
            seqs=[each.seq for each in told],
            first_event_ats=[each.first_event_at for each in told],
            last_event_ats=[each.last_event_at for each in told],
        )

    async def forget(self, tx: Tx, tenant_id: UUID, since: datetime) -> int:
        """Delete what a replay from that instant on tells whole: subscriptions whose first event was written then or later.

        The others stay, and take what is told of them again without a change. Answers how many went.
        """
        return len(await queries.forget_entitlements(tx.conn, tenant_id=tenant_id, since=since))

    async def of_customer(
        self, tx: Tx, tenant_id: UUID, ref: str, *, past: bool, after: UUID | None, limit: int
    ) -> list[EntitlementOut]:
        """What a customer may use at the tenant's present instant, newest subscription first; with `past` all there ever was.

        Raises `NotFound` for an unknown customer.
        """
        customer = await self._customers.by_ref(tx, tenant_id, ref)
        now = (await self._clocks.now(tx, [tenant_id]))[tenant_id]
        rows = await queries.list_entitlements(
            tx.conn,
            tenant_id=tenant_id,
            customer_id=customer.customer_id,
            before_id=after,
            past=past,
            usable=USABLE,
            now=now,
            page_size=limit,
        )
        return [_shown(row, now) for row in rows]


def _shown(row: models.CustomerEntitlement, now: datetime) -> EntitlementOut:
    begun = row.starts_at is None or row.starts_at <= now
    over = row.ends_at is not None and row.ends_at <= now
    return EntitlementOut(
        subscription_id=row.subscription_id,
        plan_id=row.plan_id,
        status=row.status,
        usable=row.status in USABLE and begun and not over,
        since=row.starts_at,
        until=row.ends_at,
        price_ids=None if row.price_ids is None else _ids.decode(row.price_ids),
        seq=row.seq,
    )
