"""Subscriptions: starting and ending them, and answering to whom usage belongs."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import convert

from corebilling.events.envelope import Envelope, NewEvent
from corebilling.events.scheduler import BillingCycleClosed
from corebilling.events.subscription import SubscriptionCanceled, SubscriptionCreated, SubscriptionStatusChanged
from corebilling.kernel.clock import Clock
from corebilling.kernel.contract import Calendar, Contract, Phase
from corebilling.kernel.errors import NotFound
from corebilling.kernel.party import Attribution
from corebilling.kernel.period import Interval
from corebilling.kernel.references import as_id, as_ids
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Tx
from corebilling.subscription.domain import orders, states, terms
from corebilling.subscription.ports import Clocks, Customers, Plans
from corebilling.subscription.queries import models
from corebilling.subscription.queries import subscriptions as queries
from corebilling.subscription.schemas import CancelOrder, SubscriptionCreate, SubscriptionOut

Key = tuple[UUID, UUID]
"""(tenant, subscription)"""


class SubscriptionService:
    """The subscription context as others see it."""

    def __init__(self, *, clock: Clock, plans: Plans, customers: Customers, clocks: Clocks) -> None:
        self._clock = clock
        self._plans = plans
        self._customers = customers
        self._clocks = clocks

    async def create(self, tx: Tx, tenant_id: UUID, data: SubscriptionCreate) -> SubscriptionOut:
        """One new subscription. Errors as `create_batch`, pointing into the item itself."""
        return (await self._create(tx, tenant_id, [_order(data, "")]))[0]

    async def create_batch(self, tx: Tx, tenant_id: UUID, items: Sequence[SubscriptionCreate]) -> list[SubscriptionOut]:
        """New subscriptions, all or none, in the order of the items.

        Raises `Invalid` for unknown customers or plans and impossible terms, `Conflict` for a plan in another currency
        than its customer's and for an external id that is taken; pointers are `/items/<n>/...`.
        """
        return await self._create(tx, tenant_id, [_order(item, f"/items/{n}") for n, item in enumerate(items)])

    async def _create(self, tx: Tx, tenant_id: UUID, wanted: Sequence[orders.Order]) -> list[SubscriptionOut]:
        plans = await self._plans.plans_by_ref(tx, tenant_id, sorted({order.plan for order in wanted}))
        customers = await self._customers.by_refs(tx, tenant_id, sorted({order.customer for order in wanted}))
        now = (await self._clocks.now(tx, [tenant_id]))[tenant_id]
        drafts = orders.drafts(wanted, customers, plans, now)
        rows = await self._insert(tx, tenant_id, drafts)
        orders.refuse_taken(drafts, rows.keys())
        await emit(tx, [_created(row) for row in rows.values()])
        return [_shown(rows[draft.subscription_id]) for draft in drafts]

    async def _insert(self, tx: Tx, tenant_id: UUID, drafts: Sequence[orders.Draft]) -> dict[UUID, models.Subscription]:
        rows = await queries.add_subscriptions(
            tx.conn,
            tenant_id=tenant_id,
            subscription_ids=[draft.subscription_id for draft in drafts],
            external_ids=[draft.external_id for draft in drafts],
            customer_ids=[draft.customer.customer_id for draft in drafts],
            customer_external_ids=[draft.customer.external_id for draft in drafts],
            plan_ids=[draft.plan.plan_id for draft in drafts],
            plan_codes=[draft.plan.code for draft in drafts],
            currencies=[draft.plan.currency for draft in drafts],
            time_zones=[draft.customer.time_zone for draft in drafts],
            intervals=[draft.plan.interval for draft in drafts],
            interval_counts=[draft.plan.interval_count for draft in drafts],
            starts_ats=[draft.terms.starts_at for draft in drafts],
            anchor_ats=[draft.terms.anchor_at for draft in drafts],
            created_at=self._clock(),
        )
        return {row.subscription_id: row for row in rows}

    async def get(self, tx: Tx, tenant_id: UUID, ref: str) -> SubscriptionOut:
        """One subscription by id or external id. Raises `NotFound`."""
        row = await queries.get_subscription(tx.conn, tenant_id=tenant_id, subscription_id=as_id(ref), external_id=ref)
        return _shown(_found(row, ref))

    async def find(
        self,
        tx: Tx,
        tenant_id: UUID,
        *,
        after: UUID | None,
        limit: int,
        customer: str | None = None,
        plan: str | None = None,
        external_id: str | None = None,
        status: str | None = None,
    ) -> list[SubscriptionOut]:
        """Subscriptions, newest first; `customer` is an id or external id, `plan` an id or code."""
        customer_id, plan_id = None, None
        if customer is not None:
            buyer = (await self._customers.by_refs(tx, tenant_id, [customer])).get(customer)
            if buyer is None:
                return []
            customer_id = buyer.customer_id
        if plan is not None:
            bought = (await self._plans.plans_by_ref(tx, tenant_id, [plan])).get(plan)
            if bought is None:
                return []
            plan_id = bought.plan_id
        rows = await queries.list_subscriptions(
            tx.conn,
            tenant_id=tenant_id,
            before_id=after,
            customer_id=customer_id,
            plan_id=plan_id,
            external_id=external_id,
            status=status,
            page_size=limit,
        )
        return [_shown(row) for row in rows]

    async def cancel(self, tx: Tx, tenant_id: UUID, ref: str, order: CancelOrder) -> SubscriptionOut:
        """Order the end of a subscription with its running period; ordering it again changes nothing.

        Raises `NotFound`, and `Conflict` for one that is canceled already.
        """
        seen = await self.get(tx, tenant_id, ref)
        row = _found(await queries.lock_subscription(tx.conn, tenant_id=tenant_id, subscription_id=seen.id), ref)
        states.require_active(row.status)
        if row.ends_at is not None:
            return _shown(row)
        now = (await self._clocks.now(tx, [tenant_id]))[tenant_id]
        ends_at = terms.end_of_period(
            terms.Terms(row.starts_at, row.anchor_at),
            now=now,
            time_zone=row.time_zone,
            interval=convert(row.interval, Interval),
            interval_count=row.interval_count,
        )
        ended = await queries.end_at(
            tx.conn, tenant_id=tenant_id, subscription_id=row.subscription_id, ends_at=ends_at, updated_at=self._clock()
        )
        row = _found(ended, ref)
        canceled = SubscriptionCanceled(row.subscription_id, ends_at)
        await emit(tx, [NewEvent(tenant_id, row.subscription_id, row.seq, canceled, row.updated_at)])
        return _shown(row)

    async def close(self, tx: Tx, closed: Sequence[Envelope[BillingCycleClosed]]) -> None:
        """Subscriptions whose last period is over become canceled; those that are already stay as they are."""
        last = {(event.tenant_id, event.payload.subscription_id): event for event in closed if event.payload.is_last}
        if not last:
            return
        now = self._clock()
        rows = await queries.mark_canceled(
            tx.conn, tenant_ids=[t for t, _ in last], subscription_ids=[s for _, s in last], updated_at=now
        )
        await emit(
            tx,
            [
                NewEvent(
                    row.tenant_id,
                    row.subscription_id,
                    row.seq,
                    SubscriptionStatusChanged(row.subscription_id, "active", "canceled"),
                    now,
                    last[row.tenant_id, row.subscription_id],
                )
                for row in rows
            ],
        )

    async def contracts(self, tx: Tx, keys: Sequence[Key]) -> dict[Key, Contract]:
        """What subscriptions agreed to; unknown ones are absent."""
        rows = await queries.get_contracts(
            tx.conn, tenant_ids=[t for t, _ in keys], subscription_ids=[s for _, s in keys]
        )
        return {(row.tenant_id, row.subscription_id): _contract(row) for row in rows}

    async def attributions(
        self, tx: Tx, tenant_id: UUID, subscription_refs: Sequence[str], customer_refs: Sequence[str]
    ) -> list[Attribution]:
        """Every subscription that goes by one of these ids or external ids, its own or its customer's, ended ones too."""
        subscriptions, customers = sorted(set(subscription_refs)), sorted(set(customer_refs))
        rows = await queries.attribute(
            tx.conn,
            tenant_id=tenant_id,
            subscription_ids=as_ids(subscriptions),
            external_ids=subscriptions,
            customer_ids=as_ids(customers),
            customer_external_ids=customers,
        )
        return [
            Attribution(
                row.subscription_id,
                row.external_id,
                row.customer_id,
                row.customer_external_id,
                row.starts_at,
                row.ends_at,
            )
            for row in {row.subscription_id: row for row in rows}.values()
        ]


