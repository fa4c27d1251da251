"""What gateways say comes in any order and several times: the end is the same."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from corebilling.kernel.ids import new_id
from corebilling.payment.domain.outcome import Kind, Known, Outcome, join, join_dispute, join_refund
from corebilling.payment.domain.states import (
    DISPUTE_MOVES,
    MOVES,
    REFUND_MOVES,
    DisputeStatus,
    RefundStatus,
)

START = datetime(2026, 3, 1, tzinfo=UTC)
TENANT, PAYMENT = new_id(), new_id()


def told(kind: Kind, minute: int, code: str = "", url: str | None = None) -> Outcome:
    return Outcome(TENANT, PAYMENT, kind, START + timedelta(minutes=minute), code=code, next_action_url=url)


words = st.builds(
    told,
    st.sampled_from(["processing", "requires_action", "canceled", "failed"]),
    st.integers(0, 5),
    st.sampled_from(["", "card_declined", "expired"]),
    st.sampled_from([None, "https://bank.example/confirm"]),
)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Outcome], list[Outcome]]:
    """All that a gateway says of one payment, which succeeds once or not at all, and the same otherwise ordered and repeated."""
    said = draw(st.lists(words, max_size=5))
    if draw(st.booleans()):
        said.append(told("succeeded", 3))
    again = said + (draw(st.lists(st.sampled_from(said), max_size=5)) if said else [])
    return said, list(draw(st.permutations(again)))


def after(said: list[Outcome]) -> Known:
    known = Known("pending")
    for outcome in said:
        known = join(known, outcome)
    return known


@given(histories())
def test_any_order_and_repetition_leads_to_the_same_state(history: tuple[list[Outcome], list[Outcome]]) -> None:
    said, otherwise = history
    assert after(said) == after(otherwise)


@given(st.lists(words | st.just(told("succeeded", 3)), max_size=8))
def test_every_step_is_a_move_of_the_table(said: list[Outcome]) -> None:
    known = Known("pending")
    for outcome in said:
        joined = join(known, outcome)
        assert joined.status == known.status or joined.status in MOVES[known.status]
        known = joined


def test_money_that_arrives_after_all_counts_and_stays() -> None:
    late = [told("failed", 1, "timeout"), told("succeeded", 9)]
    assert after(late).status == "succeeded"
    assert after([*late, told("failed", 10, "late")]).status == "succeeded"
    assert join(Known("disputed", START), told("succeeded", 20)) == Known("disputed", START)


refunds: st.SearchStrategy[list[RefundStatus]] = st.lists(st.sampled_from(["processing", "succeeded", "failed"]))


@given(refunds.flatmap(lambda said: st.tuples(st.just(said), st.permutations(said * 2))))
def test_refunds_end_the_same_in_any_order(both: tuple[list[RefundStatus], list[RefundStatus]]) -> None:
    ends: list[RefundStatus] = []
    for said in both:
        known: RefundStatus = "pending"
        for word in said:
            joined = join_refund(known, word)
            assert joined == known or joined in REFUND_MOVES[known]
            known = joined
        ends.append(known)
    assert ends[0] == ends[1]


disputes: st.SearchStrategy[list[DisputeStatus]] = st.lists(st.sampled_from(["opened", "lost", "won"]), min_size=1)


@given(disputes.flatmap(lambda said: st.tuples(st.just(said), st.permutations(said * 2))))
def test_disputes_end_the_same_in_any_order(both: tuple[list[DisputeStatus], list[DisputeStatus]]) -> None:
    ends: list[DisputeStatus] = []
    for said in both:
        known = said[0]
        for word in said[1:]:
            joined = join_dispute(known, word)
            assert joined == known or joined in DISPUTE_MOVES[known]
            known = joined
        ends.append(known)
    assert ends[0] == ends[1]
