"""Wire structs of meters."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from corebilling.kernel.decimals import DecimalText
from corebilling.usage.domain.meter import Aggregation, WeightedBy
from corebilling.usage.domain.properties import MAX_TEXT_LENGTH

Code = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x20]+$")]
Label = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[^\x00]+$")]
PropertyName = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[^\x00]+$")]
PropertyText = Annotated[str, Meta(max_length=MAX_TEXT_LENGTH, pattern=r"^[^\x00]*$")]


class MeterFilter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Counts only events whose property has one of the values. Numbers and booleans are compared as text: `1.5`, `true`."""

    property: PropertyName
    values: Annotated[list[PropertyText], Meta(min_length=1, max_length=100)]


class MeterCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A meter to create. `code` is what events and prices name; it has no blanks. `unit` is for people (`kWh`).

    An event counts if it passes all `filters`; one that doesn't is accepted and shown, never counted. `group_by` names
    the properties that matrix prices and GET /v1/usage may group by.
    """

    code: Code
    aggregation: Aggregation
    name: Label | None = None
    unit: Label | None = None
    value_property: PropertyName | None = None
    unique_property: PropertyName | None = None
    percentile: Decimal | None = None
    weighted_by: WeightedBy | None = None
    filters: Annotated[list[MeterFilter], Meta(max_length=10)] = []
    group_by: Annotated[list[PropertyName], Meta(max_length=10)] = []


class MeterOut(msgspec.Struct, frozen=True):
    """A meter."""

    id: UUID
    code: str
    name: str
    unit: str | None
    aggregation: Aggregation
    value_property: str | None
    unique_property: str | None
    percentile: DecimalText | None
    weighted_by: WeightedBy | None
    filters: list[MeterFilter]
    group_by: list[str]
    created_at: datetime
