from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from corebilling.pricing.domain.coupon import Standing, Terms, faults, refusal

NOW = datetime(2026, 3, 1, tzinfo=UTC)
FREE = Standing(code="SPRING", currency=None, redeem_by=None, max_redemptions=None, times_redeemed=0, archived=False)


def terms(**wanted: Any) -> Terms:
    nothing = {"percent_off": None, "amount_off_minor": None, "currency": None, "duration_periods": None}
    return Terms(**(nothing | {"duration": "once"} | wanted))


@pytest.mark.parametrize(
    "wanted",
    [
        {"percent_off": Decimal("0.2")},
        {"percent_off": Decimal(1), "duration": "forever"},
        {"amount_off_minor": 500, "currency": "EUR", "duration": "repeating", "duration_periods": 3},
    ],
)
def test_a_coupon_takes_off_a_fraction_or_an_amount(wanted: dict[str, Any]) -> None:
    assert not list(faults(terms(**wanted)))


@pytest.mark.parametrize(
    ("wanted", "pointers"),
    [
        ({}, ["/percent_off"]),
        ({"percent_off": Decimal("0.2"), "amount_off_minor": 1, "currency": "EUR"}, ["/percent_off"]),
        ({"percent_off": Decimal(20)}, ["/percent_off"]),
        ({"percent_off": Decimal("NaN")}, ["/percent_off"]),
        ({"percent_off": Decimal("0.1234567")}, ["/percent_off"]),
        ({"percent_off": Decimal("0.2"), "currency": "EUR"}, ["/currency"]),
        ({"amount_off_minor": 1}, ["/currency"]),
        ({"amount_off_minor": 1, "currency": "XQQ"}, ["/currency"]),
        ({"percent_off": Decimal("0.2"), "duration": "repeating"}, ["/duration_periods"]),
        ({"percent_off": Decimal("0.2"), "duration_periods": 2}, ["/duration_periods"]),
    ],
)
def test_terms_that_make_no_sense_are_pointed_at(wanted: dict[str, Any], pointers: list[str]) -> None:
    assert [fault.pointer for fault in faults(terms(**wanted))] == pointers


@pytest.mark.parametrize(
    ("standing", "code"),
    [
        ({"archived": True}, "coupon_archived"),
        ({"redeem_by": NOW - timedelta(microseconds=1)}, "coupon_expired"),
        ({"max_redemptions": 2, "times_redeemed": 2}, "coupon_used_up"),
        ({"currency": "USD"}, "coupon_currency"),
        ({"redeem_by": NOW, "max_redemptions": 2, "times_redeemed": 1, "currency": "EUR"}, None),
    ],
)
def test_a_coupon_is_refused_for_a_reason(standing: dict[str, Any], code: str | None) -> None:
    refused = refusal(msgspec.structs.replace(FREE, **standing), "EUR", NOW, "/coupons/0")
    assert (refused and refused.code) == code
    assert refused is None or refused.fields[0].pointer == "/coupons/0"
