"""Connections and transactions: every transaction says whose data it may see.

Each database role has a pool of its own, whose connections have switched to that role for good. The role and
the tenant setting together decide, by row-level security, what a statement can see (docs/adr/0003).

A transaction runs in pipeline mode with explicit BEGIN and COMMIT: the tenant setting, the first statement and
every write whose result nobody reads travel together. So an error of such a write shows at the next read or at
COMMIT, and `rowcount` is not to be used: ask for RETURNING rows instead.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

import psycopg
from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus
from psycopg.types.string import TextLoader
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from corebilling.platform.db.arrays import array_literal, register_list_dumper
from corebilling.platform.db.connecting import CONNECTION_OPTIONS
from corebilling.platform.db.errors import translated
from corebilling.platform.db.notify import Notifier

DatabaseRole = Literal["corebilling_app", "corebilling_router", "corebilling_system", "corebilling_identity"]

Connection = AsyncConnection[Any]

_ACQUIRE_TIMEOUT_SECONDS = 10.0
_ACQUIRE_SLICE_SECONDS = 2.0
_RECONNECT_SECONDS = 1.0
"""The pool doubles the wait between its attempts, up to minutes: after this long we have it begin afresh."""


@dataclass(slots=True)
class Tx:
    """One open transaction. Only the edge that opened it commits."""

    conn: Connection
    wakes: set[str] = field(default_factory=set)
    committed: list[Callable[[], object]] = field(default_factory=list)
    may_emit: bool = True
    """False while a projection is written: its events were emitted when the facts happened."""

    def wake(self, channel: str) -> None:
        """Send NOTIFY on the channel once this transaction has committed."""
        self.wakes.add(channel)

    def once_committed(self, work: Callable[[], object]) -> None:
        """Call this once the transaction has committed, and never otherwise: for counters. It must be quick and not raise."""
        self.committed.append(work)


class Database:
    """The pools of one process. `open` before use, `close` at the end; a pool is made when its role is first used.

    `statement_seconds`: how long one statement in a tenant's transaction may take, 0 for ever. Who asks for too much must not
    hold the connections that others wait for.
    """

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 20,
        application_name: str = "corebilling",
        listen_url: str = "",
        statement_seconds: int = 0,
    ) -> None:
        self.url = url
        self.listen_url = listen_url or url
        self._pool_size = pool_size
        self._statement_seconds = statement_seconds
        self._application_name = application_name
        self._pools: dict[DatabaseRole, AsyncConnectionPool[Connection]] = {}
        self._opening = asyncio.Lock()
        self._away_until = 0.0
        self.notifier = Notifier(self.listen_url)

    async def open(self) -> None:
        """Start the notifier; the pools open with their first use."""
        await self.notifier.start()

    async def close(self) -> None:
        """Close every pool and the notifier."""
        await self.notifier.stop()
        for pool in self._pools.values():
            await pool.close()
        self._pools.clear()

    @asynccontextmanager
    async def tenant(self, tenant_id: UUID) -> AsyncIterator[Tx]:
        """A transaction of the API that sees and writes one tenant's rows."""
        async with self._transaction("corebilling_app", "app.tenant_id", str(tenant_id)) as tx:
            yield tx

    @asynccontextmanager
    async def tenants(self, tenant_ids: Collection[UUID]) -> AsyncIterator[Tx]:
        """A transaction of an event handler that sees and writes the rows of a set of tenants."""
        literal = array_literal(sorted(set(tenant_ids)))
        async with self._transaction("corebilling_router", "app.tenant_ids", literal) as tx:
            yield tx

    @asynccontextmanager
    async def system(self) -> AsyncIterator[Tx]:
        """A transaction of the few scans across tenants: dispatcher, scheduler, webhook claims, administration."""
        async with self._transaction("corebilling_system", None, "") as tx:
            yield tx

    @asynccontextmanager
    async def identity(self) -> AsyncIterator[Tx]:
        """A transaction that may look up who a credential belongs to, and nothing else."""
        async with self._transaction("corebilling_identity", None, "") as tx:
            yield tx

    @asynccontextmanager
    async def _transaction(self, role: DatabaseRole, setting: str | None, value: str) -> AsyncIterator[Tx]:
        pool = self._pools.get(role) or await self._open_pool(role)
        try:
            conn = await self._acquire(pool)
            try:
                tx = Tx(conn)
                try:
                    async with conn.pipeline():
                        await conn.execute("BEGIN")
                        if setting:
                            await conn.execute("SELECT set_config(%s, %s, true)", (setting, value))
                        yield tx
                        await conn.execute("COMMIT")
                except BaseException:
                    if conn.info.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
                        await conn.rollback()
                    raise
            finally:
                await pool.putconn(conn)
        except (psycopg.Error, PoolTimeout) as error:
            seen = translated(error)
            if seen is error:
                raise
            raise seen from error
        for channel in tx.wakes:
            self.notifier.wake(channel)
        for work in tx.committed:
            work()

    async def _acquire(self, pool: "AsyncConnectionPool[Connection]") -> Connection:
        """A connection, waited for while others use them all, but not when the server is known to be away. Raises PoolTimeout."""
        deadline = time.monotonic() + _ACQUIRE_TIMEOUT_SECONDS
        while True:
            try:
                return await pool.getconn(timeout=_ACQUIRE_SLICE_SECONDS)
            except PoolTimeout:
                now = time.monotonic()
                if now < self._away_until or now >= deadline:
                    raise

    async def _try_afresh(self, pool: "AsyncConnectionPool[Connection]") -> None:
        """The pool gave up: note it, drop what broke and begin another attempt, for as long as the server is away."""
        self._away_until = time.monotonic() + 2 * _RECONNECT_SECONDS
        await pool.check()

    async def _open_pool(self, role: DatabaseRole) -> "AsyncConnectionPool[Connection]":
        async with self._opening:
            if role in self._pools:
                return self._pools[role]

            async def configure(conn: Connection) -> None:
                register_list_dumper(conn)
                for name in ("json", "jsonb"):
                    conn.adapters.register_loader(name, TextLoader)
                await conn.execute(f"SET ROLE {role}")
                if role == "corebilling_app" and self._statement_seconds:
                    await conn.execute(f"SET statement_timeout = '{self._statement_seconds}s'")

            pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
                self.url,
                kwargs={**CONNECTION_OPTIONS, "application_name": self._application_name},
                min_size=0,
                max_size=self._pool_size,
                configure=configure,
                check=None,
                reconnect_timeout=_RECONNECT_SECONDS,
                reconnect_failed=self._try_afresh,
                open=False,
                name=role,
            )
            await pool.open()
            self._pools[role] = pool
            return pool
