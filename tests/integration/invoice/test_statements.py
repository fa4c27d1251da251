"""Statements drawn up from real books: they add up, they join, and they show what moved by name."""

import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pytest

from billing_world import DAY
from books import CLOSED_AT, flat
from corebilling.invoice.files import Files
from corebilling.invoice.schemas.statements import StatementOut, StatementRequest, StatementRunResult
from corebilling.invoice.schemas.wallets import GrantCreate
from corebilling.invoice.statement_downloads import StatementDownloads
from corebilling.invoice.wallet_service import WalletService
from corebilling.kernel.accounts import CASH, CUSTOMER_CREDIT
from corebilling.kernel.errors import Invalid, NotFound
from corebilling.kernel.ids import new_id
from corebilling.kernel.journal import DocumentType, EntryDraft, JournalDraft
from corebilling.ledger.sub_ledger import SubLedger
from corebilling.payment.schemas import PaymentCreate
from corebilling.platform.db import Database
from corebilling.platform.storage import ObjectStore
from stated import FEBRUARY, JANUARY, MARCH, Office

MONTHS = ("2026-01", "2026-02", "2026-03")
_BALANCE = """SELECT coalesce(sum(e.amount_minor), 0)::bigint FROM entries e
  JOIN journals j ON j.tenant_id = e.tenant_id AND j.journal_id = e.journal_id
  WHERE e.tenant_id = %s AND e.customer_id = %s AND e.currency = %s AND j.effective_at < %s"""


@pytest.fixture
async def office(db: Database) -> Office:
    return Office(db)


async def test_a_statement_shows_documents_and_payments_by_name(office: Office) -> None:
    """100.00 bought ahead and 150.00 invoiced: 50.00 are left, of which 20.00 are paid."""
    books = office.books
    tenant = await books.tenant(sandbox=True, clock_at=JANUARY.isoformat())
    customer = await books.customer(tenant, locale="de")
    wallets = WalletService(clocks=books.tenants, customers=books.customers, wallets=books.wallets)
    async with office.db.tenant(tenant) as tx:
        await wallets.grant(tx, tenant, GrantCreate(customer_id="acme", amount_minor=10000, source="purchase"))
    invoice = await books.invoice(tenant, customer, flat("150"))
    async with office.db.system() as tx:
        await books.tenants.move_clock(tx, tenant, CLOSED_AT + DAY, True)
    paid = PaymentCreate(method="bank_transfer", invoice_id=invoice.id, amount_minor=2000, reference="R 1")
    async with office.db.tenant(tenant) as tx:
        await books.payments.create(tx, tenant, paid)
    async with office.db.system() as tx:
        await books.tenants.move_clock(tx, tenant, MARCH, True)

    assert await office.run(tenant, "2026-01") == StatementRunResult(1, 1, 0)
    assert await office.run(tenant, "2026-02") == StatementRunResult(1, 1, 0)
    first, second = await office.made(tenant)
    assert (first.opening_minor, first.closing_minor) == (0, -10000)
    assert (second.opening_minor, second.charged_minor, second.settled_minor) == (-10000, 15000, 2000)
    assert second.closing_minor == 3000
    assert second.created_at == MARCH
    async with office.db.tenant(tenant) as tx:
        shown = await office.statements.get(tx, tenant, second.id)
    assert [(line.kind, line.number, line.amount_minor, line.balance_minor) for line in shown.lines] == [
        ("invoice", invoice.number, 15000, 5000),
        ("wallet_application", invoice.number, 0, 5000),
        ("payment", None, -2000, 3000),
    ]
    assert invoice.number in shown.lines[2].description
    assert (shown.seller_name, shown.customer_name, shown.customer_external_id) == ("Example Ltd", "Acme GmbH", "acme")


