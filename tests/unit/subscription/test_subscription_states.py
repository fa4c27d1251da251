import re
from pathlib import Path

import pytest

import corebilling.subscription
from corebilling.kernel.errors import Conflict
from corebilling.subscription.domain import states

CONTEXT = Path(corebilling.subscription.__file__).parent
SCHEMA = Path(__file__).resolve().parents[3] / "sql/schema/subscription/0002_timeline.expand.sql"
WORDS = {word for move in states.MOVES for word in move} | states.INITIAL


def test_readme_table_and_check_agree_about_the_states() -> None:
    text = (CONTEXT / "README.md").read_text()
    assert set(re.findall(r"^  (\w+) --> (\w+)", text, re.MULTILINE)) == states.MOVES
    assert set(re.findall(r"^  \[\*\] --> (\w+)", text, re.MULTILINE)) == states.INITIAL
    check = re.search(r"CHECK \(status IN \(([^)]*)\)\)", SCHEMA.read_text())
    assert check
    assert set(re.findall(r"'(\w+)'", check[1])) == WORDS


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
