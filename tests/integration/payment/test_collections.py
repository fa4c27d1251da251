"""Collecting what is owed: at once where the customer agreed to it, then by the tenant's schedule to its end."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from corebilling.kernel.errors import Conflict
from till import ISSUED, NewTill, Till

DAY = timedelta(days=1)


async def state(till: Till, invoice_id: Any) -> tuple[str, int, datetime | None]:
    async with till.db.tenant(till.tenant) as tx:
        found = await till.books.payments.get_collection(tx, till.tenant, invoice_id)
    return found.status, found.step, found.next_attempt_at


async def test_who_agreed_is_charged_at_once_and_nobody_else(sandbox: NewTill) -> None:
    till = await sandbox()
    with_method = await till.customer("with", method=True)
    invoices = [
        await till.invoice(with_method),
        await till.invoice(await till.customer("without")),
        await till.invoice(await till.customer("unwilling", method=True, auto_collect=False)),
    ]
    await till.handle()
    assert [len(await till.in_flight(one.id)) for one in invoices] == [1, 0, 0]
    [asked] = await till.in_flight(invoices[0].id)
    await till.said(asked.id, "succeeded")
    await till.handle()
    await till.until(ISSUED + 90 * DAY)
    assert (await state(till, invoices[0].id))[0] == "paid"
    assert await till.told("dunning.started", "dunning.ended", "payment.requested") == ["payment.requested"]
    assert await till.balances() == {"1100": 2000, "1200": 4000, "4000": -6000}


async def test_failed_charges_are_tried_again_on_the_days_of_the_schedule_and_then_no_more(sandbox: NewTill) -> None:
    till = await sandbox(retry_days=[3, 5, 7], finally_do="cancel_and_uncollectible")
    invoice = await till.invoice(await till.customer(method=True))
    await till.handle()
    for day, next_day in ((0, 3), (3, 5), (5, 7), (7, None)):
        await till.until(ISSUED + day * DAY)
        [asked] = await till.in_flight(invoice.id)
        for _ in range(2):
            await till.said(asked.id, "failed", code="card_declined")
        found = await state(till, invoice.id)
        assert found[2] == (None if next_day is None else ISSUED + next_day * DAY)
    await till.until(ISSUED + 60 * DAY)
    assert found[0] == "exhausted"
    assert await till.in_flight(invoice.id) == []
    [started] = await till.events("dunning.started")
    [ended] = await till.events("dunning.ended")
    assert (started.payload.due_minor, started.payload.next_attempt_at) == (2000, ISSUED + 3 * DAY)
    assert started.payload.subscription_ids == ended.payload.subscription_ids != ()
    assert (ended.payload.outcome, ended.payload.finally_do) == ("exhausted", "cancel_and_uncollectible")
    failed = [one.payload.next_attempt_at for one in await till.events("payment.failed")]
    assert failed == [ISSUED + 3 * DAY, ISSUED + 5 * DAY, ISSUED + 7 * DAY, None]
    async with till.db.tenants([till.tenant]) as tx:
        await till.books.invoices.end_collecting(tx, [ended])
    await till.handle()
    assert (await till.shown(invoice.id)).status == "uncollectible"
    assert await till.balances() == {"4000": -2000, "5100": 2000}


async def test_dunning_ends_when_the_invoice_is_paid_by_whatever_way(sandbox: NewTill) -> None:
    till = await sandbox()
    invoice = await till.invoice(await till.customer(method=True))
    await till.handle()
    [asked] = await till.in_flight(invoice.id)
    await till.said(asked.id, "failed")
    await till.pay(invoice_id=invoice.id)
    await till.until(ISSUED + 30 * DAY)
    assert (await state(till, invoice.id))[0] == "paid"
    [ended] = await till.events("dunning.ended")
    assert ended.payload.outcome == "paid"
    await till.balances()


async def test_money_that_arrives_after_the_end_counts(sandbox: NewTill) -> None:
    till = await sandbox(retry_days=[])
    invoice = await till.invoice(await till.customer(method=True))
    await till.handle()
    [asked] = await till.in_flight(invoice.id)
    await till.said(asked.id, "failed")
    await till.said(asked.id, "succeeded")
    await till.handle()
    assert (await state(till, invoice.id))[0] == "paid"
    assert [one.payload.outcome for one in await till.events("dunning.ended")] == ["exhausted", "paid"]
    assert await till.balances() == {"1100": 2000, "4000": -2000}


async def test_what_a_charge_left_is_charged_next(sandbox: NewTill) -> None:
    till = await sandbox()
    invoice = await till.invoice(await till.customer(method=True))
    await till.handle()
    [asked] = await till.in_flight(invoice.id)
    await till.said(asked.id, "succeeded", amount_minor=500)
    await till.collect()
    [rest] = await till.in_flight(invoice.id)
    assert rest.amount_minor == 1500


async def test_credit_goes_first_and_only_the_rest_is_charged(sandbox: NewTill) -> None:
    till = await sandbox()
    customer = await till.customer(method=True)
    await till.pay(customer_id="acme", amount_minor=600)
    invoice = await till.invoice(customer)
    await till.handle()
    [asked] = await till.in_flight(invoice.id)
    assert asked.amount_minor == 1400
    covered = await till.invoice(await till.customer("other", method=True), "1")
    await till.pay(customer_id="other", amount_minor=100)
    await till.handle()
    assert await till.in_flight(covered.id) == []


async def test_a_tenant_may_dun_those_who_pay_by_transfer_from_the_due_date_on(sandbox: NewTill) -> None:
    till = await sandbox(retry_days=[3, 5], finally_do="none", overdue=True)
    invoice = await till.invoice(await till.customer())
    await till.handle()
    assert await state(till, invoice.id) == ("active", 0, invoice.due_at)
    assert invoice.due_at is not None
    await till.until(invoice.due_at + 4 * DAY)
    assert await state(till, invoice.id) == ("active", 2, invoice.due_at + 5 * DAY)
    await till.until(invoice.due_at + 5 * DAY)
    assert (await state(till, invoice.id))[0] == "exhausted"
    assert await till.told("dunning.started", "dunning.ended") == ["dunning.started", "dunning.ended"]


async def test_collecting_is_stopped_and_taken_up_by_hand(sandbox: NewTill) -> None:
    till = await sandbox()
    invoice = await till.invoice(await till.customer(method=True))
    await till.handle()
    [asked] = await till.in_flight(invoice.id)
    with pytest.raises(Conflict, match="in progress"):
        async with till.db.tenant(till.tenant) as tx:
            await till.books.payments.retry_collection(tx, till.tenant, invoice.id)
    await till.said(asked.id, "failed")
    async with till.db.tenant(till.tenant) as tx:
        stopped = await till.books.payments.stop_collection(tx, till.tenant, invoice.id, "instalments")
    assert (stopped.status, stopped.stop_reason, stopped.next_attempt_at) == ("stopped", "instalments", None)
    await till.until(ISSUED + 30 * DAY)
    assert await till.in_flight(invoice.id) == []
    async with till.db.tenant(till.tenant) as tx:
        again = await till.books.payments.retry_collection(tx, till.tenant, invoice.id)
    assert (again.status, again.step, again.stop_reason) == ("active", 0, None)
    assert len(await till.in_flight(invoice.id)) == 1
    assert [one.payload.outcome for one in await till.events("dunning.ended")] == ["stopped"]


async def test_a_voided_invoice_is_not_collected(sandbox: NewTill) -> None:
    till = await sandbox()
    invoice = await till.invoice(await till.customer(method=True))
    await till.handle()
    [asked] = await till.in_flight(invoice.id)
    async with till.db.tenant(till.tenant) as tx:
        await till.books.invoices.void(tx, till.tenant, invoice.id, "wrong customer")
    await till.handle()
    assert (await state(till, invoice.id))[0] == "stopped"
    async with till.db.tenants([till.tenant]) as tx:
        assert await till.books.payments.chargeable(tx, [(till.tenant, asked.id)]) == {}
    assert (await till.payment(asked.id)).status == "canceled"
    assert await till.told("dunning.started") == []
