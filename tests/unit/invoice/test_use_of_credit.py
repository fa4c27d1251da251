"""Which credit is used first, and what is posted of it."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corebilling.invoice.domain.wallet import Movement, MovementKind, grant_journal, movement_journal, ran_low, use
from corebilling.kernel.settlement import GrantDraft

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TENANT, CUSTOMER, GRANT = UUID(int=1), UUID(int=2), UUID(int=3)


class Held(msgspec.Struct, frozen=True):
    """A grant as far as its use goes."""

    grant_id: UUID
    left_minor: int
    priority: int = 100
    expires_at: datetime | None = None
    granted_at: datetime = NOW


def held(n: int, left: int = 100, *, priority: int = 100, days: int | None = None, age: int = 0) -> Held:
    expires = None if days is None else NOW + timedelta(days=days)
    return Held(UUID(int=n), left, priority, expires, NOW - timedelta(days=age))


def order(*grants: Held) -> list[int]:
    return [grant_id.int for grant_id, _ in use(grants, 10_000, NOW)]


def test_credit_is_used_by_priority_then_expiry_then_age() -> None:
    assert order(held(1), held(2, priority=50), held(3, priority=50, days=9)) == [3, 2, 1]
    assert order(held(1), held(2, days=30), held(3, days=3)) == [3, 2, 1]
    assert order(held(1, age=1), held(2, age=3), held(3, age=2)) == [2, 3, 1]


def test_expired_credit_is_not_used() -> None:
    assert order(held(1, days=0), held(2, days=-1), held(3, days=1)) == [3]


def test_a_preferred_grant_comes_first() -> None:
    assert use([held(1, priority=1), held(2)], 150, NOW, UUID(int=2)) == [(UUID(int=2), 100), (UUID(int=1), 50)]


@given(st.lists(st.integers(0, 500), max_size=8), st.integers(0, 2000))
def test_no_more_is_used_than_asked_for_and_than_there_is(lefts: list[int], amount: int) -> None:
    parts = use([held(n, left) for n, left in enumerate(lefts, 1)], amount, NOW)
    assert sum(part for _, part in parts) == min(amount, sum(lefts))
    assert all(0 < part <= lefts[grant_id.int - 1] for grant_id, part in parts)


def moved(kind: MovementKind, source: str = "purchase") -> dict[str, int]:
    movement = Movement(TENANT, UUID(int=9), GRANT, CUSTOMER, "EUR", kind, 700, NOW, source)
    return {entry.account: entry.amount_minor for entry in movement_journal(movement).entries}


def test_each_movement_has_its_journal() -> None:
    assert moved("application") == {"2300": 700, "1200": -700}
    assert moved("reversal") == {"1200": 700, "2300": -700}
    assert moved("expiry") == {"2300": 700, "4950": -700}
    assert moved("expiry", "credit_note") == {"2300": 700, "4950": -700}
    assert moved("expiry", "promotion") == {"2300": 700, "4900": -700}


@pytest.mark.parametrize(("source", "account"), [("purchase", "1000"), ("promotion", "4900")])
def test_credit_that_is_given_or_bought_is_owed_to_the_customer(source: str, account: str) -> None:
    draft = msgspec.convert(
        {"tenant_id": TENANT, "customer_id": CUSTOMER, "currency": "EUR", "amount_minor": 900, "source": source,
         "granted_at": NOW}, GrantDraft,
    )  # fmt: skip
    entries = {entry.account: (entry.amount_minor, entry.customer_id) for entry in grant_journal(GRANT, draft).entries}
    assert entries == {account: (900, None), "2300": (-900, CUSTOMER)}


def test_a_wallet_runs_low_once() -> None:
    assert ran_low(1000, 400, 500)
    assert not ran_low(400, 300, 500)
    assert ran_low(300, 0, 500)
    assert not ran_low(0, 0, 500)
    assert ran_low(1000, 0, 0)
    assert not ran_low(1000, 500, 500)
