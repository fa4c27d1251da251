"""Invoices that wait before they are final, and what is told when they fall due."""

from datetime import UTC, datetime, timedelta

from factories import NewSeller, hours, recurring
from receivers import Inbox

JANUARY, FEBRUARY = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)


async def test_a_draft_can_be_looked_at_before_it_is_final(new_tenant: NewSeller) -> None:
    seller = await new_tenant("Careful", JANUARY, invoicing={"draft_hours": 48}, net_days=14)
    await seller.plan("pro", recurring("Fee", "25"))
    await seller.customer("acme", purchase_order="PO-7")
    await seller.subscribe("acme", "pro")
    await seller.advance(FEBRUARY + hours(2))
    draft = await seller.only_invoice()
    assert (draft["status"], draft["number"], draft["total_minor"]) == ("draft", None, 2500)
    assert await seller.balances() == {}
    changed = await seller.api.patch(f"/v1/invoices/{draft['id']}", {"memo": "Happy new year", "net_days": 30})
    assert (changed["memo"], changed["purchase_order"]) == ("Happy new year", "PO-7")
    await seller.advance(FEBRUARY + hours(50))
    final = await seller.only_invoice()
    assert (final["status"], final["number"], final["memo"]) == ("open", "INV-2026-000001", "Happy new year")
    issued, due = (datetime.fromisoformat(final[name]) for name in ("issued_at", "due_at"))
    assert due - issued == timedelta(days=30)
    assert issued - FEBRUARY - hours(48) <= hours(1), "48 hours after the closing, not when somebody looked"
    assert await seller.balances() == {"Accounts receivable": 2500, "Revenue": -2500}


async def test_with_finalising_by_hand_nothing_goes_out_by_itself(new_tenant: NewSeller) -> None:
    seller = await new_tenant("By hand", JANUARY, invoicing={"auto_finalize": False})
    await seller.plan("pro", recurring("Fee", "25"))
    await seller.customer("acme")
    await seller.subscribe("acme", "pro")
    await seller.advance(datetime(2026, 3, 2, tzinfo=UTC))
    drafts = await seller.invoices(status="draft")
    assert [draft["total_minor"] for draft in drafts] == [2500, 2500]
    final = await seller.api.post(f"/v1/invoices/{drafts[0]['id']}/finalize")
    assert final["number"] == "INV-2026-000001"
    kept = await seller.api.send("DELETE", f"/v1/invoices/{drafts[1]['id']}")
    assert kept.status_code == 409, "a period's draft can't be thrown away"


async def test_who_owes_is_reminded_before_and_after_the_due_date(new_tenant: NewSeller, inbox: Inbox) -> None:
    seller = await new_tenant("Reminding", JANUARY, invoicing={"reminder_days": [-3, 0, 7]}, net_days=10)
    await inbox.listen_to(seller, "invoice.due")
    await seller.customer("acme")
    lines = [{"description": "Work", "unit_amount": "10"}]
    owed = await seller.api.post("/v1/invoices", {"customer_id": "acme", "lines": lines, "finalize": True})
    paid = await seller.api.post("/v1/invoices", {"customer_id": "acme", "lines": lines, "finalize": True})
    await seller.api.post("/v1/payments", {"invoice_id": paid["id"], "method": "cash", "reference": "till"})
    await seller.advance(JANUARY + timedelta(days=12))
    assert [i["id"] for i in await seller.invoices(status="past_due")] == [owed["id"]]
    await seller.advance(JANUARY + timedelta(days=60))
    told = await inbox.all_of("invoice.due", 3)
    assert [(one["invoice_id"], one["days"], one["due_minor"]) for one in told] == [
        (owed["id"], days, 1000) for days in (-3, 0, 7)
    ]


async def test_numbers_follow_the_tenants_pattern(new_tenant: NewSeller) -> None:
    pattern = {"number_pattern": "{prefix}/{year}/{month}/{number:04}"}
    seller = await new_tenant("Pattern", JANUARY, invoice_prefix="F", invoicing=pattern)
    await seller.customer("acme")
    order = {"customer_id": "acme", "lines": [{"description": "Work", "unit_amount": "10"}], "finalize": True}
    first, second = [(await seller.api.post("/v1/invoices", order))["number"] for _ in range(2)]
    await seller.advance(FEBRUARY)
    third = (await seller.api.post("/v1/invoices", order))["number"]
    assert [first, second, third] == ["F/2026/01/0001", "F/2026/01/0002", "F/2026/02/0001"]


async def test_an_invoice_is_issued_anew_with_another_address(new_tenant: NewSeller) -> None:
    seller = await new_tenant("Reissuing", JANUARY)
    await seller.plan("pro", recurring("Fee", "25"))
    await seller.customer("acme")
    await seller.subscribe("acme", "pro")
    await seller.advance(FEBRUARY + hours(2))
    wrong = await seller.only_invoice()
    await seller.api.patch("/v1/customers/acme", {"name": "Acme Holding SE"})
    right = await seller.api.post(f"/v1/admin/invoices/{wrong['id']}/reissue", {"reason": "wrong name"})
    assert (right["replaces_invoice_id"], right["customer_name"]) == (wrong["id"], "Acme Holding SE")
    assert (right["number"], right["total_minor"]) == ("INV-2026-000002", 2500)
    assert (await seller.api.get(f"/v1/invoices/{wrong['id']}"))["status"] == "void"
    assert await seller.balances() == {"Accounts receivable": 2500, "Revenue": -2500}
