"""Coupons on subscriptions: which periods they discount."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from corebilling.kernel.errors import Conflict, NotFound
from corebilling.kernel.plan import Coupon
from corebilling.subscription.domain.agreement import Agreement, Redemption


def redemption(coupon: Coupon, redemption_id: UUID, index: int, at: datetime) -> Redemption:
    """A coupon redeemed while the `index`-th period runs: `once` is that period, `repeating` it and those that follow."""
    periods = {"once": 1, "repeating": coupon.duration_periods, "forever": None}[coupon.duration]
    return Redemption(
        redemption_id,
        coupon.coupon_id,
        coupon.code,
        coupon.percent_off,
        coupon.amount_off_minor,
        coupon.duration,
        index,
        None if periods is None else index + periods - 1,
        at,
    )


def refuse_second(agreement: Agreement, code: str, given: Collection[str] = ()) -> None:
    """Raises `Conflict` for a coupon that the subscription has already, or that is among those `given` with this one."""
    if code in given or any(coupon.code == code and coupon.removed_at is None for coupon in agreement.coupons):
        raise Conflict(f"coupon '{code}' is on the subscription already; send another one", code="coupon_repeated")


def removed(agreement: Agreement, redemption_id: UUID, index: int, at: datetime) -> Agreement:
    """Without the coupon from the `index`-th period on, which is the one that runs. Raises `NotFound`."""
    if not any(c.redemption_id == redemption_id and c.removed_at is None for c in agreement.coupons):
        raise NotFound(
            f"there is no coupon {redemption_id} on the subscription; send the id of one of its coupons",
            code="coupon_not_found",
        )
    return replace(
        agreement,
        coupons=tuple(
            replace(coupon, removed_at=at, last_index=_no_later(coupon.last_index, index - 1))
            if coupon.redemption_id == redemption_id
            else coupon
            for coupon in agreement.coupons
        ),
    )


def _no_later(last_index: int | None, index: int) -> int:
    return index if last_index is None else min(last_index, index)
