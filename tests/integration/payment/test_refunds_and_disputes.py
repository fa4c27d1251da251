"""Money that goes back: refunds in parts, and chargebacks that are opened, lost and won."""

import asyncio
from itertools import permutations

import pytest

from corebilling.kernel.errors import Conflict
from corebilling.payment.domain.outcome import Refundable
from till import Till


async def test_a_transfer_goes_back_in_parts_never_more_than_was_paid(till: Till) -> None:
    invoice = await till.invoice(await till.customer())
    payment = await till.pay(invoice_id=invoice.id)
    first = await till.refund(payment.id, 500, reference="SEPA 12")
    assert (first.status, first.gateway, [part.invoice_id for part in first.parts]) == (
        "succeeded",
        "manual",
        [invoice.id],
    )
    assert first.parts[0].credit_note_id is not None
    assert await till.journal("refund", first.id) == {"2300": 500, "2350": -500}
    assert await till.journal("refund_paid", first.id) == {"1000": -500, "2350": 500}
    with pytest.raises(Conflict, match="refund at most 1500"):
        await till.refund(payment.id, 1501)
    await till.refund(payment.id)
    with pytest.raises(Conflict, match=r"0.00 EUR is left"):
        await till.refund(payment.id)
    assert (await till.payment(payment.id)).refunded_minor == 2000
    assert (await till.shown(invoice.id)).status == "paid"
    assert await till.balances() == {}
    assert await till.told("payment.refunded") == ["payment.refunded"] * 2


async def test_refunds_at_once_never_give_back_more_than_was_paid(till: Till) -> None:
    invoice = await till.invoice(await till.customer())
    payment = await till.pay(invoice_id=invoice.id)

    async def back() -> int:
        try:
            return (await till.refund(payment.id, 700)).amount_minor
        except Conflict:
            return 0

    assert sum(await asyncio.gather(*(back() for _ in range(6)))) == 1400
    assert await till.balances() == {"1000": 600, "4000": -600}


async def test_a_refund_may_leave_the_invoice_owed_again(till: Till) -> None:
    invoice = await till.invoice(await till.customer())
    payment = await till.pay(invoice_id=invoice.id)
    refund = await till.refund(payment.id, 800, invoice="reopen")
    assert await till.journal("refund", refund.id) == {"1200": 800, "2350": -800}
    reopened = await till.shown(invoice.id)
    assert (reopened.status, reopened.due_minor) == ("open", 800)
    assert await till.balances() == {"1000": 1200, "1200": 800, "4000": -2000}


async def test_what_was_paid_too_much_goes_back_first(till: Till) -> None:
    invoice = await till.invoice(await till.customer())
    payment = await till.pay(invoice_id=invoice.id, amount_minor=2600, overpayment="credit")
    refund = await till.refund(payment.id, 600)
    assert [(part.invoice_id, part.amount_minor) for part in refund.parts] == [(None, 600)]
    assert await till.balances() == {"1000": 2000, "4000": -2000}
    rest = await till.refund(payment.id)
    assert [(part.invoice_id, part.amount_minor) for part in rest.parts] == [(invoice.id, 2000)]
    assert await till.balances() == {}


async def test_credit_that_was_used_cannot_be_paid_back(till: Till) -> None:
    customer = await till.customer()
    invoice = await till.invoice(customer)
    payment = await till.pay(invoice_id=invoice.id, amount_minor=2600, overpayment="credit")
    prepaid = await till.invoice(customer, "5")
    assert (await till.shown(prepaid.id)).status == "paid"
    with pytest.raises(Conflict, match="refund at most 2100"):
        await till.refund(payment.id)
    await till.refund(payment.id, 2100)
    await till.balances()


@pytest.mark.parametrize("mode", ["credit", "reopen"])
async def test_a_gateways_refund_is_paid_out_when_it_says_so(till: Till, mode: str) -> None:
    invoice = await till.invoice(await till.customer(method=True))
    payment = await till.charged(invoice.id)
    refund = await till.refund(payment.id, 500, invoice=mode)
    assert (refund.status, refund.paid_journal_id) == ("pending", None)
    async with till.db.tenants([till.tenant]) as tx:
        found = await till.books.payments.refundable(tx, [(till.tenant, refund.id)])
    assert found == {(till.tenant, refund.id): Refundable(500, "EUR", f"pi_{payment.id}", "sorry")}
    assert (await till.balances())["2350"] == -500
    for kind in ("succeeded", "processing", "succeeded"):
        await till.refund_said(refund.id, kind, gateway_refund_id="re_1")
    assert await till.journal("refund_paid", refund.id) == {"1100": -500, "2350": 500}
    assert "2350" not in await till.balances()
    assert await till.told("payment.refunded") == ["payment.refunded"]


