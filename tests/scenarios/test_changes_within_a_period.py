"""Upgrades, downgrades and seats in the middle of April, which has thirty days.

Basic costs 30.00 a month and Pro 60.00, both ahead. Ten days are a third of the month: 10.00 of Basic, 20.00 of Pro.
"""

import asyncio
from datetime import UTC, datetime
from typing import Any

from factories import NewSeller, Seller, recurring

APRIL, MAY = datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 5, 1, 1, tzinfo=UTC)
APRIL_11, APRIL_21 = datetime(2026, 4, 11, tzinfo=UTC), datetime(2026, 4, 21, tzinfo=UTC)

ACME = "/v1/subscriptions/acme"


async def subscribed(new_tenant: NewSeller, name: str) -> Seller:
    seller = await new_tenant(name, APRIL)
    await seller.plan("basic", recurring("Basic", "30.00") | {"timing": "advance"})
    await seller.plan("pro", recurring("Pro", "60.00") | {"timing": "advance"})
    await seller.customer("acme")
    await seller.subscribe("acme", "basic", external_id="acme")
    await seller.advance(APRIL_11)
    assert (await seller.only_invoice())["total_minor"] == 3000
    return seller


def amounts(document: dict[str, Any]) -> list[int]:
    return [line["amount_minor"] for line in document["lines"]]


def shown(document: dict[str, Any]) -> list[tuple[Any, ...]]:
    names = ("kind", "description", "quantity", "amount_minor", "period_start", "period_end")
    return [tuple(line[name] for name in names) for line in document["lines"]]


async def test_an_upgrade_and_a_downgrade_before_the_next_invoice_cost_what_was_had(new_tenant: NewSeller) -> None:
    seller = await subscribed(new_tenant, "Up and down")
    upgrade = {"plan": "pro", "at": "now", "bill": "next_invoice"}
    previewed = await seller.api.post(f"{ACME}/preview-change", upgrade)
    assert (amounts(previewed), previewed["total_minor"]) == ([-2000, 4000], 2000)
    assert (await seller.api.get(ACME))["plan_code"] == "basic", "a preview changes nothing"
    await seller.api.post(f"{ACME}/change", upgrade)
    assert (await seller.api.get(ACME))["plan_code"] == "pro"

    await seller.advance(APRIL_21)
    downgrade = {"plan": "basic", "at": "now", "bill": "next_invoice"}
    previewed = await seller.api.post(f"{ACME}/preview-change", downgrade)
    assert (amounts(previewed), previewed["total_minor"]) == ([-2000, 1000], -1000)
    await seller.api.post(f"{ACME}/change", downgrade)

    await seller.advance(MAY)
    _, april = await seller.invoices()
    by_kind = [(line["kind"], line["amount_minor"]) for line in april["lines"]]
    assert sorted(by_kind) == [("proration", -2000), ("proration", 1000), ("proration", 2000), ("recurring", 3000)]
    assert april["total_minor"] == 4000, "10.00 + 20.00 + 10.00 of April, of which 30.00 were paid, and May ahead"


async def test_a_change_that_is_billed_at_once_makes_exactly_the_lines_that_were_previewed(
    new_tenant: NewSeller,
) -> None:
    seller = await subscribed(new_tenant, "At once")
    upgrade = {"plan": "pro", "at": "now", "bill": "now"}
    previewed = await seller.api.post(f"{ACME}/preview-change", upgrade)
    await seller.api.post(f"{ACME}/change", upgrade)
    await seller.advance(APRIL_21)
    _, change = await seller.invoices()
    assert shown(change) == shown(previewed)
    assert (amounts(change), change["total_minor"]) == ([-2000, 4000], 2000)

    downgrade = {"plan": "basic", "at": "now", "bill": "now"}
    previewed = await seller.api.post(f"{ACME}/preview-change", downgrade)
    assert amounts(previewed) == [-2000, 1000]
    await seller.api.post(f"{ACME}/change", downgrade)
    await seller.advance(MAY)
    _, _, credit, april = await seller.invoices()
    assert shown(credit)[:2] == shown(previewed)
    assert (amounts(credit), credit["total_minor"]) == ([-2000, 1000, 1000], 0), "10.00 are carried to the next invoice"
    assert sorted(amounts(april)) == [-1000, 3000]
    receivable = 3000 + 2000 + 2000
    assert await seller.balances() == {
        "Accounts receivable": receivable,
        "Revenue": -(receivable - 3000),
        "Deferred revenue": -3000,
    }, "May's fee isn't earned yet"


async def test_a_change_at_renewal_leaves_the_running_period_alone(new_tenant: NewSeller) -> None:
    seller = await subscribed(new_tenant, "Renewal")
    await seller.api.post(f"{ACME}/change", {"plan": "pro", "at": "renewal"})
    assert (await seller.api.get(ACME))["plan_code"] == "basic"
    (scheduled,) = (await seller.api.get(f"{ACME}/scheduled-changes"))["data"]
    assert scheduled["effective_at"] == "2026-05-01T00:00:00Z"
    await seller.advance(MAY)
    assert (await seller.api.get(ACME))["plan_code"] == "pro"
    _, april = await seller.invoices()
    assert [(line["kind"], line["amount_minor"]) for line in april["lines"]] == [("recurring", 6000)]


