"""Starting subscriptions: one, or up to a thousand at once."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from corebilling.events.envelope import NewEvent
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Tx
from corebilling.subscription import store
from corebilling.subscription.discounting import CouponWish, Discounting
from corebilling.subscription.domain import facts, orders, waking
from corebilling.subscription.domain.agreement import Agreement
from corebilling.subscription.domain.facts import Facts
from corebilling.subscription.domain.terms import Asked
from corebilling.subscription.schemas import SubscriptionCreate, SubscriptionOut
from corebilling.subscription.wishes import add_ons, item_changes


class Creating(Discounting):
    """New subscriptions."""

    async def create(self, tx: Tx, tenant_id: UUID, data: SubscriptionCreate) -> SubscriptionOut:
        """One new subscription. Errors as `create_batch`, pointing into the item itself."""
        return (await self._create(tx, tenant_id, [_order(data, "")]))[0]

    async def create_batch(self, tx: Tx, tenant_id: UUID, items: Sequence[SubscriptionCreate]) -> list[SubscriptionOut]:
        """New subscriptions, all or none, in the order of the items.

        Raises `Invalid` for unknown customers, plans or prices and impossible terms, `Conflict` for a plan that isn't
        sold in its customer's currency and for an external id that is taken; pointers are `/items/<n>/...`.
        """
        return await self._create(tx, tenant_id, [_order(item, f"/items/{n}") for n, item in enumerate(items)])

    async def _create(self, tx: Tx, tenant_id: UUID, wanted: Sequence[orders.Order]) -> list[SubscriptionOut]:
        added = [each for order in wanted for each in order.add_ons]
        catalog = await self._catalog(tx, tenant_id, {order.plan for order in wanted}, added)
        customers = await self._customers.by_refs(tx, tenant_id, sorted({order.customer for order in wanted}))
        seller = await self._seller(tx, tenant_id)
        made = orders.agreements(wanted, customers, catalog, seller, self._checks.check)
        made = await self._redeem(tx, tenant_id, [_wish(*each) for each in zip(made, wanted, strict=True)])
        begun = [waking.perform(each, seller.now) for each in made]
        agreements = [after for after, _ in begun]
        stored = await store.add(tx, tenant_id, agreements)
        orders.refuse_taken(wanted, agreements, stored)
        await store.add_details(tx, agreements)
        await emit(
            tx,
            [
                NewEvent(tenant_id, after.subscription_id, after.seq, fact, after.created_at)
                for before, (after, told) in zip(made, begun, strict=True)
                for fact in _facts(before, after, told)
            ],
        )
        return await self._show(tx, tenant_id, agreements)

    async def _seller(self, tx: Tx, tenant_id: UUID) -> orders.Seller:
        now = (await self._clocks.now(tx, [tenant_id]))[tenant_id]
        profile = (await self._tenants.profiles(tx, [tenant_id])).get(tenant_id)
        return orders.Seller(tenant_id, now, self._clock(), profile.proration if profile else "second")


def _wish(agreement: Agreement, order: orders.Order) -> CouponWish:
    codes = tuple((code, f"{order.pointer}/coupons/{number}") for number, code in enumerate(order.coupons))
    return CouponWish(agreement, codes)


def _facts(before: Agreement, after: Agreement, told: Facts) -> list[msgspec.Struct]:
    return [facts.created(before), *told, facts.scheduled(after, waking.wake_at(after))]


def _order(item: SubscriptionCreate, pointer: str) -> orders.Order:
    return orders.Order(
        customer=item.customer_id,
        plan=item.plan,
        external_id=item.external_id,
        asked=Asked(
            start_at=item.start_at,
            anchor_at=item.anchor_at,
            alignment=item.alignment,
            trial_days=item.trial_days,
            trial_ends_at=item.trial_end,
        ),
        missing_payment_method=item.missing_payment_method,
        payment_method=item.payment_method,
        payment_behavior=item.payment_behavior,
        items=item_changes(item.items, pointer),
        add_ons=add_ons(item.add_ons, pointer),
        commitment=None if item.commitment is None else item.commitment.amount,
        coupons=tuple(item.coupons),
        proration=item.proration,
        consolidate=item.consolidate,
        pointer=pointer,
    )
