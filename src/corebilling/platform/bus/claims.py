"""What is published next: events in order within each resource, tenants by turns as soon as there is a crowd.

While little waits, a batch is read in the order of ids, shard by shard. When batches come back full again and again, the tenants
with something waiting are looked up and take turns (turns.py), until nothing is left of the crowd.

Low-water marks keep reading flat: it starts behind what was read before, as far as no open transaction can still bring an older
id (horizon.py). Every few seconds a full scan, or a full look round for tenants, begins at the beginning: it finds replays, and
what waited for another attempt.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC
from uuid import UUID

from loguru import logger

from corebilling.kernel.clock import Clock
from corebilling.platform.bus import metrics
from corebilling.platform.bus.horizon import Horizon
from corebilling.platform.bus.leases import Lease, Leases
from corebilling.platform.bus.turns import NOTHING_READ, Turns
from corebilling.platform.db import Database, Tx
from corebilling.platform.db.errors import is_transient
from corebilling.platform.queries import outbox as queries
from corebilling.platform.queries.outbox import ClaimEventsRow, ClaimInTurnRow

Claimed = ClaimEventsRow | ClaimInTurnRow

BATCH = 1000
_PER_SHARD = 250
_FULL_SCAN_SECONDS = 3.0
_LOOK_SECONDS = 0.05
_FULL_BATCHES_MAKE_A_CROWD = 3
_PATIENCE = 4
"""A full scan or a look round is followed by at least so many times its own duration without one."""


class Claims:
    """One dispatcher's claims. What is claimed stays out of further claims until it is settled."""

    def __init__(self, db: Database, clock: Clock, leases: Leases) -> None:
        self.in_flight: dict[UUID, int] = {}
        """Events claimed and not settled, with their shard."""
        self._db = db
        self._clock = clock
        self._leases = leases
        self._turns = Turns()
        self._horizon = Horizon()
        self._waiting: set[UUID] = set()
        self._full_batches = 0
        self._next_full_scan = 0.0
        self._next_look = 0.0
        self._readings = 0
        self._first_shard = 0
        self.more = False
        """Whether the last claim has left something that the next one will find."""

    def scan_soon(self) -> None:
        """Begin the next claim at the beginning: something that was read is to be read again, or a resource to be waited for."""
        self._turns.clear()
        self._next_full_scan = 0.0
        self._readings += 1

    def settle(self, rows: Sequence[Claimed]) -> None:
        """These are marked, or may be claimed again."""
        for row in rows:
            self.in_flight.pop(row.event_id, None)
        metrics.IN_FLIGHT.set(len(self.in_flight))

    async def next(self, leases: dict[int, Lease]) -> Sequence[Claimed]:
        """The next batch, in order for each resource; nothing while the database is away."""
        self.more = False
        if not leases:
            return []
        try:
            async with self._db.system() as tx:
                await self._look_far(tx)
                crowd = self._turns or self._full_batches >= _FULL_BATCHES_MAKE_A_CROWD
                if crowd and asyncio.get_running_loop().time() >= self._next_look:
                    await self._look_round(tx, leases)
                rows = await (self._by_turns(tx, leases) if self._turns else self._by_id(tx, leases))
        except Exception as error:
            if not is_transient(error):
                raise
            logger.warning("the outbox can't be read, trying again: {}", error)
            return []
        self.in_flight.update((row.event_id, row.shard) for row in rows)
        metrics.IN_FLIGHT.set(len(self.in_flight))
        return rows

    async def _look_round(self, tx: Tx, leases: dict[int, Lease]) -> None:
        """Find the tenants in the crowd."""
        started, readings = asyncio.get_running_loop().time(), self._readings
        afresh = not self._turns or started >= self._next_full_scan
        if not await queries.takes_turns(tx.conn, day=self._clock().astimezone(UTC).date()):
            self._next_look = started + _FULL_SCAN_SECONDS
            return
        if afresh:
            self._turns.weights = {row.tenant_id: row.weight for row in await queries.weights(tx.conn)}
            await self._find_waiting(tx, leases)
        found = await queries.waiting_tenants(
            tx.conn,
            shards=list(leases),
            low_waters=[NOTHING_READ if afresh else lease.low_water for lease in leases.values()],
        )
        ended = asyncio.get_running_loop().time()
        self._next_look = ended + max(_LOOK_SECONDS, _PATIENCE * (ended - started))
        if readings == self._readings:
            self._turns.meet([(row.shard, row.tenant_id) for row in found], leases, afresh=afresh)
            if afresh:
                self._fully_scanned(readings, started)

    def _fully_scanned(self, readings: int, started: float) -> None:
        if readings == self._readings:
            now = asyncio.get_running_loop().time()
            self._next_full_scan = now + max(_FULL_SCAN_SECONDS, _PATIENCE * (now - started))

    async def _by_id(self, tx: Tx, leases: dict[int, Lease]) -> Sequence[Claimed]:
        """A batch in order within each shard, the shards taking turns to be first."""
        started, readings = asyncio.get_running_loop().time(), self._readings
        full = started >= self._next_full_scan
        shards = sorted(leases, key=lambda shard: (shard < self._first_shard, shard))
        if full:
            await self._find_waiting(tx, leases)
        per_shard = max(_PER_SHARD, -(-BATCH // len(shards)))
        rows = await queries.claim_events(
            tx.conn,
            shards=shards,
            low_waters=[NOTHING_READ if full else leases[shard].low_water for shard in shards],
            now=self._clock(),
            waiting_resources=list(self._waiting),
            in_flight=list(self.in_flight),
            per_shard=per_shard,
            max_rows=BATCH,
        )
        cut = len(rows) == BATCH
        crowded = cut or per_shard in Counter(row.shard for row in rows).values()
        self._full_batches = self._full_batches + 1 if crowded else 0
        self.more = crowded
        if full and not crowded:  # else the next one is full as well: it has not seen all that lies below the marks
            self._fully_scanned(readings, started)
        self._advance(leases, rows, complete=not cut)
        return rows

    def _advance(self, leases: dict[int, Lease], rows: Sequence[ClaimEventsRow], *, complete: bool) -> None:
        first: dict[int, UUID] = {}
        for row in rows:
            first.setdefault(row.shard, row.event_id)
        horizon = self._horizon.id
        for shard, lease in leases.items():
            if shard in first:
                before = UUID(int=first[shard].int - 1)
                lease.low_water = max(lease.low_water, min(horizon, before))
            elif complete:
                lease.low_water = max(lease.low_water, horizon)
        if not complete:
            self._first_shard = rows[-1].shard + 1

    async def _by_turns(self, tx: Tx, leases: dict[int, Lease]) -> Sequence[Claimed]:
        portions = self._turns.portions(leases, BATCH)
        rows = await queries.claim_in_turn(
            tx.conn,
            shards=[portion.shard for portion in portions],
            tenant_ids=[portion.tenant_id for portion in portions],
            low_waters=[portion.low_water for portion in portions],
            portions=[portion.events for portion in portions],
            now=self._clock(),
            waiting_resources=list(self._waiting),
            in_flight=list(self.in_flight),
            max_rows=BATCH,
        )
        self._turns.served(portions, rows, self._horizon.id, complete=len(rows) < BATCH)
        self.more = True
        return rows

    async def _look_far(self, tx: Tx) -> None:
        """Move the horizon; before the claim, so that everything below it is in sight of that."""
        now = self._clock()
        if self._horizon.is_due(now) and (row := await queries.transactions(tx.conn)):
            self._horizon.note(row.oldest_running, row.next_number, now)

    async def _find_waiting(self, tx: Tx, leases: dict[int, Lease]) -> None:
        waiting = await queries.waiting_resources(tx.conn, shards=list(leases), now=self._clock())
        self._waiting = {row.resource_id for row in waiting}
