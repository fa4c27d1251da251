"""Ageing: what was owed at any instant, by how long it was overdue, and that it is what the ledger says."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from books import Books, flat
from corebilling.invoice.receivables import Receivables
from corebilling.kernel.period import Period
from corebilling.ledger.ageing import Ageing
from corebilling.ledger.schemas.ageing import AgeingOut
from corebilling.payment.schemas import PaymentCreate
from corebilling.platform.db import Database

FEBRUARY = Period(datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC), 1)
ISSUED = datetime(2026, 2, 1, 1, tzinfo=UTC)
DUE = ISSUED + timedelta(days=30)


@pytest.fixture
async def books(db: Database) -> Books:
    return Books(db)


async def tenant_of(books: Books) -> UUID:
    return await books.tenant(sandbox=True, clock_at=ISSUED, net_days=30)


async def ageing(books: Books, db: Database, tenant: UUID, at: datetime, customer: UUID | None = None) -> AgeingOut:
    report = Ageing(clocks=books.tenants, customers=books.customers, receivables=Receivables())
    async with db.tenant(tenant) as tx:
        return await report.report(
            tx, tenant, as_of=at, currency=None, customer=None if customer is None else str(customer), limit=10
        )


async def move(books: Books, db: Database, tenant: UUID, to: datetime) -> None:
    async with db.system() as tx:
        await books.tenants.move_clock(tx, tenant, to, done=True)


@pytest.mark.parametrize(
    ("days", "bucket"),
    [
        (-1, "not_due_minor"),
        (1, "days_0_30_minor"),
        (31, "days_31_60_minor"),
        (61, "days_61_90_minor"),
        (91, "over_90_minor"),
    ],
)
async def test_an_invoice_grows_older(books: Books, db: Database, days: int, bucket: str) -> None:
    tenant = await tenant_of(books)
    await books.invoice(tenant, await books.customer(tenant), flat("20"))
    report = await ageing(books, db, tenant, DUE + timedelta(days=days))
    [total] = report.currencies
    assert (getattr(total, bucket), total.total_minor, total.customer_count) == (2_000, 2_000, 1)


async def test_it_looks_back_to_before_a_payment_and_a_void_and_agrees_with_the_ledger(
    books: Books, db: Database
) -> None:
    tenant, other = await tenant_of(books), await tenant_of(books)
    acme, globex = await books.customer(tenant), await books.customer(tenant, "globex")
    first = await books.invoice(tenant, acme, flat("20"))
    second = await books.invoice(tenant, globex, flat("50"))
    paid_at, voided_at = ISSUED + timedelta(days=5), ISSUED + timedelta(days=9)
    await move(books, db, tenant, paid_at)
    async with db.tenant(tenant) as tx:
        wanted = PaymentCreate(invoice_id=first.id, method="bank_transfer", reference="r1", amount_minor=500)
        await books.payments.create(tx, tenant, wanted)
    await move(books, db, tenant, voided_at)
    async with db.tenant(tenant) as tx:
        await books.invoices.void(tx, tenant, second.id, "wrong customer")
    for at, owed in (
        (ISSUED, 0),
        (ISSUED + timedelta(seconds=1), 7_000),
        (paid_at, 7_000),
        (paid_at + timedelta(seconds=1), 6_500),
        (voided_at, 6_500),
        (voided_at + timedelta(seconds=1), 1_500),
    ):
        report = await ageing(books, db, tenant, at)
        assert sum(total.total_minor for total in report.currencies) == owed, at
        async with db.tenant(tenant) as tx:
            account = await books.ledger.account(tx, tenant, "1200", at)
        assert sum(total.balance_minor for total in account.balances) == owed
    before = await ageing(books, db, tenant, voided_at)
    assert [(row.customer_id, row.total_minor) for row in before.data] == [(globex, 5_000), (acme, 1_500)]
    mine = await ageing(books, db, tenant, voided_at, acme)
    assert [(row.id, row.left_minor, row.due_at) for row in mine.invoices or []] == [(first.id, 1_500, DUE)]
    assert (await ageing(books, db, other, voided_at)).currencies == []