@pytest.mark.parametrize("mode", ["credit", "reopen"])
@pytest.mark.parametrize("said", list(permutations(["succeeded", "failed"])))
async def test_a_refund_that_comes_back_is_the_customers_again(till: Till, mode: str, said: tuple[str, str]) -> None:
    invoice = await till.invoice(await till.customer(method=True))
    payment = await till.charged(invoice.id)
    refund = await till.refund(payment.id, 500, invoice=mode)
    for kind in (*said, *said):
        await till.refund_said(refund.id, kind, code="account_closed" if kind == "failed" else "")
    wanted = {"1100": 2000, "4000": -1500, "2300": -500} if mode == "credit" else {"1100": 2000, "4000": -2000}
    assert await till.balances() == wanted
    assert (await till.payment(payment.id)).refunded_minor == 0
    assert (await till.shown(invoice.id)).status == "paid"
    await till.refund(payment.id, 2000)
    await till.balances()


async def test_a_credit_note_that_shall_be_paid_out_is(till: Till) -> None:
    from corebilling.invoice.schemas import CreditNoteCreate

    invoice = await till.invoice(await till.customer())
    payments = [await till.pay(invoice_id=invoice.id, amount_minor=amount) for amount in (1500, 500)]
    async with till.db.tenant(till.tenant) as tx:
        wanted = CreditNoteCreate(invoice.id, "goodwill", amount_minor=700, settlement="refund")
        await till.books.invoices.notes.issue(tx, till.tenant, wanted)
    await till.handle()
    await till.handle()
    assert [(await till.payment(one.id)).refunded_minor for one in payments] == [200, 500]
    assert await till.balances() == {"1000": 1300, "4000": -1300}


async def test_a_chargeback_makes_the_invoice_owed_again_until_it_is_won(till: Till) -> None:
    invoice = await till.invoice(await till.customer(method=True))
    payment = await till.charged(invoice.id)
    for _ in range(2):
        await till.dispute_said(payment.id, "opened", 2000, fee=1500)
    disputed = await till.payment(payment.id)
    assert (disputed.status, disputed.disputed_minor) == ("disputed", 2000)
    assert (await till.shown(invoice.id)).due_minor == 2000
    assert await till.balances() == {"1100": -1500, "1200": 2000, "4000": -2000, "5000": 1500}
    with pytest.raises(Conflict, match="disputed"):
        await till.refund(payment.id, 1)
    await till.dispute_said(payment.id, "won", 2000)
    await till.dispute_said(payment.id, "opened", 2000)
    won = await till.payment(payment.id)
    assert (won.status, won.disputed_minor, (await till.shown(invoice.id)).status) == ("succeeded", 0, "paid")
    assert await till.balances() == {"1100": 500, "4000": -2000, "5000": 1500}
    assert [one.payload.status for one in await till.events("payment.disputed")] == ["opened", "won"]
    await till.refund(payment.id, 2000)


async def test_a_lost_chargeback_stays_owed_and_what_was_credit_is_lost_if_it_was_used(till: Till) -> None:
    customer = await till.customer(method=True)
    invoice = await till.invoice(customer)
    asked = await till.pay(invoice_id=invoice.id, method=None)
    await till.pay(invoice_id=invoice.id, amount_minor=1200)
    await till.said(asked.id, "succeeded")
    later = await till.invoice(customer, "7")  # uses 700 of the 1200 that were too much
    await till.dispute_said(asked.id, "opened", 2000)
    await till.dispute_said(asked.id, "lost", 2000)
    assert (await till.shown(invoice.id)).due_minor == 800
    assert (await till.shown(later.id)).status == "paid"
    assert await till.balances() == {"1000": 1200, "1200": 800, "4000": -2700, "5100": 700}
    await till.dispute_said(asked.id, "won", 2000)
    assert await till.balances() == {"1000": 1200, "1100": 2000, "2300": -500, "4000": -2700}


@pytest.mark.parametrize("said", list(permutations(["succeeded", "opened", "won"])))
async def test_payment_and_dispute_end_the_same_in_any_order(till: Till, said: tuple[str, ...]) -> None:
    invoice = await till.invoice(await till.customer(method=True))
    asked = await till.pay(invoice_id=invoice.id, method=None)
    for word in (*said, *said):
        if word == "succeeded":
            await till.said(asked.id, word)
        else:
            await till.dispute_said(asked.id, word, 2000, fee=100)
    payment = await till.payment(asked.id)
    assert (payment.status, payment.disputed_minor, (await till.shown(invoice.id)).status) == ("succeeded", 0, "paid")
    assert await till.balances() == {"1100": 1900, "4000": -2000, "5000": 100}
