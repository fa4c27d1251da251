"""A credit that no invoice is left for: it becomes a credit note, once, and never of more than there is."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from billed_life import contract, phase

from corebilling.kernel.charge import BilledCharge
from corebilling.rating.domain.bill import Bill, fixed_step
from corebilling.rating.domain.carrying import add_carried

APRIL, END = datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 4, 21, tzinfo=UTC)


def bill_of(total_minor: int) -> Bill:
    made = contract(phase(APRIL, ends_at=END), ends_at=END)
    bill = Bill(made, made.period(0), 1)
    if total_minor:
        derivation = bill.derived("flat", (fixed_step("fee", Decimal(total_minor) / 100),))
        bill.add("recurring", "Fee", derivation, APRIL, END)
    return bill


def carried(bill: Bill) -> list[tuple[str, int]]:
    return [(line.kind, line.amount_minor) for line in bill.lines if line.derivation.model == "carried"]


@pytest.mark.parametrize(
    ("total", "before", "lines", "after"),
    [
        (0, 0, [], 0),
        (500, 0, [], 0),
        (500, 200, [("carried", -200)], 0),
        (500, 700, [("carried", -500)], 200),
        (-500, 0, [("carried", 500)], 500),
        (-500, 200, [("carried", 500)], 700),
    ],
)
def test_while_invoices_are_to_come_a_credit_waits_for_them(
    total: int, before: int, lines: list[tuple[str, int]], after: int
) -> None:
    bill = bill_of(total)
    assert add_carried(bill, before) == after
    assert carried(bill) == lines
    assert bill.total_minor == max(0, total - before)


@pytest.mark.parametrize(
    ("total", "before", "lines"),
    [
        (0, 0, []),
        (0, 200, [("credit_note", -200)]),
        (500, 200, [("carried", -200)]),
        (500, 500, [("carried", -500)]),
        (500, 700, [("carried", -500), ("credit_note", -200)]),
        (-500, 0, [("carried", 500), ("credit_note", -500)]),
        (-500, 200, [("carried", 500), ("credit_note", -700)]),
    ],
)
def test_at_the_end_what_is_left_goes_on_a_credit_note(total: int, before: int, lines: list[tuple[str, int]]) -> None:
    bill = bill_of(total)
    assert add_carried(bill, before, last=True) == 0
    assert carried(bill) == lines
    assert bill.total_minor == max(0, total - before)
    assert sum(line.amount_minor for line in bill.lines) == total - before, "nothing is lost, nothing comes of nothing"


def test_the_note_settles_nothing_of_its_period() -> None:
    bill = bill_of(-500)
    add_carried(bill, 0, last=True)
    note: BilledCharge = bill.lines[-1]
    assert (note.period_start, note.period_end, note.term_start) == (APRIL, END, END)
    assert (note.standing, note.price_id, note.item_id) == (False, None, None)
