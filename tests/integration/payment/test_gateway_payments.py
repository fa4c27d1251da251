"""Payments by gateway, from being asked for to what the gateway says of them, in any order."""

import asyncio
from itertools import permutations

import pytest
from psycopg import errors

from corebilling.kernel.errors import Conflict, NotFound
from corebilling.kernel.ids import new_id
from corebilling.payment.domain.outcome import Outcome
from corebilling.payment.schemas import PaymentOut
from till import Till


async def test_fifty_requests_at_once_charge_once(till: Till) -> None:
    invoice = await till.invoice(await till.customer(method=True))

    async def ask() -> PaymentOut | str:
        try:
            return await till.pay(invoice_id=invoice.id, method=None)
        except Conflict as refused:
            return refused.code

    answers = await asyncio.gather(*(ask() for _ in range(50)))
    [asked] = [one for one in answers if not isinstance(one, str)]
    assert [one for one in answers if isinstance(one, str)] == ["payment_in_progress"] * 49
    assert (asked.status, asked.amount_minor, asked.journal_id) == ("pending", 2000, None)
    await till.said(asked.id, "succeeded", fee_minor=59)
    with pytest.raises(Conflict, match="is paid"):
        await till.pay(invoice_id=invoice.id, method=None)
    assert await till.journal("payment", asked.id) == {"1100": 1941, "1200": -2000, "5000": 59}
    assert await till.balances() == {"1100": 1941, "4000": -2000, "5000": 59}


async def test_a_charge_succeeds_once_however_often_and_in_whatever_order_it_is_told(till: Till) -> None:
    customer = await till.customer(method=True)
    for said in permutations(["processing", "failed", "succeeded", "succeeded"], 3):
        invoice = await till.invoice(customer)
        asked = await till.pay(invoice_id=invoice.id, method=None)
        for kind in (*said, *said):
            await till.said(asked.id, kind, code="declined" if kind == "failed" else "")
        payment = await till.payment(asked.id)
        wanted = ("succeeded", "paid") if "succeeded" in said else ("failed", "open")
        assert (payment.status, (await till.shown(invoice.id)).status) == wanted
    await till.balances()


async def test_words_at_once_settle_once(till: Till) -> None:
    invoice = await till.invoice(await till.customer(method=True))
    asked = await till.pay(invoice_id=invoice.id, method=None)
    kinds = ["succeeded", "failed", "processing", "requires_action"] * 4
    await asyncio.gather(*(till.said(asked.id, kind) for kind in kinds))
    assert (await till.payment(asked.id)).status == "succeeded"
    assert (await till.told("payment.succeeded", "invoice.paid")).count("payment.succeeded") == 1
    assert await till.balances() == {"1100": 2000, "4000": -2000}


async def test_what_arrives_for_an_invoice_that_was_paid_meanwhile_is_credit(till: Till) -> None:
    invoice = await till.invoice(await till.customer(method=True))
    asked = await till.pay(invoice_id=invoice.id, method=None)
    await till.pay(invoice_id=invoice.id, amount_minor=1500)
    await till.said(asked.id, "succeeded")
    payment = await till.payment(asked.id)
    assert (payment.allocated_minor, payment.credited_minor) == (500, 1500)
    assert await till.balances() == {"1000": 1500, "1100": 2000, "2300": -1500, "4000": -2000}


async def test_before_the_call_no_more_is_charged_than_is_left(till: Till) -> None:
    customer = await till.customer(method=True)
    partly, wholly = await till.invoice(customer), await till.invoice(customer)
    asked = [await till.pay(invoice_id=one.id, method=None) for one in (partly, wholly)]
    await till.pay(invoice_id=partly.id, amount_minor=1200)
    await till.pay(invoice_id=wholly.id)
    keys = [(till.tenant, one.id) for one in asked]
    async with till.db.tenants([till.tenant]) as tx:
        found = await till.books.payments.chargeable(tx, keys)
    assert {key: one.amount_minor for key, one in found.items()} == {keys[0]: 800}
    assert found[keys[0]].token == "pm_acme"
    dropped = await till.payment(asked[1].id)
    assert (dropped.status, dropped.failure_code) == ("canceled", "invoice_settled")
    await till.said(asked[0].id, "succeeded", amount_minor=800)
    assert (await till.payment(asked[0].id)).amount_minor == 800
    assert await till.balances() == {"1000": 3200, "1100": 800, "4000": -4000}


async def test_a_failure_says_why_and_lets_the_next_be_asked_for(till: Till) -> None:
    invoice = await till.invoice(await till.customer(method=True))
    asked = await till.pay(invoice_id=invoice.id, method=None)
    await till.said(asked.id, "requires_action", next_action_url="https://bank.example/confirm")
    assert (await till.payment(asked.id)).next_action_url == "https://bank.example/confirm"
    await till.said(asked.id, "failed", code="card_declined", message="Insufficient funds")
    payment = await till.payment(asked.id)
    assert (payment.status, payment.failure_code, payment.next_action_url) == ("failed", "card_declined", None)
    [failed] = await till.events("payment.failed")
    assert (failed.payload.code, failed.payload.next_attempt_at) == ("card_declined", None)
    assert (await till.charged(invoice.id)).status == "succeeded"


async def test_who_has_no_method_or_the_wrong_one_is_told_so(till: Till) -> None:
    without, other = await till.customer("without"), await till.customer("other", method=True)
    invoice = await till.invoice(without)
    with pytest.raises(Conflict, match="no default payment method"):
        await till.pay(invoice_id=invoice.id, method=None)
    async with till.db.tenant(till.tenant) as tx:
        [method] = await till.books.payments.methods.find(
            tx, till.tenant, customer=str(other), status=None, after=None, limit=5
        )
    with pytest.raises(NotFound, match="has no payment method"):
        await till.pay(invoice_id=invoice.id, method=None, payment_method_id=method.id)
    async with till.db.tenant(till.tenant) as tx:
        detached = await till.books.payments.methods.detach(tx, till.tenant, method.id)
    assert (detached.status, detached.is_default) == ("detached", False)
    with pytest.raises(Conflict, match="detached"):
        await till.pay(invoice_id=(await till.invoice(other)).id, method=None, payment_method_id=method.id)


async def test_words_about_payments_nobody_knows_change_nothing(till: Till) -> None:
    invoice = await till.invoice(await till.customer())
    manual = await till.pay(invoice_id=invoice.id)
    before = await till.told()
    now = await till.now()
    async with till.db.tenants([till.tenant]) as tx:
        for payment_id in (new_id(), manual.id):
            await till.books.payments.record_outcomes(tx, [Outcome(till.tenant, payment_id, "failed", now)])
    assert await till.told() == before


async def test_the_database_keeps_what_arrived_and_one_payment_in_flight(till: Till) -> None:
    invoice = await till.invoice(await till.customer(method=True))
    payment = await till.charged(invoice.id)
    for change in ("amount_minor = 1", "journal_id = NULL", "fee_minor = 5", "allocated_minor = 0"):
        with pytest.raises(errors.RestrictViolation):
            async with till.db.tenants([till.tenant]) as tx:
                await tx.conn.execute(f"UPDATE payments SET {change} WHERE payment_id = %s", (payment.id,))
    with pytest.raises(errors.CheckViolation):
        async with till.db.tenants([till.tenant]) as tx:
            await tx.conn.execute("UPDATE payments SET refunded_minor = 2001 WHERE payment_id = %s", (payment.id,))
