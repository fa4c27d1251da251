"""Meters: what is counted. They never change, so a process may remember them."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

import msgspec

from corebilling.kernel.clock import Clock
from corebilling.kernel.errors import Conflict, NotFound, invalid_field
from corebilling.kernel.ids import new_id
from corebilling.platform.db import Tx
from corebilling.usage.domain.meter import Meter, MeterReading
from corebilling.usage.queries import meters as queries
from corebilling.usage.queries import models
from corebilling.usage.schemas import MeterCreate, MeterOut

_REMEMBERED_TENANTS = 10_000


class Meters:
    """Creates meters and finds them by code."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._readings: dict[UUID, dict[str, MeterReading]] = {}

    async def create_meter(self, tx: Tx, tenant_id: UUID, data: MeterCreate) -> MeterOut:
        """A new meter. Raises `Invalid` for properties that don't go with the aggregation, `Conflict` for a taken code."""
        if data.value_property is not None and data.aggregation not in ("sum", "max"):
            raise invalid_field("/value_property", "only sum and max take a number from a property; leave it out")
        if data.unique_property is None and data.aggregation == "unique_count":
            raise invalid_field("/unique_property", "name the property whose different values are counted")
        if data.unique_property is not None and data.aggregation != "unique_count":
            raise invalid_field("/unique_property", "only unique_count has one; leave it out")
        row = await queries.add_meter(
            tx.conn,
            tenant_id=tenant_id,
            id=new_id(),
            code=data.code,
            name=data.name or data.code,
            unit=data.unit,
            aggregation=data.aggregation,
            value_property=data.value_property,
            unique_property=data.unique_property,
            created_at=self._clock(),
        )
        if row is None:
            raise Conflict(
                f"there is a meter '{data.code}' already; meters don't change, choose another code", code="meter_exists"
            )
        return _shown(row)

    async def get_meter(self, tx: Tx, tenant_id: UUID, meter_id: UUID) -> MeterOut:
        """One meter. Raises `NotFound`."""
        row = await queries.get_meter(tx.conn, tenant_id=tenant_id, id=meter_id)
        if row is None:
            raise NotFound(f"there is no meter {meter_id}; GET /v1/meters lists them", code="meter_not_found")
        return _shown(row)

    async def list_meters(
        self, tx: Tx, tenant_id: UUID, *, after: UUID | None, limit: int, code: str | None = None
    ) -> list[MeterOut]:
        """Newest first, after an id of the page before."""
        rows = await queries.list_meters(tx.conn, tenant_id=tenant_id, before_id=after, page_size=limit, code=code)
        return [_shown(row) for row in rows]

    async def by_code(self, tx: Tx, tenant_id: UUID, codes: Sequence[str]) -> dict[str, UUID]:
        """The ids of the tenant's meters with these codes; those that aren't there are left out."""
        readings = await self.readings(tx, tenant_id, set(codes))
        return {code: readings[code].meter.id for code in codes if code in readings}

    async def readings(self, tx: Tx, tenant_id: UUID, codes: Collection[str]) -> Mapping[str, MeterReading]:
        """At least those of the tenant's meters with these codes that exist. A code not met before is looked up."""
        known = self._readings.get(tenant_id, {})
        if all(code in known for code in codes):
            return known
        found = await queries.find_meters(tx.conn, tenant_id=tenant_id, codes=[c for c in codes if c not in known])
        fresh = {row.code: MeterReading(msgspec.convert(row, Meter, from_attributes=True)) for row in found}
        if tenant_id not in self._readings and len(self._readings) >= _REMEMBERED_TENANTS:
            self._readings.clear()
        self._readings[tenant_id] = known = {**known, **fresh}
        return known


def _shown(row: models.Meter) -> MeterOut:
    return msgspec.convert(row, MeterOut, from_attributes=True)
