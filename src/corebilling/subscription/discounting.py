"""Coupons on subscriptions."""

from uuid import UUID

from msgspec.structs import replace

from corebilling.kernel.ids import new_id
from corebilling.platform.db import Tx
from corebilling.subscription.desk import Desk
from corebilling.subscription.domain import coupons, facts, timeline
from corebilling.subscription.domain.agreement import Agreement
from corebilling.subscription.domain.states import require_alive
from corebilling.subscription.schemas import CouponOrder, SubscriptionOut


class Discounting(Desk):
    """Putting coupons on, and taking them off."""

    async def add_coupon(self, tx: Tx, tenant_id: UUID, ref: str, order: CouponOrder) -> SubscriptionOut:
        """Redeem a coupon for the running period and those that follow, as its duration says.

        Raises `NotFound`, `Invalid` for an unknown coupon or one in another currency, and `Conflict` for one that is
        spent, expired or here already, and for a subscription that is over.
        """
        held = await self._hold(tx, tenant_id, ref)
        require_alive(held.present.status)
        index = timeline.current_period(held.present, held.now).index
        after = await self._redeem(tx, held.present, order.code, index=index, pointer="/code")
        return await self._done(tx, held, (after, (facts.updated(after, "coupon", held.now),)))

    async def remove_coupon(self, tx: Tx, tenant_id: UUID, ref: str, redemption_id: UUID) -> SubscriptionOut:
        """Take a coupon off: the running period isn't discounted any more. Raises `NotFound`."""
        held = await self._hold(tx, tenant_id, ref)
        index = timeline.current_period(held.present, held.now).index
        after = coupons.removed(held.present, redemption_id, index, held.now)
        return await self._done(tx, held, (after, (facts.updated(after, "coupon", held.now),)))

    async def _redeem(self, tx: Tx, agreement: Agreement, code: str, *, index: int, pointer: str) -> Agreement:
        coupons.refuse_second(agreement, code)
        redemption_id, now = new_id(), await self._now(tx, agreement.tenant_id)
        coupon = await self._coupons.redeem(
            tx,
            agreement.tenant_id,
            code,
            currency=agreement.currency,
            subscription_id=agreement.subscription_id,
            customer_id=agreement.customer_id,
            redemption_id=redemption_id,
            at=now,
            pointer=pointer,
        )
        redeemed = coupons.redemption(coupon, redemption_id, index, now)
        return replace(agreement, coupons=(*agreement.coupons, redeemed))
