"""Taking usage back and putting it right. Nothing stored changes: corrections are added beside it.

A correction belongs to the tenant's present epoch, so a closed period keeps its figures, and what changed about it is found
as late usage is.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from corebilling.kernel.decimals import plain
from corebilling.kernel.errors import Conflict, FieldError, Invalid, NotFound
from corebilling.kernel.ids import new_id
from corebilling.platform.db import Tx
from corebilling.usage.correction_trail import Trail, hold_locks
from corebilling.usage.domain.attribution import Owners
from corebilling.usage.domain.correction import Author, Correction, StoredEvent, name_of, says_the_same
from corebilling.usage.domain.event import Refusal, UsageEvent
from corebilling.usage.domain.identity import corrected_key, event_key
from corebilling.usage.domain.normalise import Normaliser, Surroundings, UsageRow
from corebilling.usage.queries import corrections as queries
from corebilling.usage.schemas.corrections import CorrectionOut, EventAmend, EventVoid

_FIRST = datetime.min.replace(tzinfo=UTC)


class Corrections(Trail):
    """Voids and amends single events."""

    async def void_event(self, tx: Tx, tenant_id: UUID, data: EventVoid, by: Author) -> CorrectionOut:
        """Take one event back. Its name stays taken, so a retry doesn't bring it back; voiding it again changes nothing.

        Raises `NotFound`.
        """
        await hold_locks(tx, tenant_id)
        found = await self._locate(tx, tenant_id, data)
        if isinstance(found, UUID):
            return await self.get_correction(tx, tenant_id, found)
        correction = Correction(
            id=new_id(),
            kind="void",
            reason=data.reason,
            meter_id=found.meter_id,
            range_start=found.ts,
            range_end=found.ts,
            voided=[found],
            added=[],
            details={"event": _stored(found)},
        )
        return await self.correct(tx, tenant_id, correction, by)

    async def amend_event(self, tx: Tx, tenant_id: UUID, data: EventAmend, by: Author) -> CorrectionOut:
        """Take one event back and put in what it should have said, under the same name.

        Raises `NotFound`, `Conflict` for an event that was taken back, `Invalid` for a change that is none or that the meter,
        the subscription or the clock doesn't allow.
        """
        await hold_locks(tx, tenant_id)
        found = await self._locate(tx, tenant_id, data)
        if isinstance(found, UUID):
            raise Conflict(
                f"the event was taken back by correction {found}; send what was used as a new event",
                code="usage_event_voided",
            )
        correction_id = new_id()
        row = await self._amended(tx, tenant_id, found, data, correction_id)
        correction = Correction(
            id=correction_id,
            kind="amend",
            reason=data.reason,
            meter_id=found.meter_id,
            range_start=min(found.ts, row.timestamp),
            range_end=max(found.ts, row.timestamp),
            voided=[found],
            added=[row],
            details={"event": _stored(found), "replacement": _shown_row(row)},
        )
        return await self.correct(tx, tenant_id, correction, by)

    async def _locate(self, tx: Tx, tenant_id: UUID, name: EventVoid) -> StoredEvent | UUID:
        """The event that the name stands for now, or the correction that took it back. Raises `NotFound`."""
        key = UUID(event_key(name.source, name.id))
        at: datetime | None
        states = await queries.find_corrected_names(tx.conn, tenant_id=tenant_id, name_keys=[key])
        if states:
            if not states[0].counts:
                return states[0].correction_id
            key, subscription_id, at = states[0].key, states[0].subscription_id, states[0].ts
        else:
            known = await queries.find_keys(tx.conn, tenant_id=tenant_id, keys=[key])
            places = [(row.subscription_id, row.ts) for row in known if row.subscription_id is not None]
            if places:
                subscription_id, at = places[0]
            elif name.subscription_id is not None:
                subscription_id, at = await self._subscription(tx, tenant_id, name.subscription_id), name.timestamp
            else:
                raise _no_event(name, "; if it is older than 35 days, send its subscription_id too")
        found = await queries.find_event(tx.conn, tenant_id=tenant_id, subscription_id=subscription_id, key=key, ts=at)
        if found is None:
            raise _no_event(name, "; GET /v1/usage/events lists what there is")
        return msgspec.convert(found, StoredEvent, from_attributes=True)

    async def _amended(
        self, tx: Tx, tenant_id: UUID, found: StoredEvent, data: EventAmend, correction_id: UUID
    ) -> UsageRow:
        change = data.change
        value = change.value
        if value is None and found.counted:
            value = found.quantity
        properties = change.properties
        if not bytes(properties):
            properties = msgspec.Raw((found.properties or "").encode())
        subscription = str(found.subscription_id)
        event = UsageEvent(
            id=found.event_id,
            source=found.source,
            meter=found.meter,
            subscription_id=subscription,
            timestamp=change.timestamp or found.ts,
            value=value,
            properties=properties,
        )
        owners = Owners(await self._subscriptions.attributions(tx, tenant_id, [subscription], []))
        meters = await self.readings(tx, tenant_id, {found.meter})
        now = (await self._clocks.now(tx, [tenant_id]))[tenant_id]
        row = Normaliser(Surroundings(now, meters, owners, _FIRST)).row(0, event)
        if isinstance(row, Refusal):
            pointer = f"/change{row.pointer}"
            raise Invalid(f"{pointer}: {row.detail}", code=row.code, fields=[FieldError(pointer, row.detail)])
        if says_the_same(found, row) and found.ts == row.timestamp:
            raise Invalid(
                "the event would say what it says already; send another value, properties or timestamp",
                code="nothing_to_amend",
                fields=[FieldError("/change", "changes nothing that the meter looks at")],
            )
        return msgspec.structs.replace(row, key=corrected_key(correction_id, name_of(row)))


def _no_event(name: EventVoid, advice: str) -> NotFound:
    source = "" if name.source is None else f" from '{name.source}'"
    return NotFound(f"there is no event '{name.id}'{source}{advice}", code="usage_event_not_found")


def _stored(event: StoredEvent) -> dict[str, Any]:
    return {
        "id": event.event_id,
        "source": event.source,
        "timestamp": event.ts,
        "quantity": plain(event.quantity),
        "properties": msgspec.Raw((event.properties or "null").encode()),
    }


def _shown_row(row: UsageRow) -> dict[str, Any]:
    return {
        "id": row.event_id,
        "source": row.source,
        "timestamp": row.timestamp,
        "quantity": plain(row.quantity),
        "properties": msgspec.Raw(row.properties or b"null"),
    }
