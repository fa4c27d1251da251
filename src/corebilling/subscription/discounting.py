"""Coupons on subscriptions."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from uuid import UUID

import msgspec
from msgspec.structs import replace

from corebilling.kernel.ids import new_id
from corebilling.kernel.plan import Coupon, CouponClaim
from corebilling.platform.db import Tx
from corebilling.subscription.desk import Desk
from corebilling.subscription.domain import coupons, facts, timeline
from corebilling.subscription.domain.agreement import Agreement
from corebilling.subscription.domain.states import require_alive
from corebilling.subscription.schemas import CouponOrder, SubscriptionOut


class CouponWish(msgspec.Struct, frozen=True):
    """Coupons (code, pointer) that are wanted on a subscription from its `index`-th period on."""

    agreement: Agreement
    codes: tuple[tuple[str, str], ...]
    index: int = 0


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
        (after,) = await self._redeem(tx, tenant_id, [CouponWish(held.present, ((order.code, "/code"),), index)])
        return await self._done(tx, held, (after, (facts.updated(after, "coupon", held.now),)))

    async def remove_coupon(self, tx: Tx, tenant_id: UUID, ref: str, redemption_id: UUID) -> SubscriptionOut:
        """Take a coupon off: the running period isn't discounted any more. Raises `NotFound`."""
        held = await self._hold(tx, tenant_id, ref)
        index = timeline.current_period(held.present, held.now).index
        after = coupons.removed(held.present, redemption_id, index, held.now)
        return await self._done(tx, held, (after, (facts.updated(after, "coupon", held.now),)))

    async def _redeem(self, tx: Tx, tenant_id: UUID, wishes: Sequence[CouponWish]) -> list[Agreement]:
        """The agreements with the coupons wished for, in their order; all coupons are counted together."""
        claims = [claim for wish in wishes for claim in _claims(wish)]
        if not claims:
            return [wish.agreement for wish in wishes]
        now = await self._now(tx, tenant_id)
        found = iter(zip(claims, await self._coupons.redeem(tx, tenant_id, claims, at=now), strict=True))
        return [_with_coupons(wish, list(islice(found, len(wish.codes))), now) for wish in wishes]


def _claims(wish: CouponWish) -> Iterator[CouponClaim]:
    """Raises `Conflict` for a coupon that the subscription has already, or is to get twice."""
    agreement, seen = wish.agreement, set[str]()
    for code, pointer in wish.codes:
        coupons.refuse_second(agreement, code, seen)
        seen.add(code)
        yield CouponClaim(
            code=code,
            redemption_id=new_id(),
            subscription_id=agreement.subscription_id,
            customer_id=agreement.customer_id,
            currency=agreement.currency,
            pointer=pointer,
        )


def _with_coupons(wish: CouponWish, redeemed: Sequence[tuple[CouponClaim, Coupon]], now: datetime) -> Agreement:
    more = (coupons.redemption(coupon, claim.redemption_id, wish.index, now) for claim, coupon in redeemed)
    return replace(wish.agreement, coupons=(*wish.agreement.coupons, *more))
