"""Whose turn it is, how much each gets, and who leaves the ring."""

from uuid import UUID, uuid4

import pytest

from corebilling.platform.bus.leases import Lease
from corebilling.platform.bus.turns import NOTHING_READ, Portion, Turns
from corebilling.platform.queries.outbox import ClaimInTurnRow

FAR = UUID(int=2**128 - 1)
A, B, C = uuid4(), uuid4(), uuid4()


@pytest.fixture
def leases() -> dict[int, Lease]:
    return {shard: Lease(token=1, low_water=NOTHING_READ, valid_until=0.0) for shard in (0, 1)}


def rows(portions: list[Portion], *counts: int) -> list[ClaimInTurnRow]:
    """What the claim of these portions brings, so many of each."""
    found = []
    for portion, many in zip(portions, counts, strict=True):
        for n in range(many):
            found.append(
                ClaimInTurnRow(
                    event_id=UUID(int=portion.low_water.int + 10 + n),
                    tenant_id=portion.tenant_id,
                    shard=portion.shard,
                    subject="tenant.updated",
                    version=1,
                    resource_id=portion.tenant_id,
                    resource_seq=1,
                    correlation_id=portion.tenant_id,
                    causation_id=None,
                    traceparent=None,
                    occurred_at=None,  # type: ignore[arg-type]
                    payload="{}",
                    retry_count=0,
                    republished=0,
                    replay_for=None,
                )
            )
    return found


def test_portions_follow_the_weights_and_are_spread_over_the_shards(leases: dict[int, Lease]) -> None:
    turns = Turns()
    turns.weights = {A: 3}
    turns.meet([(0, A), (1, A), (0, B)], leases, afresh=True)
    assert [(p.tenant_id, p.shard, p.events) for p in turns.portions(leases, 1000)] == [
        (A, 0, 375), (A, 1, 375), (B, 0, 250),
    ]  # fmt: skip


def test_those_with_less_than_their_portion_leave_and_the_others_go_to_the_end(leases: dict[int, Lease]) -> None:
    turns = Turns()
    turns.meet([(0, A), (0, B), (0, C)], leases, afresh=True)
    portions = turns.portions(leases, 6)
    each = portions[0].events
    turns.served(portions, rows(portions, each, 1, each), FAR, complete=True)
    left = turns.portions(leases, 6)
    assert [p.tenant_id for p in left] == [A, C]
    assert all(p.low_water == UUID(int=9) for p in left), "from before the first that was read"


def test_who_was_cut_short_by_the_end_of_the_batch_is_first_the_next_time(leases: dict[int, Lease]) -> None:
    turns = Turns()
    turns.meet([(0, A), (0, B), (0, C)], leases, afresh=True)
    portions = turns.portions(leases, 1000)
    each = portions[0].events
    turns.served(portions, rows(portions[:2], each, 1), FAR, complete=False)
    assert [p.tenant_id for p in turns.portions(leases, 1000)] == [B, C, A]


def test_a_newcomer_goes_first(leases: dict[int, Lease]) -> None:
    turns = Turns()
    turns.meet([(0, A), (0, B)], leases, afresh=True)
    turns.meet([(0, A), (0, B), (1, C)], leases, afresh=False)
    assert [p.tenant_id for p in turns.portions(leases, 6)] == [C, A, B]


def test_a_lease_that_changed_hands_takes_its_places_along(leases: dict[int, Lease]) -> None:
    turns = Turns()
    turns.meet([(0, A), (1, B)], leases, afresh=True)
    leases[0] = Lease(token=3, low_water=NOTHING_READ, valid_until=0.0)
    assert [p.tenant_id for p in turns.portions(leases, 6)] == [B]
    assert [p.tenant_id for p in turns.portions({}, 6)] == []
    assert not turns


def test_those_forgotten_during_a_claim_are_not_brought_back_by_it(leases: dict[int, Lease]) -> None:
    turns = Turns()
    turns.meet([(0, A)], leases, afresh=True)
    portions = turns.portions(leases, 6)
    turns.clear()
    turns.served(portions, rows(portions, 2), FAR, complete=True)
    assert not turns
