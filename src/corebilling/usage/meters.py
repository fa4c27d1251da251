"""Meters: what is counted. They never change, so a process may remember them."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

import msgspec

from corebilling.kernel.clock import Clock
from corebilling.kernel.decimals import plain
from corebilling.kernel.errors import Conflict, NotFound, invalid_field
from corebilling.kernel.ids import new_id
from corebilling.platform.db import Tx
from corebilling.usage.domain.meter import NUMERIC, Meter, MeterReading
from corebilling.usage.queries import measuring, models
from corebilling.usage.queries import meters as queries
from corebilling.usage.schemas import MeterCreate, MeterOut

_REMEMBERED_TENANTS = 10_000
_REMEMBERED_METERS = 100_000
_PERCENTILE_DECIMALS = 4


class Meters:
    """Creates meters and finds them by code."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._readings: dict[UUID, dict[str, MeterReading]] = {}
        self._meters: dict[tuple[UUID, UUID], Meter] = {}

    async def create_meter(self, tx: Tx, tenant_id: UUID, data: MeterCreate) -> MeterOut:
        """A new meter. Raises `Invalid` for fields that don't go with the aggregation, `Conflict` for a taken code."""
        _check(data)
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
            percentile=data.percentile,
            weighted_by=(data.weighted_by or "level") if data.aggregation == "weighted_sum" else None,
            filters=msgspec.json.encode(data.filters).decode(),
            group_by=data.group_by,
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

    async def dimensions(self, tx: Tx, tenant_id: UUID, codes: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """The properties that these meters group by; codes that aren't there are left out."""
        readings = await self.readings(tx, tenant_id, set(codes))
        return {code: readings[code].meter.group_by for code in codes if code in readings}

    async def readings(self, tx: Tx, tenant_id: UUID, codes: Collection[str]) -> Mapping[str, MeterReading]:
        """At least those of the tenant's meters with these codes that exist. A code not met before is looked up."""
        known = self._readings.get(tenant_id, {})
        if all(code in known for code in codes):
            return known
        found = await queries.find_meters(tx.conn, tenant_id=tenant_id, codes=[c for c in codes if c not in known])
        fresh = {row.code: MeterReading(meter_of(row)) for row in found}
        if tenant_id not in self._readings and len(self._readings) >= _REMEMBERED_TENANTS:
            self._readings.clear()
        self._readings[tenant_id] = known = {**known, **fresh}
        return known

    async def by_ids(self, tx: Tx, ids: Collection[tuple[UUID, UUID]]) -> Mapping[tuple[UUID, UUID], Meter]:
        """Those of the (tenant, meter) that exist. One not met before is looked up."""
        found = {one: self._meters[one] for one in ids if one in self._meters}
        unknown = [one for one in ids if one not in found]
        if unknown:
            tenant_ids, meter_ids = [tenant_id for tenant_id, _ in unknown], [meter_id for _, meter_id in unknown]
            rows = await measuring.find_meters_by_id(tx.conn, tenant_ids=tenant_ids, ids=meter_ids)
            fresh = {(row.tenant_id, row.id): meter_of(row) for row in rows}
            if len(self._meters) >= _REMEMBERED_METERS:
                self._meters.clear()
            self._meters |= fresh
            found |= fresh
        return found


def meter_of(row: models.Meter) -> Meter:
    """A stored meter as the rules know it."""
    fields = msgspec.structs.asdict(row) | {"filters": msgspec.json.decode(row.filters)}
    return msgspec.convert(fields, Meter)


def _shown(row: models.Meter) -> MeterOut:
    percentile = None if row.percentile is None else plain(row.percentile)
    fields = msgspec.structs.asdict(row) | {"filters": msgspec.json.decode(row.filters), "percentile": percentile}
    return msgspec.convert(fields, MeterOut)


def _check(data: MeterCreate) -> None:
    """Raises `Invalid`, naming the field, where fields don't go with the aggregation or with each other."""
    aggregation = data.aggregation
    if data.value_property is not None and aggregation not in NUMERIC:
        raise invalid_field("/value_property", f"{aggregation} takes no number from a property; leave it out")
    if data.unique_property is None and aggregation == "unique_count":
        raise invalid_field("/unique_property", "name the property whose different values are counted")
    if data.unique_property is not None and aggregation != "unique_count":
        raise invalid_field("/unique_property", "only unique_count has one; leave it out")
    if data.weighted_by is not None and aggregation != "weighted_sum":
        raise invalid_field("/weighted_by", "only weighted_sum has one; leave it out")
    _check_percentile(data)
    if len({one.property for one in data.filters}) < len(data.filters):
        raise invalid_field("/filters", "give all values of a property in one filter")
    if len(set(data.group_by)) < len(data.group_by):
        raise invalid_field("/group_by", "name each property once")
    if data.group_by and aggregation == "weighted_sum":
        raise invalid_field(
            "/group_by", "a weighted sum holds one value over time and can't be grouped; create a meter for each group"
        )


def _check_percentile(data: MeterCreate) -> None:
    if (data.percentile is None) != (data.aggregation != "percentile"):
        detail = "only percentile has one; leave it out" if data.percentile else "send the percentile, such as 95"
        raise invalid_field("/percentile", detail)
    if data.percentile is None:
        return
    exponent = data.percentile.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -_PERCENTILE_DECIMALS or not 0 < data.percentile <= 100:
        raise invalid_field("/percentile", "send a number above 0, at most 100, with at most 4 decimals")
