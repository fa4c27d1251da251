"""Money that arrived by other ways: for the invoices it was sent for, those that it fits, and the customer's credit."""

import asyncio

import pytest

from corebilling.kernel.errors import Conflict, Invalid, NotFound
from corebilling.kernel.ids import new_id
from corebilling.payment.schemas import InvoiceShare
from till import Till


async def test_a_transfer_pays_the_invoice_that_its_reference_names(till: Till) -> None:
    customer = await till.customer()
    old, named = await till.invoice(customer), await till.invoice(customer, "30")
    assert named.number is not None
    payment = await till.pay(
        customer_id="acme", amount_minor=3000, reference=f"{named.number.lower().replace('-', ' ')} thanks"
    )
    assert [(one.invoice_id, one.amount_minor) for one in payment.allocations] == [(named.id, 3000)]
    assert ((await till.shown(named.id)).status, (await till.shown(old.id)).status) == ("paid", "open")
    assert await till.journal("payment", payment.id) == {"1000": 3000, "1200": -3000}
    assert await till.balances() == {"1000": 3000, "1200": 2000, "4000": -5000}


async def test_without_a_name_the_longest_due_comes_first_and_the_rest_is_credit(till: Till) -> None:
    customer = await till.customer()
    first, second = await till.invoice(customer), await till.invoice(customer, "30")
    part = await till.pay(customer_id="acme", amount_minor=2500)
    assert [(one.invoice_id, one.amount_minor) for one in part.allocations] == [(first.id, 2000), (second.id, 500)]
    assert (part.invoice_id, part.allocated_minor, part.credited_minor) == (None, 2500, 0)
    over = await till.pay(customer_id="acme", amount_minor=3000)
    assert (over.invoice_id, over.allocated_minor, over.credited_minor) == (second.id, 2500, 500)
    assert await till.journal("payment", over.id) == {"1000": 3000, "1200": -2500, "2300": -500}
    assert await till.balances() == {"1000": 5500, "2300": -500, "4000": -5000}
    [granted] = await till.events("wallet.granted")
    assert (granted.payload.source, granted.payload.amount_minor) == ("overpayment", 500)


async def test_money_is_split_as_told(till: Till) -> None:
    customer = await till.customer()
    first, second = await till.invoice(customer), await till.invoice(customer, "30")
    told = [InvoiceShare(second.id), InvoiceShare(first.id, 700)]
    payment = await till.pay(customer_id="acme", amount_minor=4000, invoices=told)
    assert {one.invoice_id: one.amount_minor for one in payment.allocations} == {second.id: 3000, first.id: 700}
    assert payment.credited_minor == 300
    with pytest.raises(Conflict, match="pay at most 1300"):
        await till.pay(customer_id="acme", amount_minor=2000, invoices=[InvoiceShare(first.id, 1301)])
    with pytest.raises(Conflict, match="is paid"):
        await till.pay(customer_id="acme", amount_minor=2000, invoices=[InvoiceShare(second.id)])
    with pytest.raises(Invalid, match="named twice"):
        await till.pay(customer_id="acme", amount_minor=200, invoices=[InvoiceShare(first.id, 1)] * 2)
    with pytest.raises(Invalid, match="only 100 of the money"):
        await till.pay(customer_id="acme", amount_minor=100, invoices=[InvoiceShare(first.id, 101)])
    await till.balances()


async def test_too_much_for_one_invoice_is_credit_only_where_that_is_said(till: Till) -> None:
    invoice = await till.invoice(await till.customer())
    with pytest.raises(Conflict, match="pay at most 2000"):
        await till.pay(invoice_id=invoice.id, amount_minor=2500)
    payment = await till.pay(invoice_id=invoice.id, amount_minor=2500, overpayment="credit")
    assert (payment.allocated_minor, payment.credited_minor) == (2000, 500)
    again = await till.pay(invoice_id=invoice.id, amount_minor=100, overpayment="credit")
    assert (again.allocated_minor, again.credited_minor, again.allocations) == (0, 100, ())
    assert await till.balances() == {"1000": 2600, "2300": -600, "4000": -2000}


async def test_what_does_not_go_together_is_refused(till: Till) -> None:
    customer, other = await till.customer(), await till.customer("other")
    invoice = await till.invoice(customer)
    with pytest.raises(Invalid, match="not both"):
        await till.pay(invoice_id=invoice.id, customer_id="acme", amount_minor=1)
    with pytest.raises(Invalid, match="whose money"):
        await till.pay(amount_minor=1)
    with pytest.raises(Invalid, match="how much"):
        await till.pay(customer_id="acme")
    with pytest.raises(Invalid, match="bank statement"):
        await till.pay(invoice_id=invoice.id, reference="")
    with pytest.raises(NotFound):
        await till.pay(customer_id="nobody", amount_minor=1)
    with pytest.raises(Invalid, match="another customer's"):
        await till.pay(customer_id=str(other), amount_minor=10, invoices=[InvoiceShare(invoice.id)])
    with pytest.raises(NotFound):
        await till.pay(customer_id="acme", amount_minor=10, invoices=[InvoiceShare(new_id())])


async def test_transfers_at_once_never_take_more_than_is_left(till: Till) -> None:
    customer = await till.customer()
    invoice = await till.invoice(customer)
    payments = await asyncio.gather(*(till.pay(customer_id="acme", amount_minor=700) for _ in range(6)))
    assert sum(one.allocated_minor for one in payments) == 2000
    assert sum(one.credited_minor for one in payments) == 6 * 700 - 2000
    assert (await till.shown(invoice.id)).status == "paid"
    assert await till.balances() == {"1000": 4200, "2300": -2200, "4000": -2000}
