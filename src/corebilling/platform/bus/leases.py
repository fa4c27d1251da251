"""Which shards of the outbox this dispatcher holds.

A lease is a row with an owner, an expiry and a token that grows with each change of hands. Marks name the token, so a
dispatcher that slept through its expiry records nothing for a shard that another has since taken. The living share the
shards evenly: each takes at most its part and gives back what exceeds it.
"""

import math
import os
import secrets
import socket
import time
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from loguru import logger

from corebilling.platform.bus import metrics
from corebilling.platform.bus.outbox import SHARDS
from corebilling.platform.db import Database
from corebilling.platform.queries import leases as queries


@dataclass(slots=True)
class Lease:
    """A shard held. Everything below `low_water` has been read, except for what the full scans find later."""

    token: int
    low_water: UUID
    valid_until: float
    """By this process's monotonic clock, reckoned from before the renewal was sent: early rather than late."""
    leaving: bool = False


class Leases:
    """The leases of one dispatcher. `owner` is unique to the process's run."""

    def __init__(self, db: Database, *, ttl_seconds: float = 10.0) -> None:
        self.owner = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self.ttl_seconds = ttl_seconds
        self._db = db
        self._held: dict[int, Lease] = {}

    def usable(self) -> dict[int, Lease]:
        """The shards that may be read and published now."""
        now = time.monotonic()
        return {shard: lease for shard, lease in self._held.items() if not lease.leaving and lease.valid_until > now}

    async def keep(self, busy: Collection[int] = ()) -> None:
        """Renew, and move towards a fair share; `busy` shards have events in flight and are given back later."""
        started = time.monotonic()
        async with self._db.system() as tx:
            await queries.heartbeat(tx.conn, owner=self.owner, ttl_seconds=self.ttl_seconds)
            living = await queries.count_dispatchers(tx.conn) or 1
            held = dict(self._held)
            kept = await queries.renew_leases(
                tx.conn,
                owner=self.owner,
                ttl_seconds=self.ttl_seconds,
                shards=list(held),
                tokens=[lease.token for lease in held.values()],
                low_waters=[lease.low_water for lease in held.values()],
            )
            share = math.ceil(SHARDS / living)
            taken = []
            if len(kept) < share:
                taken = await queries.take_leases(
                    tx.conn, owner=self.owner, ttl_seconds=self.ttl_seconds, wanted=share - len(kept)
                )
            surplus = sorted(kept)[share:]
            release = [shard for shard in surplus if self._held[shard].leaving and shard not in busy]
            if release:
                await queries.release_leases(tx.conn, owner=self.owner, shards=release)
        if lost := self._held.keys() - set(kept):
            logger.warning("shards {} went to another dispatcher", sorted(lost))
        self._held = {shard: lease for shard, lease in self._held.items() if shard in kept and shard not in release}
        for row in taken:
            self._held[row.shard] = Lease(row.token, row.low_water, 0.0)
        for shard, lease in self._held.items():
            lease.valid_until = started + self.ttl_seconds
            lease.leaving = shard in surplus
        metrics.SHARDS_HELD.set(len(self._held))

    async def give_back(self) -> None:
        """Release everything, at the end."""
        shards, self._held = list(self._held), {}
        metrics.SHARDS_HELD.set(0)
        async with self._db.system() as tx:
            await queries.release_leases(tx.conn, owner=self.owner, shards=shards)
            await queries.forget_dispatchers(tx.conn, owner=self.owner)
