"""The trail of corrections: how one is written down, and how they are looked at."""

from datetime import datetime
from uuid import UUID

import msgspec

from corebilling.events.envelope import NewEvent
from corebilling.events.usage import UsageCorrected
from corebilling.kernel.decimals import plain
from corebilling.kernel.errors import Conflict, NotFound
from corebilling.platform import audit
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Tx
from corebilling.usage.domain.correction import (
    Author,
    BackfillMode,
    Correction,
    CorrectionKind,
    hour_changes,
    name_states,
    touched_series,
)
from corebilling.usage.domain.identity import ROTATION_LOCK, correction_lock, epoch_lock
from corebilling.usage.domain.sums import exact_sum
from corebilling.usage.ingest import Ingest
from corebilling.usage.queries import corrections as queries
from corebilling.usage.queries import ingest as ingest_queries
from corebilling.usage.schemas.corrections import CorrectionOut, Touched

_SERIES_PER_EVENT = 1_000


class CorrectionFilter(msgspec.Struct, frozen=True):
    """Which corrections to list; the instants are those of the correction, not of the usage."""

    kind: CorrectionKind | None = None
    meter: str | None = None
    subscription: str | None = None
    start: datetime | None = None
    end: datetime | None = None


class Trail(Ingest):
    """Writes corrections down and lists them."""

    async def correct(self, tx: Tx, tenant_id: UUID, correction: Correction, by: Author) -> CorrectionOut:
        """Write a correction down: voids, new events, names, the trail, what others are told, and last the rollups."""
        at = self._clock()
        voided, added = correction.voided, correction.added
        if voided:
            await queries.add_voids(
                tx.conn,
                tenant_id=tenant_id,
                correction_id=correction.id,
                subscription_ids=[event.subscription_id for event in voided],
                meter_ids=[event.meter_id for event in voided],
                timestamps=[event.ts for event in voided],
                keys=[event.key for event in voided],
            )
        if added and await self.insert(tx, tenant_id, added, at):
            raise Conflict("some of these events were reported just now; send the correction again", code="usage_moved")
        await _name(tx, tenant_id, correction)
        await _trail(tx, tenant_id, correction, by, at)
        await emit(tx, _told(tenant_id, correction, at))
        await _add_up(tx, tenant_id, correction)
        return await self.get_correction(tx, tenant_id, correction.id)

    async def get_correction(self, tx: Tx, tenant_id: UUID, correction_id: UUID) -> CorrectionOut:
        """One correction. Raises `NotFound`."""
        rows = await queries.list_corrections(
            tx.conn,
            tenant_id=tenant_id,
            id=correction_id,
            before_id=None,
            kind=None,
            meter=None,
            subscription_id=None,
            from_at=None,
            to_at=None,
            page_size=1,
        )
        if not rows:
            raise NotFound(
                f"there is no correction {correction_id}; GET /v1/usage/corrections lists them",
                code="correction_not_found",
            )
        return _shown(rows[0])

    async def list_corrections(
        self, tx: Tx, tenant_id: UUID, wanted: CorrectionFilter, *, after: UUID | None, limit: int
    ) -> list[CorrectionOut]:
        """Newest first. Raises `NotFound` for an unknown subscription."""
        subscription_id = None
        if wanted.subscription is not None:
            subscription_id = await self._subscription(tx, tenant_id, wanted.subscription)
        rows = await queries.list_corrections(
            tx.conn,
            tenant_id=tenant_id,
            id=None,
            before_id=after,
            kind=wanted.kind,
            meter=wanted.meter,
            subscription_id=subscription_id,
            from_at=wanted.start,
            to_at=wanted.end,
            page_size=limit,
        )
        return [_shown(row) for row in rows]


async def hold_locks(tx: Tx, tenant_id: UUID) -> None:
    """The first statements of a correction: alone among the tenant's corrections, beside its ingest, before any seal."""
    await queries.hold_correction_lock(tx.conn, correction_lock=correction_lock(tenant_id))
    await ingest_queries.hold_write_locks(tx.conn, rotation_lock=ROTATION_LOCK, tenant_lock=epoch_lock(tenant_id))


async def _name(tx: Tx, tenant_id: UUID, correction: Correction) -> None:
    states = name_states(correction.voided, correction.added)
    if states:
        await queries.set_corrected_names(
            tx.conn,
            tenant_id=tenant_id,
            correction_id=correction.id,
            name_keys=[UUID(name) for name in states],
            keys=[state.key for state in states.values()],
            subscription_ids=[state.subscription_id for state in states.values()],
            timestamps=[state.ts for state in states.values()],
            counts=[state.counts for state in states.values()],
        )


async def _trail(tx: Tx, tenant_id: UUID, correction: Correction, by: Author, at: datetime) -> None:
    voided, added = correction.voided, correction.added
    subscriptions = {event.subscription_id for event in voided}
    subscriptions |= {row.owner.attribution.subscription_id for row in added}
    await queries.add_correction(
        tx.conn,
        tenant_id=tenant_id,
        id=correction.id,
        kind=correction.kind,
        mode=correction.mode,
        reason=correction.reason,
        actor=by.actor,
        request_id=by.request_id,
        created_at=at,
        meter_id=correction.meter_id,
        subscription_ids=sorted(subscriptions),
        range_start=correction.range_start,
        range_end=correction.range_end,
        events_before=len(voided),
        quantity_before=exact_sum(event.quantity for event in voided),
        events_after=len(added),
        quantity_after=exact_sum(row.quantity for row in added),
        details=msgspec.json.encode(correction.details).decode(),
    )
    act = audit.Act(at, by.actor, by.action, f"/v1/usage/corrections/{correction.id}", by.request_id)
    await audit.record(tx, act, [tenant_id])


def _told(tenant_id: UUID, correction: Correction, at: datetime) -> list[NewEvent]:
    series = touched_series(correction.voided, correction.added)
    parts = [series[n : n + _SERIES_PER_EVENT] for n in range(0, len(series), _SERIES_PER_EVENT)] or [[]]
    told = [UsageCorrected(correction.id, correction.kind, correction.reason, part) for part in parts]
    return [NewEvent(tenant_id, correction.id, number, payload, at) for number, payload in enumerate(told, 1)]


async def _add_up(tx: Tx, tenant_id: UUID, correction: Correction) -> None:
    changes = hour_changes(correction.voided, correction.added)
    if changes:
        await ingest_queries.add_to_rollups(
            tx.conn,
            tenant_id=tenant_id,
            subscription_ids=[change.subscription for change in changes],
            meter_ids=[change.meter for change in changes],
            hours=[change.hour_at for change in changes],
            event_counts=[change.event_count for change in changes],
            value_sums=[change.value_sum for change in changes],
            value_maxes=[change.value_max for change in changes],
            value_mins=[change.value_min for change in changes],
        )


def _shown(row: queries.ListCorrectionsRow) -> CorrectionOut:
    return CorrectionOut(
        row.id,
        msgspec.convert(row.kind, CorrectionKind),
        msgspec.convert(row.mode, BackfillMode | None),
        row.reason,
        row.actor,
        row.request_id,
        row.created_at,
        row.epoch,
        row.meter,
        row.subscription_ids,
        row.range_start,
        row.range_end,
        Touched(row.events_before, plain(row.quantity_before)),
        Touched(row.events_after, plain(row.quantity_after)),
        msgspec.Raw(row.details.encode()),
    )
