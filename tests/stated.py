"""Statements over real books: the services, a worker of jobs, and short ways to post, run and ask."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from books import Books
from corebilling.invoice.jobs import JOBS
from corebilling.invoice.schemas.statements import StatementOut, StatementRequest, StatementRunResult
from corebilling.invoice.statements import StatementFilter, Statements
from corebilling.kernel.accounts import CASH, RECEIVABLE, REVENUE
from corebilling.kernel.ids import new_id
from corebilling.kernel.journal import DocumentType, EntryDraft, JournalDraft
from corebilling.ledger.sub_ledger import SubLedger
from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database
from corebilling.platform.jobs.kinds import JobHost
from corebilling.platform.jobs.service import JobService
from corebilling.platform.jobs.worker import JobWorker

JANUARY, FEBRUARY, MARCH = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3))
"""The first instants of these months."""


class Office:
    """Statements as production wires them, and what tests post and ask."""

    def __init__(self, db: Database, *, customers_a_chunk: int = 3) -> None:
        self.db = db
        self.books = Books(db)
        self.jobs = JobService(clock=wall_clock)
        self.statements = Statements(
            jobs=self.jobs,
            clocks=self.books.tenants,
            tenants=self.books.tenants,
            customers=self.books.customers,
            sub_ledger=SubLedger(),
            customers_a_chunk=customers_a_chunk,
        )

    def worker(self, service: Statements | None = None, *, later: timedelta = timedelta(), **more: Any) -> JobWorker:
        """A worker whose clock is ahead by `later`."""
        hosts = [JobHost(service or self.statements, JOBS)]
        return JobWorker(self.db, hosts, clock=lambda: wall_clock() + later, **more)

    async def start(self, tenant: UUID, **wanted: Any) -> UUID:
        """Queue a run; its job."""
        async with self.db.tenant(tenant) as tx:
            return (await self.statements.start(tx, tenant, StatementRequest(**wanted))).id

    async def result(self, tenant: UUID, job_id: UUID) -> StatementRunResult:
        """What a finished run came to."""
        async with self.db.tenant(tenant) as tx:
            job = await self.jobs.get(tx, tenant, job_id)
            items = await self.jobs.items(tx, tenant, job_id, after=None, limit=1000)
        assert job.state == "succeeded", (job.state, job.error)
        assert job.progress.done == job.progress.total
        found = msgspec.json.decode(bytes(job.result or b""), type=StatementRunResult)
        assert len(items) == found.statements
        return found

    async def run(self, tenant: UUID, period: str = "2026-01", **wanted: Any) -> StatementRunResult:
        """A whole run."""
        job_id = await self.start(tenant, period=period, **wanted)
        while await self.worker().work_once():
            pass
        return await self.result(tenant, job_id)

    async def made(self, tenant: UUID, **wanted: Any) -> list[StatementOut]:
        """Statements, oldest first."""
        async with self.db.tenant(tenant) as tx:
            found = await self.statements.find(tx, tenant, StatementFilter(**wanted), after=None, limit=1000)
        return found[::-1]

    async def post(self, tenant: UUID, customer: UUID, amount_minor: int, at: datetime, currency: str = "EUR") -> None:
        """A journal by which the customer owes more or less."""
        kind: DocumentType = "invoice" if amount_minor > 0 else "payment"
        other = EntryDraft(REVENUE if amount_minor > 0 else CASH, -amount_minor)
        entries = (EntryDraft(RECEIVABLE, amount_minor, customer), other)
        draft = JournalDraft(tenant, kind, new_id(), currency, at, kind.capitalize(), entries)
        async with self.db.tenant(tenant) as tx:
            await self.books.ledger.post(tx, [draft])
