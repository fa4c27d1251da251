"""When a coupon may be made, and when it may be redeemed."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Literal

import msgspec

from corebilling.kernel import money
from corebilling.kernel.errors import Conflict, DomainError, FieldError, Invalid

Duration = Literal["once", "repeating", "forever"]

_MAX_PERCENT_DIGITS = 6


class Terms(msgspec.Struct, frozen=True):
    """What a coupon takes off, and for how long: a fraction, or an amount in minor units of a currency."""

    percent_off: Decimal | None
    amount_off_minor: int | None
    currency: str | None
    duration: Duration
    duration_periods: int | None


class Standing(msgspec.Struct, frozen=True):
    """How a coupon stands at the moment somebody redeems it."""

    code: str
    currency: str | None
    redeem_by: datetime | None
    max_redemptions: int | None
    times_redeemed: int
    archived: bool


def faults(terms: Terms) -> Iterator[FieldError]:
    """What is wrong with the terms of a coupon to be."""
    if (terms.percent_off is None) == (terms.amount_off_minor is None):
        yield FieldError("/percent_off", "send either percent_off (0.2 is a fifth) or amount_off_minor with a currency")
    elif terms.percent_off is not None:
        yield from _percent_faults(terms.percent_off)
        if terms.currency is not None:
            yield FieldError("/currency", "a fraction has no currency; leave it out")
    elif terms.currency is None:
        yield FieldError("/currency", "an amount needs one; send a code such as EUR")
    else:
        try:
            money.exponent(terms.currency)
        except DomainError as error:
            yield FieldError("/currency", error.message)
    if terms.duration == "repeating" and terms.duration_periods is None:
        yield FieldError("/duration_periods", "say for how many periods it repeats")
    if terms.duration != "repeating" and terms.duration_periods is not None:
        yield FieldError("/duration_periods", f"a coupon with duration {terms.duration} has none; leave it out")


def refusal(coupon: Standing, currency: str, at: datetime, pointer: str) -> DomainError | None:
    """Why the coupon can't be redeemed at that instant for a subscription in that currency; None if it can."""
    if coupon.archived:
        return _refused("coupon_archived", coupon.code, "isn't given any more", pointer)
    if coupon.redeem_by is not None and at > coupon.redeem_by:
        detail = f"could be redeemed until {coupon.redeem_by.isoformat()}"
        return _refused("coupon_expired", coupon.code, detail, pointer)
    if coupon.max_redemptions is not None and coupon.times_redeemed >= coupon.max_redemptions:
        detail = f"was redeemed {coupon.times_redeemed} times, as often as it may be"
        return _refused("coupon_used_up", coupon.code, detail, pointer)
    if coupon.currency is not None and coupon.currency != currency:
        detail = f"the coupon '{coupon.code}' is for {coupon.currency}, not {currency}; send one for {currency}"
        return Invalid(detail, code="coupon_currency", fields=[FieldError(pointer, detail)])
    return None


def _percent_faults(percent: Decimal) -> Iterator[FieldError]:
    if not percent.is_finite() or not 0 < percent <= 1:
        yield FieldError("/percent_off", "must be a fraction above 0, at most 1 (everything); 0.2 is a fifth")
    elif percent != round(percent, _MAX_PERCENT_DIGITS):
        yield FieldError("/percent_off", f"may have {_MAX_PERCENT_DIGITS} digits after the point; round it")


def _refused(code: str, coupon: str, detail: str, pointer: str) -> Conflict:
    text = f"the coupon '{coupon}' {detail}; leave it out or send another"
    return Conflict(text, code=code, fields=[FieldError(pointer, text)])
