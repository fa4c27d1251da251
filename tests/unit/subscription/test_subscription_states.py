import pytest

from corebilling.kernel.errors import Conflict
from corebilling.subscription.domain import states


def test_what_is_over_stays_over() -> None:
    assert {before for before, _ in states.MOVES}.isdisjoint(states.OVER)
    for status in states.OVER:
        with pytest.raises(Conflict, match=f"{status} already"):
            states.require_alive(status)


def test_a_move_that_the_table_lacks_is_refused() -> None:
    states.require_move("active", "paused")
    with pytest.raises(Conflict, match="trialing can't become past_due"):
        states.require_move("trialing", "past_due")


def test_an_incomplete_subscription_can_be_canceled_but_not_changed() -> None:
    states.require_alive("incomplete")
    with pytest.raises(Conflict, match="first payment"):
        states.require_settled("incomplete")