async def test_a_scheduled_change_can_be_called_off(new_tenant: NewSeller) -> None:
    seller = await subscribed(new_tenant, "Called off")
    await seller.api.post(f"{ACME}/change", {"plan": "pro", "at": "2026-04-21T00:00:00Z"})
    (scheduled,) = (await seller.api.get(f"{ACME}/scheduled-changes"))["data"]
    await seller.api.delete(f"{ACME}/scheduled-changes/{scheduled['id']}")
    await seller.advance(MAY)
    assert (await seller.api.get(ACME))["plan_code"] == "basic"
    _, april = await seller.invoices()
    assert amounts(april) == [3000]


async def test_seats_come_and_go_by_the_day_they_were_had(new_tenant: NewSeller) -> None:
    seller = await new_tenant("Seats", APRIL)
    seat = {"kind": "recurring", "code": "seat", "name": "Seats", "timing": "advance", "unit": "seat"}
    await seller.plan("team", seat | {"price": {"model": "per_unit", "unit_amount": "12.00"}})
    await seller.customer("acme")
    await seller.subscribe("acme", "team", external_id="acme", items=[{"price": "seat", "quantity": "5"}])
    await seller.advance(APRIL_11)
    assert (await seller.only_invoice())["total_minor"] == 6000, "five seats"
    await seller.api.post(f"{ACME}/change", {"items": [{"price": "seat", "quantity": "8"}], "at": "now"})
    await seller.advance(APRIL_21)
    await seller.api.post(f"{ACME}/change", {"items": [{"price": "seat", "quantity": "2"}], "at": "now"})
    await seller.advance(MAY)
    _, april = await seller.invoices()
    # Ten days each of 5, 8 and 2 seats: 20.00 + 32.00 + 8.00, of which 60.00 were paid; then two seats in May.
    assert april["total_minor"] == 2000 + 3200 + 800 - 6000 + 2400


async def test_changes_ordered_in_the_same_second_cost_what_the_last_one_left(new_tenant: NewSeller) -> None:
    seller = await new_tenant("All at once", APRIL)
    seat = {"kind": "recurring", "code": "seat", "name": "Seats", "timing": "advance"}
    await seller.plan("team", seat | {"price": {"model": "per_unit", "unit_amount": "30.00"}})
    await seller.customer("acme")
    await seller.subscribe("acme", "team", external_id="acme")
    await seller.advance(APRIL_11)
    orders = [
        {"items": [{"price": "seat", "quantity": str(seats)}], "bill": "now" if seats % 2 else "next_invoice"}
        for seats in range(2, 12)
    ]
    await asyncio.gather(*(seller.api.post(f"{ACME}/change", order) for order in orders))
    seats = int((await seller.api.get(ACME))["items"][0]["quantity"])
    await seller.advance(MAY)
    lines = [line for invoice in await seller.invoices() for line in invoice["lines"]]
    charged = sum(line["amount_minor"] for line in lines if line["kind"] != "carried")
    assert charged == 1000 + 2000 * seats + 3000 * seats, "ten days of one seat, the rest of April and May of the last"


async def test_in_arrears_every_part_of_the_month_is_a_line_of_its_own(new_tenant: NewSeller) -> None:
    seller = await new_tenant("Arrears", APRIL)
    await seller.plan("basic", recurring("Basic", "30.00"))
    await seller.plan("pro", recurring("Pro", "60.00"))
    await seller.customer("acme")
    await seller.subscribe("acme", "basic", external_id="acme")
    await seller.advance(APRIL_11)
    await seller.api.post(f"{ACME}/change", {"plan": "pro", "at": "now"})
    await seller.advance(MAY)
    invoice = await seller.only_invoice()
    lines = [(line["kind"], line["amount_minor"], line["period_start"]) for line in invoice["lines"]]
    assert lines == [
        ("recurring", 1000, "2026-04-01T00:00:00Z"),
        ("recurring", 4000, "2026-04-11T00:00:00Z"),
    ]


async def test_canceling_now_gives_back_what_is_left_of_a_fee_paid_ahead(new_tenant: NewSeller) -> None:
    seller = await subscribed(new_tenant, "Gone")
    await seller.api.post(f"{ACME}/cancel", {"at": "now"})
    await seller.advance(MAY)
    assert (await seller.api.get(ACME))["status"] == "canceled"
    _, last = await seller.invoices()
    assert (last["period_start"], last["period_end"]) == ("2026-04-01T00:00:00Z", "2026-04-11T00:00:00Z")
    assert amounts(last)[0] == -2000
    assert last["total_minor"] == 0


async def test_canceling_now_without_proration_keeps_the_fee(new_tenant: NewSeller) -> None:
    seller = await subscribed(new_tenant, "Kept")
    await seller.api.post(f"{ACME}/cancel", {"at": "now", "prorate": False})
    await seller.advance(MAY)
    assert (await seller.api.get(ACME))["status"] == "canceled"
    assert sum(invoice["total_minor"] for invoice in await seller.invoices()) == 3000


async def test_a_pause_costs_nothing_while_it_lasts(new_tenant: NewSeller) -> None:
    seller = await subscribed(new_tenant, "Paused")
    await seller.api.post(f"{ACME}/pause", {"at": "now", "billing": "stop", "resume_at": "2026-04-21T00:00:00Z"})
    assert (await seller.api.get(ACME))["status"] == "paused"
    await seller.advance(MAY)
    assert (await seller.api.get(ACME))["status"] == "active"
    _, april = await seller.invoices()
    assert april["total_minor"] == 3000 - 1000, "ten days of April are given back"
