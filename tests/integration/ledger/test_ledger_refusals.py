"""What the database itself refuses, whatever the code above does."""

from uuid import UUID

import psycopg
import pytest
from psycopg import errors

from books import Books
from corebilling.kernel.ids import new_id
from corebilling.platform.db import Database, Tx

JOURNAL = """INSERT INTO journals (tenant_id, journal_id, document_type, document_id, currency, total_minor, entry_count,
               effective_at, posted_at, description, digest)
             SELECT '{tenant}'::uuid, '{journal}'::uuid, 'invoice', '{document}'::uuid, 'EUR', {total}, {count}, now(), now(), '',
               decode(repeat('00', 32), 'hex')"""
ENTRIES = "INSERT INTO entries (tenant_id, journal_id, entry_no, account, currency, amount_minor) VALUES {rows}"


@pytest.fixture
async def books(db: Database) -> Books:
    return Books(db)


class Attempt:
    """A journal written by hand, with one thing wrong."""

    def __init__(self, tenant_id: UUID) -> None:
        self.tenant, self.journal = tenant_id, new_id()

    def head(self, total: int = 100, count: int = 2) -> str:
        return JOURNAL.format(tenant=self.tenant, journal=self.journal, document=new_id(), total=total, count=count)

    def entries(self, *rows: tuple[int, str, int], currency: str = "EUR", tenant: UUID | None = None) -> str:
        values = ", ".join(
            f"('{tenant or self.tenant}', '{self.journal}', {no}, '{account}', '{currency}', {amount})"
            for no, account, amount in rows
        )
        return ENTRIES.format(rows=values)

    def whole(self, *rows: tuple[int, str, int], total: int = 100, count: int = 2, currency: str = "EUR") -> str:
        return f"WITH j AS ({self.head(total, count)}) {self.entries(*rows, currency=currency)}"


SOUND = ((1, "1200", 100), (2, "4000", -100))


async def run(tx: Tx, *statements: str) -> None:
    for statement in statements:
        await tx.conn.execute(statement)


async def test_a_sound_journal_is_accepted(books: Books, db: Database) -> None:
    tenant = await books.tenant()
    async with db.tenants([tenant]) as tx:
        await run(tx, Attempt(tenant).whole(*SOUND))


@pytest.mark.parametrize(
    ("rows", "facts"),
    [
        (((1, "1200", 100), (2, "4000", -99)), {}),
        (((1, "1200", 90), (2, "4000", -90)), {}),
        (((1, "1200", 100), (3, "4000", -100)), {}),
        (((1, "1200", 100), (2, "4000", -50), (3, "4000", -50)), {}),
        (SOUND, {"currency": "USD"}),
    ],
    ids=["unbalanced", "another total", "a number left out", "more entries than said", "another currency"],
)
async def test_a_journal_that_is_not_whole_is_refused(books: Books, db: Database, rows: tuple, facts: dict) -> None:
    tenant = await books.tenant()
    with pytest.raises(errors.CheckViolation, match="is not balanced"):
        async with db.tenants([tenant]) as tx:
            await run(tx, Attempt(tenant).whole(*rows, **facts))


@pytest.mark.parametrize(
    ("rows", "facts", "refusal"),
    [
        (((1, "1200", 100), (2, "4000", -99)), {}, errors.CheckViolation),
        (SOUND, {"currency": "USD"}, errors.CheckViolation),
        (((1, "1200", 100), (2, "9999", -100)), {}, errors.ForeignKeyViolation),
    ],
    ids=["unbalanced", "another currency", "no such account"],
)
async def test_the_owner_is_refused_as_well(
    books: Books, owner_url: str, rows: tuple, facts: dict, refusal: type[Exception]
) -> None:
    attempt = Attempt(await books.tenant())
    with psycopg.connect(owner_url) as conn, pytest.raises(refusal):
        conn.execute(attempt.whole(*rows, **facts))


async def test_a_journal_of_two_currencies_is_refused_though_each_balances(books: Books, owner_url: str) -> None:
    attempt = Attempt(await books.tenant())
    entries = attempt.entries((1, "1200", 60), (2, "4000", -60)) + (
        f", ('{attempt.tenant}', '{attempt.journal}', 3, '1200', 'USD', 40),"
        f" ('{attempt.tenant}', '{attempt.journal}', 4, '4000', 'USD', -40)"
    )
    with psycopg.connect(owner_url) as conn, pytest.raises(errors.CheckViolation, match="is not balanced"):
        conn.execute(f"WITH j AS ({attempt.head(100, 4)}) {entries}")


