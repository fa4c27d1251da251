"""Backfills: usage of a range that was never reported, or that has to be reported anew."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from corebilling.kernel.errors import Conflict, FieldError, Invalid, NotFound, invalid_field
from corebilling.kernel.ids import new_id
from corebilling.platform.db import Tx
from corebilling.usage.correction_trail import hold_locks
from corebilling.usage.corrections import Corrections
from corebilling.usage.domain.attribution import Owners
from corebilling.usage.domain.backfill import Ground, Known, Plan, Problem, plan
from corebilling.usage.domain.correction import Author, Correction, StoredEvent, name_of
from corebilling.usage.domain.event import Refusal, UsageEvent
from corebilling.usage.domain.normalise import Normaliser, Surroundings, UsageRow
from corebilling.usage.queries import corrections as queries
from corebilling.usage.schemas.corrections import BackfillAnswer, BackfillCreate, BackfillEvent

MOST_REPLACED = 50_000
"""Events that one backfill may replace; they are read, compared and taken back in one transaction."""

_PROBLEMS_SHOWN = 100


class Backfills(Corrections):
    """Puts in what was used long ago, or in place of what was reported."""

    async def backfill(self, tx: Tx, tenant_id: UUID, data: BackfillCreate, by: Author) -> BackfillAnswer:
        """All of it or, if anything is wrong with one event, nothing. What is there already stays as it is.

        Raises `Invalid` with a pointer for each event that can't be taken, `NotFound` for an unknown meter, subscription
        or customer, `Conflict` for names that stand for something else.
        """
        _require_sound(data)
        await hold_locks(tx, tenant_id)
        owners, subscriptions = await self._owners(tx, tenant_id, data)
        meters = await self.readings(tx, tenant_id, {data.meter})
        if data.meter not in meters:
            raise NotFound(f"there is no meter '{data.meter}'; GET /v1/meters lists them", code="meter_not_found")
        now = (await self._clocks.now(tx, [tenant_id]))[tenant_id]
        rows = _rows(data, Normaliser(Surroundings(now, meters, owners, data.start)))
        meter_id = meters[data.meter].meter.id
        ground = await self._ground(tx, tenant_id, data, subscriptions, meter_id, rows)
        correction_id = new_id()
        wanted = plan(rows, ground, correction_id, replaces=data.mode == "replace")
        if wanted.problems:
            raise Conflict(
                "some names stand for other usage; nothing was changed",
                code="idempotency_conflict",
                fields=_fields(wanted.problems),
            )
        unchanged = len(rows) - len(wanted.added)
        if not wanted.voided and not wanted.added:
            return BackfillAnswer(0, 0, unchanged, None)
        correction = _correction(data, correction_id, meter_id, wanted, unchanged)
        written = await self.correct(tx, tenant_id, correction, by)
        return BackfillAnswer(len(wanted.added), len(wanted.voided), unchanged, written)

    async def _owners(self, tx: Tx, tenant_id: UUID, data: BackfillCreate) -> tuple[Owners, list[UUID]]:
        subscriptions = [] if data.subscription_id is None else [data.subscription_id]
        customers = [] if data.customer_id is None else [data.customer_id]
        found = await self._subscriptions.attributions(tx, tenant_id, subscriptions, customers)
        owners = Owners(found)
        if data.subscription_id is not None:
            owner = owners.subscription(data.subscription_id)
            if owner is not None:
                return owners, [owner.attribution.subscription_id]
            raise NotFound(
                f"there is no subscription '{data.subscription_id}'; GET /v1/subscriptions lists them",
                code="subscription_not_found",
            )
        if not found:
            raise NotFound(
                f"there is no customer '{data.customer_id}' with a subscription; create both first",
                code="customer_not_found",
            )
        return owners, sorted({owner.subscription_id for owner in found})

    async def _ground(
        self,
        tx: Tx,
        tenant_id: UUID,
        data: BackfillCreate,
        subscriptions: Sequence[UUID],
        meter_id: UUID,
        rows: Sequence[UsageRow],
    ) -> Ground:
        """What is in the range (all of it, if it is to be replaced) and what the names sent stand for."""
        names = [UUID(row.key) for row in rows]
        counting = await queries.list_counting(
            tx.conn,
            tenant_id=tenant_id,
            subscription_ids=list(subscriptions),
            meter_id=meter_id,
            from_at=data.start,
            to_at=data.end,
            keys=None if data.mode == "replace" else names,
            most=MOST_REPLACED + 1,
        )
        if len(counting) > MOST_REPLACED:
            raise Invalid(
                f"the range holds more than {MOST_REPLACED} events; replace it in shorter ranges",
                code="backfill_too_large",
                fields=[FieldError("/to", "choose a shorter range")],
            )
        corrected = await queries.find_corrected_names(tx.conn, tenant_id=tenant_id, name_keys=names)
        moved = {row.name_key: row for row in corrected}
        present = [moved[name].key if name in moved else name for name in names]
        bodies = {row.key: row.body for row in await queries.find_keys(tx.conn, tenant_id=tenant_id, keys=present)}
        known: dict[str, Known] = {}
        for name, key in zip(names, present, strict=True):
            if name in moved:
                body = bodies.get(key)
                known[name.hex] = Known(moved[name].counts, None if body is None else body.hex)
            elif key in bodies:
                known[name.hex] = Known(True, bodies[key].hex)
        there = [msgspec.convert(row, StoredEvent, from_attributes=True) for row in counting]
        return Ground({name_of(event): event for event in there}, known)


def _require_sound(data: BackfillCreate) -> None:
    if (data.subscription_id is None) == (data.customer_id is None):
        raise invalid_field("/subscription_id", "name either a subscription_id or a customer_id")
    if data.end <= data.start:
        raise invalid_field("/to", "must be after `from`")
    if not data.events and data.mode == "add":
        raise invalid_field("/events", "send at least one event; to empty a range, replace it with none")


def _rows(data: BackfillCreate, normaliser: Normaliser) -> list[UsageRow]:
    rows: list[UsageRow] = []
    places: dict[str, int] = {}
    problems: list[Problem] = []
    for place, sent in enumerate(data.events):
        row = normaliser.row(place, _event(data, sent))
        if isinstance(row, Refusal):
            pointer = "/subscription_id" if row.pointer == "/customer_id" else row.pointer
            problems.append(Problem(place, pointer if pointer != "/subscription_id" else "/timestamp", row.detail))
        elif not data.start <= row.timestamp < data.end:
            problems.append(Problem(place, "/timestamp", "lies outside of the backfill's range"))
        elif places.setdefault(row.key, place) != place:
            problems.append(Problem(place, "/id", f"is the name of item {places[row.key]} too"))
        else:
            rows.append(row)
    if problems:
        raise Invalid(
            f"{len(problems)} of the events can't be taken; nothing was changed",
            code="invalid_backfill",
            fields=_fields(problems),
        )
    return rows


def _event(data: BackfillCreate, sent: BackfillEvent) -> UsageEvent:
    return UsageEvent(
        id=sent.id,
        source=sent.source,
        meter=data.meter,
        subscription_id=data.subscription_id,
        customer_id=data.customer_id,
        timestamp=sent.timestamp,
        value=sent.value,
        properties=sent.properties,
    )


def _fields(problems: Sequence[Problem]) -> list[FieldError]:
    return [FieldError(f"/events/{one.place}{one.pointer}", one.detail) for one in problems[:_PROBLEMS_SHOWN]]


def _correction(data: BackfillCreate, correction_id: UUID, meter_id: UUID, wanted: Plan, unchanged: int) -> Correction:
    return Correction(
        id=correction_id,
        kind="backfill",
        mode=data.mode,
        reason=data.reason,
        meter_id=meter_id,
        range_start=data.start,
        range_end=data.end,
        voided=wanted.voided,
        added=wanted.added,
        details={
            "subscription_id": data.subscription_id,
            "customer_id": data.customer_id,
            "sent": len(data.events),
            "unchanged": unchanged,
        },
    )
