"""Statements of account: a job that walks a tenant's customers and draws up what is missing, and reading them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from corebilling.invoice import statement_rows as rows
from corebilling.invoice.domain.statement import documents_of, drawn_up
from corebilling.invoice.ports import Clocks, Customers, SubLedger, Tenants
from corebilling.invoice.queries import statements as queries
from corebilling.invoice.schemas.statements import (
    StatementDetailOut,
    StatementMade,
    StatementOrder,
    StatementOut,
    StatementRequest,
    StatementRunResult,
)
from corebilling.kernel.errors import NotFound, invalid_field
from corebilling.kernel.period import local_month
from corebilling.platform.db import Tx
from corebilling.platform.jobs.kinds import Chunk, Job
from corebilling.platform.jobs.schemas import JobOut
from corebilling.platform.jobs.service import JobService

KIND = "statements"
"""The kind of job."""

_NEWEST = UUID(int=2**128 - 1)
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)

_order = msgspec.json.Decoder(StatementOrder)


class StatementFilter(msgspec.Struct, frozen=True):
    """Which statements; all that is given must hold. `customer` is an id or external id, `period` a month."""

    customer: str | None = None
    currency: str | None = None
    period: str | None = None


class Position(msgspec.Struct):
    """How far a run got."""

    customers: int
    after: UUID | None = None
    made: int = 0
    there_before: int = 0


_position = msgspec.json.Decoder(Position)


class Statements:
    """Draws up statements from the ledger, `customers_a_chunk` customers in each transaction, and shows them."""

    def __init__(
        self,
        *,
        jobs: JobService,
        clocks: Clocks,
        tenants: Tenants,
        customers: Customers,
        sub_ledger: SubLedger,
        customers_a_chunk: int = 200,
    ) -> None:
        self._jobs = jobs
        self._clocks = clocks
        self._tenants = tenants
        self._customers = customers
        self._sub_ledger = sub_ledger
        self._customers_a_chunk = customers_a_chunk

    async def start(self, tx: Tx, tenant_id: UUID, request: StatementRequest) -> JobOut:
        """Queue a run. Raises `Invalid` for a period that isn't over in the tenant's time, `NotFound` for an unknown customer."""
        start, end = await self._period(tx, tenant_id, request)
        now = (await self._clocks.now(tx, [tenant_id]))[tenant_id]
        if end > now:
            pointer = "/period" if request.period else "/to"
            raise invalid_field(pointer, "isn't over in the tenant's time; ask for a period of the past")
        only = None
        if request.customer_id is not None:
            only = (await self._customers.by_ref(tx, tenant_id, request.customer_id)).customer_id
        return await self._jobs.queue(tx, tenant_id, KIND, StatementOrder(start, end, now, only))

    async def step(self, tx: Tx, job: Job) -> Chunk:
        """The next customers' statements, with an item for each that wasn't there; what it came to after the last."""
        order = _order.decode(job.request)
        position = _position.decode(job.position) if job.position else await self._beginning(tx, job.tenant_id, order)
        customers = await self._next(tx, job.tenant_id, order, position)
        if not customers:
            result = StatementRunResult(job.done, position.made, position.there_before)
            return Chunk(job.done, job.done, result=msgspec.json.encode(result))
        made = await self._draw_up(tx, job.tenant_id, order, customers, position)
        position.after = customers[-1]
        done = job.done + len(customers)
        return Chunk(
            done,
            max(position.customers, done),
            msgspec.json.encode(position),
            [msgspec.json.encode(item) for item in made],
        )

    async def find(
        self, tx: Tx, tenant_id: UUID, wanted: StatementFilter, *, after: UUID | None, limit: int
    ) -> list[StatementOut]:
        """Statements without their lines, newest first."""
        customer_id = await self._customers.filter_id(tx, tenant_id, wanted.customer)
        start = end = None
        if wanted.period is not None:
            start, end = await self._month(tx, tenant_id, wanted.period, "/query/period")
        found = await queries.list_statements(
            tx.conn,
            tenant_id=tenant_id,
            customer_id=customer_id,
            currency=wanted.currency,
            period_start=start,
            period_end=end,
            before_id=after or _NEWEST,
            page=limit,
        )
        return [rows.summary(row) for row in found]

    async def get(self, tx: Tx, tenant_id: UUID, statement_id: UUID) -> StatementDetailOut:
        """One statement with its lines. Raises `NotFound`."""
        row = await queries.get_statement(tx.conn, tenant_id=tenant_id, statement_id=statement_id)
        if row is None:
            raise unknown(statement_id)
        return rows.detail(row)

    async def _beginning(self, tx: Tx, tenant_id: UUID, order: StatementOrder) -> Position:
        return Position(1 if order.customer_id else await self._sub_ledger.count(tx, tenant_id))

    async def _next(self, tx: Tx, tenant_id: UUID, order: StatementOrder, position: Position) -> list[UUID]:
        if order.customer_id is not None:
            return [] if position.after else [order.customer_id]
        return await self._sub_ledger.customers(tx, tenant_id, position.after, self._customers_a_chunk)

    async def _draw_up(
        self, tx: Tx, tenant_id: UUID, order: StatementOrder, customers: Sequence[UUID], position: Position
    ) -> list[StatementMade]:
        """What is missing of these customers' statements."""
        accounts = await self._sub_ledger.accounts(tx, tenant_id, customers, order.period_start, order.period_end)
        stated = await rows.closing_balances(tx, tenant_id, customers, order.period_start)
        numbers = await rows.numbers(tx, tenant_id, documents_of(accounts))
        found = [
            statement
            for account in accounts
            if (
                statement := drawn_up(
                    account, stated.get((account.customer_id, account.currency)), numbers, order.period_start
                )
            )
        ]
        seller = (await self._tenants.profiles(tx, [tenant_id]))[tenant_id]
        buyers = await self._customers.profiles(tx, [(tenant_id, one.customer_id) for one in found])
        made = await rows.keep(tx, order, found, seller, {key[1]: profile for key, profile in buyers.items()})
        position.made += len(made)
        position.there_before += len(found) - len(made)
        return made

    async def _period(self, tx: Tx, tenant_id: UUID, request: StatementRequest) -> tuple[datetime, datetime]:
        if request.period is not None and request.start is None and request.end is None:
            return await self._month(tx, tenant_id, request.period)
        if request.period is not None or request.start is None or request.end is None:
            raise invalid_field("/period", "name either a month such as 2026-01 here, or from and to")
        if not _EARLIEST <= request.start < request.end:
            raise invalid_field("/to", "must be after `from`, and both after 1970")
        return request.start.astimezone(UTC), request.end.astimezone(UTC)

    async def _month(self, tx: Tx, tenant_id: UUID, period: str, pointer: str = "/period") -> tuple[datetime, datetime]:
        profile = (await self._tenants.profiles(tx, [tenant_id])).get(tenant_id)
        if profile is None:
            raise NotFound(f"there is no tenant {tenant_id}; check the id", code="tenant_not_found")
        return local_month(period, profile.time_zone, pointer)


def unknown(statement_id: UUID) -> NotFound:
    """What is answered for an id that no statement has."""
    return NotFound(f"there is no statement {statement_id}; list statements to find its id", code="statement_not_found")
