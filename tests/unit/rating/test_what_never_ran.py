"""Fees that were billed at once and then never ran: whatever took their time in the same instant, they are given back."""

import msgspec
from billed_life import Life, Shop, at, contract, phase

from corebilling.kernel.contract import Calendar

APRIL, MAY = at(4), at(5)


def shop() -> Shop:
    sold = Shop()
    sold.fee("seat", "30.00")
    sold.fee("year", "365.00")
    sold.fee("setup", "99.00", kind="one_off")
    return sold


def test_an_item_that_is_paused_in_the_instant_it_was_added_pays_from_when_it_resumes() -> None:
    sold = shop()
    seat, setup = sold.item("seat"), sold.item("setup")
    life = Life(sold, contract(phase(APRIL), phase(at(4, 11), seat, setup), anchor_at=APRIL))
    assert life.within(at(4, 11)) == [("proration", 2000), ("one_off", 9900)]
    life.contract = contract(phase(APRIL), phase(at(4, 11)), phase(at(4, 21), seat, setup), anchor_at=APRIL)
    assert life.close(0) == [
        ("proration", 1000),
        ("recurring", 3000),
        ("one_off", 9900),
        ("proration", -2000),
        ("proration", -9900),
    ]
    assert life.lines[3].description == "Unused time of seat, 2026-04-11 to 2026-04-30"


def test_an_item_of_a_calendar_that_never_ran_is_given_back_though_it_comes_back_later() -> None:
    """To a year and back in one second, billed in between; months later the yearly plan is bought after all."""
    sold = shop()
    month, year, setup = sold.item("seat"), sold.item("year"), sold.item("setup")
    monthly = Calendar(APRIL, "UTC", "month", 1, APRIL)
    there = Calendar(at(4, 11), "UTC", "year", 1, at(4, 11), first_index=1)
    life = Life(sold, contract(phase(APRIL, month)))
    life.within(APRIL)
    life.contract = contract(phase(APRIL, month), phase(at(4, 11), year, setup), calendars=(monthly, there))
    assert life.within(at(4, 11)) == [("proration", -2000), ("recurring", 36500), ("one_off", 9900)]
    later = msgspec.structs.replace(there, anchor_at=at(4, 21), starts_at=at(4, 21))
    life.contract = contract(phase(APRIL, month), phase(at(4, 21), year, setup), calendars=(monthly, later))
    life.close(0)
    fees = sum(line.amount_minor for rated in life.ratings for line in rated.charges if line.kind != "carried")
    assert fees == 2000 + 36500 + 9900