async def test_months_join_whatever_was_posted_in_any_order_and_currency(office: Office, owner_url: str) -> None:
    """Random journals over a quarter, some of them only after their month had its statements."""
    chance = random.Random(4)
    tenant = await office.books.tenant()
    customers = [await office.books.customer(tenant, f"c{n}") for n in range(7)]

    async def something(before: datetime) -> None:
        at = JANUARY - 20 * DAY + chance.random() * (before - JANUARY + 20 * DAY)
        amount = chance.choice((-1, 1)) * chance.randint(1, 10**9)
        await office.post(tenant, chance.choice(customers), amount, at, chance.choice(("EUR", "JPY", "KWD")))

    ends = [FEBRUARY, MARCH, datetime(2026, 4, 1, tzinfo=UTC)]
    for month, end in zip(MONTHS, ends, strict=True):
        for _ in range(25):
            await something(end)
        await office.run(tenant, month)
    by_account: dict[tuple[UUID, str], list[StatementOut]] = defaultdict(list)
    for statement in await office.made(tenant):
        by_account[statement.customer_id, statement.currency].append(statement)
    assert any(len(found) == 3 for found in by_account.values())
    late = 0
    with psycopg.connect(owner_url) as conn:
        for (customer, currency), found in by_account.items():
            for before, after in pairwise(found):
                assert after.period_start == before.period_end
                assert after.opening_minor == before.closing_minor
            async with office.db.tenant(tenant) as tx:
                details = [await office.statements.get(tx, tenant, one.id) for one in found]
            for one in details:
                [closing] = conn.execute(_BALANCE, (tenant, customer, currency, one.period_end)).fetchone() or [0]
                late_for_it = sum(
                    line.amount_minor for later in details for line in later.lines
                    if line.kind == "earlier" and later.period_start >= one.period_end
                )  # fmt: skip
                late += late_for_it != 0
                if one is details[-1]:
                    assert closing == one.closing_minor, "nothing was posted since"
                assert one.opening_minor + sum(line.amount_minor for line in one.lines) == one.closing_minor
    assert late, "some journals did come late"


async def test_who_did_nothing_and_owes_nothing_gets_none(office: Office) -> None:
    tenant = await office.books.tenant()
    quiet, even, owing = [await office.books.customer(tenant, name) for name in ("quiet", "even", "owing")]
    for customer, amount in ((even, 500), (even, -500), (owing, 700)):
        await office.post(tenant, customer, amount, JANUARY + DAY)
    await office.post(tenant, quiet, 900, FEBRUARY)
    assert await office.run(tenant, "2026-01") == StatementRunResult(3, 2, 0)
    assert {one.customer_id for one in await office.made(tenant, period="2026-01")} == {even, owing}
    await office.run(tenant, "2026-02")
    february = await office.made(tenant, period="2026-02")
    assert {(one.customer_id, one.line_count, one.closing_minor) for one in february} == {
        (quiet, 1, 900),
        (owing, 0, 700),
    }


async def test_a_tenant_sees_and_makes_its_own_only(office: Office) -> None:
    ours, theirs = [await office.books.tenant() for _ in range(2)]
    for tenant in (ours, theirs):
        await office.post(tenant, await office.books.customer(tenant), 100, JANUARY + DAY)
    await office.run(ours)
    assert await office.made(theirs) == []
    [own] = await office.made(ours)
    async with office.db.tenant(theirs) as tx:
        with pytest.raises(NotFound):
            await office.statements.get(tx, theirs, own.id)
        with pytest.raises(NotFound):
            await office.statements.get(tx, ours, own.id)
        with pytest.raises(NotFound):
            await office.statements.start(
                tx, theirs, StatementRequest(period="2026-01", customer_id=str(own.customer_id))
            )
        assert await SubLedger().customers(tx, ours, None, 10) == []


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"period": "2026-13"},
        {"period": "2026-02"},
        {"period": "2026-01", "start": JANUARY, "end": FEBRUARY},
        {"start": JANUARY},
        {"end": FEBRUARY},
        {"start": FEBRUARY, "end": JANUARY},
        {"start": datetime(1, 1, 1, tzinfo=UTC), "end": JANUARY},
        {"start": JANUARY, "end": MARCH},
    ],
)
async def test_a_period_is_named_once_and_is_over(office: Office, wanted: dict[str, Any]) -> None:
    """It is the 10th of February, by the tenant's clock."""
    tenant = await office.books.tenant(sandbox=True, clock_at=(FEBRUARY + 9 * DAY).isoformat())
    with pytest.raises(Invalid):
        await office.start(tenant, **wanted)


