"""What goes over the wire about coupons."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from corebilling.kernel.decimals import DecimalText
from corebilling.pricing.domain.coupon import Duration
from corebilling.pricing.schemas.words import Code, Currency, Instant, Name

CouponStatus = Literal["active", "archived"]


class CouponCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A coupon to be: `percent_off` is a fraction ("0.2"), `amount_off_minor` an amount off each period's invoice.

    It discounts one billing period (`once`), `duration_periods` of them (`repeating`) or all (`forever`). It may be
    redeemed up to and including the instant `redeem_by`, and `max_redemptions` times.
    """

    code: Code
    name: Name
    percent_off: Decimal | None = None
    amount_off_minor: Annotated[int, Meta(ge=1, le=2**63 - 1)] | None = None
    currency: Currency | None = None
    duration: Duration
    duration_periods: Annotated[int, Meta(ge=1, le=1200)] | None = None
    redeem_by: Instant | None = None
    max_redemptions: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None


class CouponOut(msgspec.Struct, frozen=True):
    """A coupon, with how often it was redeemed; an `archived` one can't be any more."""

    id: UUID
    code: str
    name: str
    status: CouponStatus
    percent_off: DecimalText | None
    amount_off_minor: int | None
    currency: str | None
    duration: Duration
    duration_periods: int | None
    redeem_by: datetime | None
    max_redemptions: int | None
    times_redeemed: int
    created_at: datetime
    archived_at: datetime | None
