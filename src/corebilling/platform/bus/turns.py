"""In what order tenants are served while more waits than one batch can carry, and how much of a batch each gets.

Tenants stand in a ring. Each turn gives one a portion in proportion to its weight, spread over the shards that it has events
in; one that has just come goes first, so a trickle never waits for another's backlog. Sources: M. Shreedhar and
G. Varghese, "Efficient fair queueing using deficit round robin", SIGCOMM 1995; new before old as in RFC 8290 (FQ-CoDel).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from corebilling.platform.bus.leases import Lease
from corebilling.platform.queries.outbox import ClaimInTurnRow

NOTHING_READ = UUID(int=0)

_MOST_PORTIONS = 400
_SMALLEST_PORTION = 250


@dataclass(slots=True)
class _Place:
    """One tenant's events in one shard, read up to `low_water` under this lease."""

    lease: Lease
    low_water: UUID


@dataclass(frozen=True, slots=True)
class Portion:
    """What is to be read in a tenant's turn from one shard."""

    shard: int
    tenant_id: UUID
    low_water: UUID
    events: int


class Turns:
    """The ring of tenants with events waiting; empty while there is no crowd. A weight is 1 where none is set."""

    def __init__(self) -> None:
        self.weights: Mapping[UUID, int] = {}
        self._ring: dict[UUID, dict[int, _Place]] = {}
        self._left: dict[UUID, int] = {}
        """Of tenants whose portion is more than was read of it in one go: what they may have before the next one's turn."""

    def __len__(self) -> int:
        return len(self._ring)

    def clear(self) -> None:
        """Forget everybody: what was read has to be read again in order."""
        self._ring.clear()
        self._left.clear()

    def meet(self, waiting: Iterable[tuple[int, UUID]], leases: Mapping[int, Lease], *, afresh: bool) -> None:
        """Add those found waiting as (shard, tenant); newcomers go first. `afresh` reads everybody from the beginning again."""
        new: dict[UUID, dict[int, _Place]] = {}
        for shard, tenant_id in waiting:
            if (lease := leases.get(shard)) is None:
                continue
            places = self._ring.get(tenant_id)
            if places is None:
                places = new.setdefault(tenant_id, {})
            known = places.get(shard)
            if known is None or afresh or known.lease is not lease:
                places[shard] = _Place(lease, NOTHING_READ if afresh else lease.low_water)
        if new:
            self._ring = {**new, **self._ring}

    def portions(self, leases: Mapping[int, Lease], batch: int) -> list[Portion]:
        """Whose turn it is, in order; more than fills the batch, since some will have less than their portion."""
        everybody = sum(self.weights.get(tenant_id, 1) for tenant_id in self._ring)
        smallest = max(_SMALLEST_PORTION, -(-batch // max(1, everybody)))
        found: list[Portion] = []
        for tenant_id in list(self._ring):
            places = self._ring[tenant_id]
            for shard in [s for s, place in places.items() if leases.get(s) is not place.lease]:
                del places[shard]
            if not places:
                self._leave(tenant_id)
                continue
            portion = self._left.setdefault(tenant_id, smallest * self.weights.get(tenant_id, 1))
            each = -(-min(portion, batch) // len(places))
            found += [Portion(shard, tenant_id, place.low_water, each) for shard, place in places.items()]
            if len(found) >= _MOST_PORTIONS:
                break
        return found

    def served(
        self, portions: Sequence[Portion], rows: Sequence[ClaimInTurnRow], horizon: UUID, *, complete: bool
    ) -> None:
        """Note what a claim of these portions brought. Where it was less than asked for, there is nothing more; who has had its
        portion goes to the end of the ring."""
        got: dict[tuple[int, UUID], list[UUID]] = {}
        for row in rows:
            got.setdefault((row.shard, row.tenant_id), []).append(row.event_id)
        last = None if complete else (rows[-1].shard, rows[-1].tenant_id)
        served: dict[UUID, None] = {}
        for portion in portions:
            places, key = self._ring.get(portion.tenant_id, {}), (portion.shard, portion.tenant_id)
            if portion.shard not in places:
                continue  # everybody was forgotten meanwhile
            served[portion.tenant_id] = None
            ids = got.get(key, [])
            self._left[portion.tenant_id] -= len(ids)
            if ids:
                places[portion.shard].low_water = min(horizon, UUID(int=ids[0].int - 1))
            if key == last:
                break
            if len(ids) < portion.events:
                del places[portion.shard]
        for tenant_id in served:
            if not self._ring[tenant_id]:
                self._leave(tenant_id)
            elif self._left[tenant_id] <= 0:
                del self._left[tenant_id]
                self._ring[tenant_id] = self._ring.pop(tenant_id)

    def _leave(self, tenant_id: UUID) -> None:
        del self._ring[tenant_id]
        self._left.pop(tenant_id, None)