async def test_a_span_is_as_good_as_a_month(office: Office) -> None:
    tenant = await office.books.tenant(time_zone="Europe/Berlin")
    customer = await office.books.customer(tenant)
    await office.post(tenant, customer, 100, JANUARY - timedelta(minutes=30))
    await office.post(tenant, customer, 50, JANUARY + 3 * DAY)
    await office.start(tenant, start=JANUARY, end=JANUARY + 7 * DAY)
    assert (await office.run(tenant, "2026-01")).statements == 1
    week, month = await office.made(tenant)
    assert (week.opening_minor, week.closing_minor) == (100, 150)
    assert (month.opening_minor, month.closing_minor, month.period_start) == (0, 150, JANUARY - timedelta(hours=1))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE statements SET closing_minor = closing_minor + 1, charged_minor = charged_minor + 1",
        "DELETE FROM statements",
        "TRUNCATE statements",
        "INSERT INTO statements SELECT * FROM jsonb_populate_record(NULL::statements, {row})",
        "INSERT INTO statements SELECT * FROM jsonb_populate_record(NULL::statements, {row} || {other})",
    ],
)
async def test_the_database_refuses_to_change_one_and_to_make_it_twice(
    office: Office, owner_url: str, change: str
) -> None:
    tenant = await office.books.tenant()
    await office.post(tenant, await office.books.customer(tenant), 100, JANUARY + DAY)
    await office.run(tenant)
    row = f"(SELECT to_jsonb(s) || jsonb_build_object('statement_id', gen_random_uuid()) FROM statements s WHERE tenant_id = '{tenant}')"
    other = "jsonb_build_object('currency', 'USD', 'closing_minor', 7)"
    with psycopg.connect(owner_url) as conn, pytest.raises(psycopg.errors.IntegrityError):
        conn.execute(change.format(row=row, other=other))  # type: ignore[arg-type]


async def test_refunds_that_are_promised_are_still_the_customers(office: Office) -> None:
    """Credit moved to Refunds payable leaves the balance as it is: the customer hasn't got it yet."""
    tenant = await office.books.tenant()
    customer = await office.books.customer(tenant)
    entries = [
        ("wallet_grant", (EntryDraft(CASH, 900), EntryDraft(CUSTOMER_CREDIT, -900, customer))),
        ("refund", (EntryDraft(CUSTOMER_CREDIT, 400, customer), EntryDraft("2350", -400, customer))),
        ("refund_paid", (EntryDraft("2350", 400, customer), EntryDraft(CASH, -400))),
    ]
    for days, (kind, sides) in enumerate(entries):
        document_type: DocumentType = msgspec.convert(kind, DocumentType)
        draft = JournalDraft(tenant, document_type, new_id(), "EUR", JANUARY + days * DAY, kind, sides)
        async with office.db.tenant(tenant) as tx:
            await office.books.ledger.post(tx, [draft])
    await office.run(tenant)
    [only] = await office.made(tenant)
    async with office.db.tenant(tenant) as tx:
        shown = await office.statements.get(tx, tenant, only.id)
    assert [(line.kind, line.amount_minor, line.balance_minor) for line in shown.lines] == [
        ("wallet_grant", -900, -900),
        ("refund", 0, -900),
        ("refund_paid", 400, -500),
    ]


def kept(directory: Path) -> dict[str, Path]:
    """Files by their endings."""
    return {path.suffix: path for path in directory.rglob("*") if path.is_file()}


async def test_files_are_made_once_and_kept_under_the_tenants_prefix(office: Office, tmp_path: Path) -> None:
    tenant = await office.books.tenant()
    customer = await office.books.customer(tenant, "=cmd()")
    await office.post(tenant, customer, 100, JANUARY + DAY)
    await office.run(tenant)
    [only] = await office.made(tenant)
    service = StatementDownloads(logos=office.books.tenants, files=Files(store=ObjectStore(tmp_path.as_uri())))
    async with office.db.tenant(tenant) as tx:
        content = await service.statement(tx, tenant, only.id)
    pdf, table = [await service.files.file(await service.order(content, wanted)) for wanted in ("pdf", "csv")]
    assert (pdf.name, pdf.media_type) == ("statement-_cmd__-2026-01-01-eur.pdf", "application/pdf")
    assert pdf.content.startswith(b"%PDF-")
    assert b"opening_balance" in table.content
    found = kept(tmp_path)
    assert {path.relative_to(tmp_path).parent.as_posix() for path in found.values()} == {
        f"tenants/{tenant}/statements/{only.id}"
    }
    found[".pdf"].write_bytes(b"%PDF- as it was kept")
    assert (await service.files.file(await service.order(content, "pdf"))).content == b"%PDF- as it was kept"
