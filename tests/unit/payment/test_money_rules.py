"""Which invoices money is for, when it is tried for again, and how it is posted."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corebilling.kernel.ids import new_id
from corebilling.kernel.settlement import OpenInvoice
from corebilling.payment.domain import posting
from corebilling.payment.domain.dunning import turn
from corebilling.payment.domain.matching import matched, named

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def invoice(number: str, left_minor: int = 1000) -> OpenInvoice:
    return OpenInvoice(new_id(), new_id(), number, new_id(), "EUR", left_minor, left_minor, START, START)


@pytest.mark.parametrize(
    "reference",
    [
        "INV-2026-000042",
        "inv 2026 000042 ACME SAS",
        "RF INV/2026/000042",
        "Rechnung Nr. INV2026000042, danke",
        "inv_2026.000042",
    ],
)
def test_a_reference_names_an_invoice_however_banks_write_it(reference: str) -> None:
    [wanted, other] = [invoice("INV-2026-000042"), invoice("INV-2026-000043")]
    assert named(reference, [other, wanted]) == [wanted]


@pytest.mark.parametrize("reference", ["INV-2026-0000421", "XINV-2026-000042", "2026 000042", "thanks", ""])
def test_a_number_inside_a_longer_one_names_nothing(reference: str) -> None:
    assert named(reference, [invoice("INV-2026-000042")]) == []


def test_money_goes_to_the_named_invoices_in_their_order_then_to_the_oldest() -> None:
    [old, second, third] = [invoice("INV-1"), invoice("INV-2", 300), invoice("INV-3", 500)]
    shares, rest = matched(1500, "for INV-3 and INV-2", [old, second, third])
    assert [(share.invoice_id, share.amount_minor) for share in shares] == [
        (third.invoice_id, 500),
        (second.invoice_id, 300),
        (old.invoice_id, 700),
    ]
    assert rest == 0
    assert matched(2000, "no name", [old, second, third])[1] == 200


@given(st.integers(1, 5000), st.lists(st.integers(1, 2000), max_size=6))
def test_nothing_of_the_money_is_lost_or_made(amount: int, left: list[int]) -> None:
    invoices = [invoice(f"INV-{number}", part) for number, part in enumerate(left)]
    shares, rest = matched(amount, "INV-3", invoices)
    by_id = {one.invoice_id: one.left_minor for one in invoices}
    assert sum(share.amount_minor for share in shares) + rest == amount
    assert all(0 < share.amount_minor <= by_id[share.invoice_id] for share in shares)
    assert rest == 0 or rest == amount - sum(left)


def test_dunning_counts_its_days_from_the_first_failure() -> None:
    first = turn(None, 0, (3, 5, 7), START)
    second = turn(first.started_at, first.step, (3, 5, 7), START + 3 * DAY)
    third = turn(second.started_at, second.step, (3, 5, 7), START + 5 * DAY)
    last = turn(third.started_at, third.step, (3, 5, 7), START + 7 * DAY)
    assert [one.next_attempt_at for one in (first, second, third, last)] == [
        START + 3 * DAY,
        START + 5 * DAY,
        START + 7 * DAY,
        None,
    ]
    assert {one.started_at for one in (first, second, third, last)} == {START}


def test_days_that_passed_meanwhile_are_left_out() -> None:
    assert turn(START, 1, (3, 5, 7), START + 6 * DAY).next_attempt_at == START + 7 * DAY
    assert turn(START, 1, (3, 5, 7), START + 8 * DAY).next_attempt_at is None
    assert turn(None, 0, (), START).next_attempt_at is None


@given(st.lists(st.integers(1, 60), unique=True, max_size=10).map(sorted), st.data())
def test_a_schedule_comes_to_its_end(days: list[int], data: st.DataObject) -> None:
    at, step = START, turn(None, 0, days, START)
    attempts = 1
    while step.next_attempt_at is not None:
        assert step.next_attempt_at > at
        at = step.next_attempt_at + timedelta(hours=data.draw(st.integers(0, 72)))
        step = turn(step.started_at, step.step, days, at)
        attempts += 1
    assert attempts <= len(days) + 1


amounts = st.integers(0, 10**9)


@given(st.sampled_from(["manual", "http"]), amounts, amounts, amounts, amounts)
def test_every_journal_adds_up_to_nothing(gateway: str, one: int, two: int, three: int, four: int) -> None:
    for entries in (
        posting.received(gateway, one, two, three),
        posting.promised(one, two),
        posting.paid_out(gateway, one),
        posting.not_paid_out(gateway, True, one, two),
        posting.not_paid_out(gateway, False, one, two),
        posting.charged_back(gateway, one, two, three, four),
        posting.won_back(gateway, one, two, three),
    ):
        assert sum(amount for _, amount in entries) == 0
