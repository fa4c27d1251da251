"""Moves of an invoice that its table doesn't allow."""

from uuid import UUID

import pytest

from corebilling.invoice.domain import states
from corebilling.kernel.errors import Conflict


def test_a_move_outside_the_table_is_refused_with_advice() -> None:
    with pytest.raises(Conflict, match="issue a new invoice instead"):
        states.demand(UUID(int=1), "void", "paid")
    states.demand(UUID(int=1), "open", "void")
