from datetime import UTC, datetime
from uuid import UUID

import pytest

from corebilling.kernel.errors import Conflict, Invalid
from corebilling.pricing.domain.validity import Validity, check, check_end, to_close

JANUARY, FEBRUARY, MARCH = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3))


def card(valid_from: datetime | None, valid_until: datetime | None) -> Validity:
    return Validity(UUID(int=1), "parcels", valid_from, valid_until)


def test_a_card_without_an_end_ends_where_the_next_one_begins() -> None:
    for before in (card(None, None), card(JANUARY, None)):
        assert to_close([before], FEBRUARY) == before
    assert to_close([], FEBRUARY) is None


@pytest.mark.parametrize(
    ("others", "valid_from"),
    [
        ([card(JANUARY, MARCH)], FEBRUARY),
        ([card(FEBRUARY, None)], FEBRUARY),
        ([card(MARCH, None)], FEBRUARY),
        ([card(JANUARY, None)], None),
        ([card(JANUARY, FEBRUARY), card(FEBRUARY, None)], JANUARY),
    ],
)
def test_two_cards_of_a_customer_never_hold_at_once(others: list[Validity], valid_from: datetime | None) -> None:
    with pytest.raises(Conflict, match="holds") as caught:
        to_close(others, valid_from)
    assert caught.value.code == "rate_card_overlap"


@pytest.mark.parametrize(
    ("customer", "default", "valid_from", "valid_until", "pointer"),
    [
        ("acme", True, None, None, "/default"),
        (None, False, JANUARY, None, "/valid_from"),
        (None, True, None, JANUARY, "/valid_until"),
        ("acme", False, FEBRUARY, FEBRUARY, "/valid_until"),
    ],
)
def test_dates_are_of_a_customers_card_and_in_order(
    customer: str | None, default: bool, valid_from: datetime | None, valid_until: datetime | None, pointer: str
) -> None:
    with pytest.raises(Invalid) as caught:
        check(customer, default, valid_from, valid_until)
    assert caught.value.fields[0].pointer == pointer


def test_a_card_ends_after_its_start_and_never_later_than_agreed() -> None:
    check_end(card(JANUARY, MARCH), FEBRUARY)
    check_end(card(None, None), FEBRUARY)
    for refused in (card(FEBRUARY, None), card(None, JANUARY)):
        with pytest.raises(Invalid):
            check_end(refused, FEBRUARY)