async def test_an_account_outside_the_chart_is_refused(books: Books, db: Database) -> None:
    tenant = await books.tenant()
    with pytest.raises(errors.ForeignKeyViolation, match="account 9999 is not in the chart"):
        async with db.tenants([tenant]) as tx:
            await run(tx, Attempt(tenant).whole((1, "1200", 100), (2, "9999", -100)))


async def test_a_journal_without_entries_is_refused(books: Books, db: Database) -> None:
    tenant = await books.tenant()
    with pytest.raises(errors.CheckViolation, match="has no entries"):
        async with db.tenants([tenant]) as tx:
            await run(tx, Attempt(tenant).head())


async def test_entries_cannot_be_split_over_two_statements(books: Books, db: Database) -> None:
    tenant = await books.tenant()
    attempt = Attempt(tenant)
    with pytest.raises(errors.CheckViolation, match="is not balanced"):
        async with db.tenants([tenant]) as tx:
            await run(
                tx,
                f"WITH j AS ({attempt.head()}) {attempt.entries((1, '1200', 100))}",
                attempt.entries((2, "4000", -100)),
            )


async def test_a_balanced_pair_cannot_be_added_to_a_journal_later(books: Books, db: Database) -> None:
    tenant = await books.tenant()
    attempt = Attempt(tenant)
    async with db.tenants([tenant]) as tx:
        await run(tx, attempt.whole(*SOUND))
    with pytest.raises(errors.UniqueViolation):
        async with db.tenants([tenant]) as tx:
            await run(tx, attempt.entries(*SOUND))
    with pytest.raises(errors.CheckViolation):
        async with db.tenants([tenant]) as tx:
            await run(tx, attempt.entries((3, "1200", 100), (4, "4000", -100)))


async def test_switching_the_tenant_midway_does_not_help(books: Books, db: Database) -> None:
    mine, other = await books.tenant(), await books.tenant()
    attempt = Attempt(mine)
    switch = f"SELECT set_config('app.tenant_ids', '{{{other}}}', true)"
    with pytest.raises(errors.CheckViolation):
        async with db.tenants([mine]) as tx:
            await run(tx, f"WITH j AS ({attempt.head()}) {attempt.entries((1, '1200', 100))}", switch)
    with pytest.raises(errors.CheckViolation):
        async with db.tenants([mine, other]) as tx:
            half = attempt.entries((1, "1200", 100)) + f", ('{other}', '{attempt.journal}', 2, '4000', 'EUR', -100)"
            await run(tx, f"WITH j AS ({attempt.head()}) {half}")


async def test_another_tenants_journal_cannot_be_written_or_seen(books: Books, db: Database) -> None:
    mine, other = await books.tenant(), await books.tenant()
    with pytest.raises(errors.InsufficientPrivilege):
        async with db.tenant(mine) as tx:
            await run(tx, Attempt(other).whole(*SOUND))
    async with db.tenant(other) as tx:
        await run(tx, Attempt(other).whole(*SOUND))
    async with db.tenant(mine) as tx:
        rows = await (await tx.conn.execute("SELECT count(*) FROM entries")).fetchone()
    assert rows == (0,)


@pytest.mark.parametrize("table", ["journals", "entries"])
@pytest.mark.parametrize("verb", ["UPDATE {} SET currency = 'USD'", "DELETE FROM {}", "TRUNCATE {}"])
async def test_nothing_is_ever_changed_by_roles_or_owner(
    books: Books, db: Database, owner_url: str, table: str, verb: str
) -> None:
    tenant = await books.tenant()
    statement = verb.format(table)
    for scope in (db.tenant(tenant), db.tenants([tenant]), db.system()):
        with pytest.raises(errors.InsufficientPrivilege):
            async with scope as tx:
                await run(tx, statement)
    with psycopg.connect(owner_url) as conn, pytest.raises(errors.RestrictViolation, match="append-only"):
        conn.execute(statement)
