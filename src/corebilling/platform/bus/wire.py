"""Events on the wire: an outbox row becomes a CloudEvent in JSON, and that the envelope that handlers receive."""

from typing import Any
from uuid import UUID

import msgspec

from corebilling.events.catalog import BY_SUBJECT, CATALOG
from corebilling.events.envelope import CloudEvent, Envelope
from corebilling.kernel.errors import Invalid
from corebilling.platform.bus.outbox import refuse_foreign_tenant
from corebilling.platform.bus.port import OutgoingMessage
from corebilling.platform.queries.outbox import ClaimEventsRow, ClaimInTurnRow
from corebilling.platform.queries.replayed import LostReplaysRow
from corebilling.platform.queries.sweep import FindUnsettledRow

_encode = msgspec.json.Encoder().encode
_decode_event = msgspec.json.Decoder(CloudEvent).decode
_decode_payload = {row.subject: msgspec.json.Decoder(row.payload).decode for row in CATALOG}
_BEYOND_BIGINT = 2**63

_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding raises: msgspec's ValidationError is a DecodeError, and it looks at text and depth where it has to."""


class Undecodable(Exception):
    """A message that no version of the catalog known here understands; retrying it changes nothing."""


class UnknownHere(Undecodable):
    """A whole event that this release doesn't know. While another is being rolled out, one beside it may: it is tried again."""


def message_id(event_id: UUID, attempt: int) -> str:
    """What the bus dedupes by. A deliberate repetition needs a new id, or the bus drops it silently."""
    return f"{event_id}:{attempt}" if attempt else str(event_id)


def encode(row: ClaimEventsRow | ClaimInTurnRow) -> OutgoingMessage:
    """The message of an outbox row that a dispatcher has claimed: of a replayed one for whom the replay is."""
    return _encoded(row, row.republished, row.replay_for)


def encode_again(
    row: ClaimEventsRow | FindUnsettledRow | LostReplaysRow, attempt: int, *, replay_for: str | None = None
) -> OutgoingMessage:
    """A deliberate repetition for whoever hasn't taken the event; `attempt` makes its message id a new one."""
    return _encoded(row, attempt, replay_for)


def _encoded(
    row: ClaimEventsRow | ClaimInTurnRow | FindUnsettledRow | LostReplaysRow, attempt: int, replay_for: str | None
) -> OutgoingMessage:
    event = CloudEvent(
        id=row.event_id,
        type=row.subject,
        source=_source(row.subject),
        time=row.occurred_at,
        tenantid=row.tenant_id,
        resourceid=row.resource_id,
        resourceseq=row.resource_seq,
        correlationid=row.correlation_id,
        dataversion=row.version,
        data=msgspec.Raw(row.payload.encode()),
        causationid=row.causation_id,
        traceparent=row.traceparent,
        replayfor=replay_for,
    )
    return OutgoingMessage(message_id(row.event_id, attempt), row.subject, row.resource_id, _encode(event))


def _source(subject: str) -> str:
    known = BY_SUBJECT.get(subject)
    return f"/corebilling/{known.publisher if known else 'unknown'}"


def decode_event(body: bytes) -> CloudEvent:
    """The outer event. Raises Undecodable."""
    try:
        event: CloudEvent = _decode_event(body)
    except _BROKEN as error:
        raise Undecodable(f"not an event of ours: {error}") from error
    if "\x00" in event.type or event.resourceseq >= _BEYOND_BIGINT:
        raise Undecodable("not an event of ours: its type or sequence is nothing that can be kept")
    return event


def decode_payload(event: CloudEvent) -> Envelope[Any]:
    """The envelope with its payload. Raises UnknownHere for a subject or version that this release doesn't know, Undecodable
    for a payload that doesn't fit, or one that names another tenant than the event."""
    known, decode = BY_SUBJECT.get(event.type), _decode_payload.get(event.type)
    if known is None or decode is None:
        raise UnknownHere(f"the catalog has no subject {event.type}; deploy the release that knows it, then requeue")
    if event.dataversion > known.version:
        raise UnknownHere(
            f"unknown version {event.dataversion} of {event.type}, {known.version} is the newest here; "
            "deploy the release that knows it, then requeue"
        )
    try:
        payload = decode(event.data)
        refuse_foreign_tenant(payload, event.tenantid)
    except (*_BROKEN, Invalid) as error:
        raise Undecodable(f"the payload doesn't fit {event.type}: {error}") from error
    return envelope(event, payload)


def envelope(event: CloudEvent, payload: Any = None) -> Envelope[Any]:
    """The envelope around a decoded payload; without one it serves to keep an undecodable event."""
    return Envelope(
        id=event.id,
        subject=event.type,
        version=event.dataversion,
        tenant_id=event.tenantid,
        resource_id=event.resourceid,
        resource_seq=event.resourceseq,
        correlation_id=event.correlationid,
        causation_id=event.causationid,
        traceparent=event.traceparent,
        occurred_at=event.time,
        payload=payload,
    )