def _contract(row: queries.GetContractsRow) -> Contract:
    calendar = Calendar(
        row.anchor_at, row.time_zone, convert(row.interval, Interval), row.interval_count, starts_at=row.anchor_at
    )
    return Contract(
        row.tenant_id,
        row.subscription_id,
        row.customer_id,
        row.plan_id,
        row.currency,
        calendars=(calendar,),
        phases=(Phase(row.anchor_at, row.ends_at, row.plan_id),),
        ends_at=row.ends_at,
    )


def _order(item: SubscriptionCreate, pointer: str) -> orders.Order:
    return orders.Order(
        customer=item.customer_id,
        plan=item.plan,
        external_id=item.external_id,
        start_at=item.start_at,
        anchor_at=item.anchor_at,
        pointer=pointer,
    )


def _created(row: models.Subscription) -> NewEvent:
    created = SubscriptionCreated(
        row.subscription_id,
        row.customer_id,
        row.plan_id,
        row.currency,
        row.anchor_at,
        row.time_zone,
        convert(row.interval, Interval),
        row.interval_count,
        row.status,
    )
    return NewEvent(row.tenant_id, row.subscription_id, row.seq, created, row.created_at)


def _found(row: models.Subscription | None, ref: str) -> models.Subscription:
    if row is None:
        raise NotFound(f"there is no subscription '{ref}'; send its id or external id", code="subscription_not_found")
    return row


def _shown(row: models.Subscription) -> SubscriptionOut:
    return SubscriptionOut(
        id=row.subscription_id,
        external_id=row.external_id,
        customer_id=row.customer_id,
        customer_external_id=row.customer_external_id,
        plan_id=row.plan_id,
        plan_code=row.plan_code,
        currency=row.currency,
        time_zone=row.time_zone,
        interval=convert(row.interval, Interval),
        interval_count=row.interval_count,
        status=convert(row.status, states.SubscriptionStatus),
        start_at=row.starts_at,
        anchor_at=row.anchor_at,
        cancel_at=row.ends_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
