"""The envelope around every event, and its form on the wire: CloudEvents 1.0 JSON.

Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md, with extension
attributes in lower case and without separators, as the specification asks.
"""

from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec

P = TypeVar("P")


class NewEvent(msgspec.Struct, frozen=True):
    """An event about to be written to the outbox.

    `resource_seq` counts the changes of the resource, bumped under its row lock; 1 for a creation, 0 where the
    resource has no history. `cause` is the envelope being handled, whose correlation id then goes on.
    """

    tenant_id: UUID
    resource_id: UUID
    resource_seq: int
    payload: msgspec.Struct
    occurred_at: datetime
    cause: "Envelope[Any] | None" = None


class Envelope(msgspec.Struct, Generic[P], frozen=True):
    """An event as handlers receive it."""

    id: UUID
    subject: str
    version: int
    tenant_id: UUID
    resource_id: UUID
    resource_seq: int
    correlation_id: UUID
    causation_id: UUID | None
    traceparent: str | None
    occurred_at: datetime
    payload: P


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True):
    """The envelope on the wire. `data` stays undecoded until a handler for its type is found.

    `replayfor` names the one consumer that a replay is for; the others leave the event alone.
    """

    id: UUID
    type: str
    source: str
    time: datetime
    tenantid: UUID
    resourceid: UUID
    resourceseq: int
    correlationid: UUID
    dataversion: int
    data: msgspec.Raw
    causationid: UUID | None = None
    traceparent: str | None = None
    replayfor: str | None = None
    specversion: str = "1.0"
    datacontenttype: str = "application/json"
