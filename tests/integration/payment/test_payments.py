import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from psycopg import errors

from books import Books, flat
from corebilling.kernel.errors import Conflict, Invalid, NotFound
from corebilling.kernel.ids import new_id
from corebilling.kernel.settlement import Settlement
from corebilling.payment.schemas import PaymentCreate
from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database


@pytest.fixture
async def books(db: Database) -> Books:
    return Books(db)


def money(invoice_id: UUID, amount: int | None = None, currency: str | None = None) -> PaymentCreate:
    return PaymentCreate(invoice_id, "bank_transfer", "statement 7", amount, currency)


async def test_a_payment_settles_the_invoice_and_moves_cash(books: Books, db: Database) -> None:
    tenant = await books.tenant()
    customer = await books.customer(tenant)
    invoice = await books.invoice(tenant, customer, flat("20"))
    async with db.tenant(tenant) as tx:
        payment = await books.payments.create(tx, tenant, money(invoice.id))
        after = await books.invoices.get(tx, tenant, invoice.id)
        [total] = (await books.ledger.trial_balance(tx, tenant, None)).currencies
    assert (payment.status, payment.amount_minor, payment.customer_id) == ("succeeded", 2000, customer)
    assert payment.journal_id is not None
    assert (after.status, after.paid_minor, after.due_minor, after.paid_at) == ("paid", 2000, 0, payment.paid_at)
    assert [(row.account, row.balance_minor) for row in total.accounts] == [
        ("1000", 2000),
        ("1200", 0),
        ("4000", -2000),
    ]
    async with db.system() as tx:
        cursor = await tx.conn.execute(
            "SELECT subject, resource_seq FROM billing_events WHERE tenant_id = %s AND resource_id = ANY(%s) ORDER BY event_id",
            (tenant, str([str(invoice.id), str(payment.id)]).replace("[", "{").replace("]", "}").replace("'", "")),
        )
        told = await cursor.fetchall()
    assert told == [
        ("invoice.generated", 1),
        ("invoice.status.changed", 1),
        ("invoice.status.changed", 2),
        ("invoice.paid", 2),
        ("payment.succeeded", 1),
    ]


async def test_an_invoice_can_be_paid_in_parts_and_stays_open_until_the_last(books: Books, db: Database) -> None:
    tenant = await books.tenant()
    customer = await books.customer(tenant)
    invoice = await books.invoice(tenant, customer, flat("20"))
    async with db.tenant(tenant) as tx:
        await books.payments.create(tx, tenant, money(invoice.id, 500))
        partly = await books.invoices.get(tx, tenant, invoice.id)
        with pytest.raises(Conflict, match="pay at most 1500 minor units"):
            await books.payments.create(tx, tenant, money(invoice.id, 1501))
        with pytest.raises(Conflict, match="refund them first"):
            await books.invoices.void(tx, tenant, invoice.id, "no")
        rest = await books.payments.create(tx, tenant, money(invoice.id))
        listed = await books.payments.find(tx, tenant, invoice_id=invoice.id, after=None, limit=10)
        paid_at = max(payment.paid_at for payment in listed if payment.paid_at)
        later = await books.payments.find(tx, tenant, paid_from=paid_at + timedelta(seconds=1), after=None, limit=10)
        until = await books.payments.find(
            tx, tenant, customer=str(customer), paid_to=paid_at + timedelta(seconds=1), after=None, limit=10
        )
    assert (len(later), len(until)) == (0, 2)
    assert (partly.status, partly.due_minor) == ("open", 1500)
    assert [payment.amount_minor for payment in listed] == [rest.amount_minor, 500] == [1500, 500]


async def test_what_is_not_owed_is_refused_and_says_why(books: Books, db: Database) -> None:
    tenant = await books.tenant()
    invoice = await books.invoice(tenant, await books.customer(tenant), flat("20"))
    async with db.tenant(tenant) as tx:
        with pytest.raises(Conflict, match=r"30.00 EUR is more than the 20.00 EUR left on invoice INV-2026-000001"):
            await books.payments.create(tx, tenant, money(invoice.id, 3000))
        with pytest.raises(Invalid, match="is in EUR"):
            await books.payments.create(tx, tenant, money(invoice.id, 3000, "USD"))
        with pytest.raises(NotFound):
            await books.payments.create(tx, tenant, money(new_id()))
        await books.payments.create(tx, tenant, money(invoice.id))
        with pytest.raises(Conflict, match="is paid"):
            await books.payments.create(tx, tenant, money(invoice.id, 1))


async def test_two_payments_at_once_never_take_more_than_is_left(books: Books, db: Database) -> None:
    tenant = await books.tenant()
    invoice = await books.invoice(tenant, await books.customer(tenant), flat("20"))

    async def pay() -> bool:
        try:
            async with db.tenant(tenant) as tx:
                await books.payments.create(tx, tenant, money(invoice.id, 1200))
        except Conflict:
            return False
        return True

    assert sorted(await asyncio.gather(pay(), pay(), pay())) == [False, False, True]
    async with db.tenant(tenant) as tx:
        assert (await books.invoices.get(tx, tenant, invoice.id)).paid_minor == 1200


async def test_a_batch_settles_one_invoice_several_times_in_order(books: Books, db: Database) -> None:
    tenant = await books.tenant()
    customer = await books.customer(tenant)
    one, two = [await books.invoice(tenant, customer, flat("20")) for _ in range(2)]
    now = wall_clock()
    wanted = [(one, 500), (two, 2000), (one, None)]
    async with db.tenant(tenant) as tx:
        settled = await books.invoices.settle(
            tx, [Settlement(tenant, invoice.id, amount, None, now) for invoice, amount in wanted]
        )
        states = [(await books.invoices.get(tx, tenant, invoice.id)).status for invoice in (one, two)]
    assert [(result.amount_minor, result.left_minor) for result in settled] == [(500, 1500), (2000, 0), (1500, 0)]
    assert states == ["paid", "paid"]


async def test_another_tenants_invoice_cannot_be_paid_or_its_payments_seen(books: Books, db: Database) -> None:
    mine, other = await books.tenant(), await books.tenant()
    invoice = await books.invoice(other, await books.customer(other), flat("20"))
    async with db.tenant(mine) as tx:
        with pytest.raises(NotFound):
            await books.payments.create(tx, mine, money(invoice.id))
    async with db.tenant(other) as tx:
        payment = await books.payments.create(tx, other, money(invoice.id))
    async with db.tenant(mine) as tx:
        with pytest.raises(NotFound):
            await books.payments.get(tx, mine, payment.id)
        assert await books.payments.find(tx, mine, invoice_id=invoice.id, after=None, limit=10) == []


async def test_the_database_refuses_a_payment_without_a_journal_and_any_change(books: Books, db: Database) -> None:
    tenant = await books.tenant()
    with pytest.raises(errors.CheckViolation):
        async with db.tenant(tenant) as tx:
            await tx.conn.execute(
                "INSERT INTO payments VALUES (%s, %s, %s, %s, 'succeeded', 'EUR', 1, 'cash', '', NULL, now(), now())",
                (tenant, new_id(), new_id(), new_id()),
            )
    for statement in ("UPDATE payments SET amount_minor = 1", "DELETE FROM payments"):
        with pytest.raises(errors.InsufficientPrivilege):
            async with db.tenant(tenant) as tx:
                await tx.conn.execute(statement)
