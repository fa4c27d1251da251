"""The horizon never passes an id that an open transaction may still bring."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from corebilling.kernel.ids import made_at
from corebilling.platform.bus.horizon import Horizon

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_it_follows_when_all_writers_of_an_instant_have_ended() -> None:
    horizon = Horizon()
    horizon.note(oldest_running=100, next_number=105, now=NOON)
    assert horizon.id == UUID(int=0), "100 to 104 still run"
    horizon.note(oldest_running=104, next_number=110, now=at(1))
    assert horizon.id == UUID(int=0)
    horizon.note(oldest_running=105, next_number=120, now=at(2))
    assert made_at(horizon.id) == at(-2)


def test_a_transaction_that_stays_open_holds_it_back_for_as_long() -> None:
    horizon = Horizon()
    horizon.note(100, 100, NOON)
    for second in range(1, 600):
        horizon.note(100, 100 + 10 * second, at(second))
    assert made_at(horizon.id) == at(-2)
    horizon.note(7000, 7000, at(601))
    assert made_at(horizon.id) == at(599)


def test_it_is_due_ten_times_a_second() -> None:
    horizon = Horizon()
    assert horizon.is_due(NOON)
    horizon.note(1, 1, NOON)
    assert not horizon.is_due(at(0.05))
    assert horizon.is_due(at(0.1))
