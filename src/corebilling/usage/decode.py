"""Bodies of usage posts: one event or many, plain or as CloudEvents. One bad item never spoils the others.

The whole body is decoded at once; only if that fails is it taken apart, so that each bad item gets its own reason.
"""

from typing import Any

import msgspec

from corebilling.kernel.errors import Invalid
from corebilling.platform.http.body import decode_json, not_fitting
from corebilling.platform.http.problem import Refusal
from corebilling.usage.domain.event import Sent, SubjectEvent, Undecodable, UsageEvent
from corebilling.usage.schemas import CloudEvent, CloudEventData

JSON = "application/json"
CLOUD_EVENT = "application/cloudevents+json"
CLOUD_EVENTS = "application/cloudevents-batch+json"

MAX_EVENTS = 10_000

_BLANKS = b" \t\r\n"
_NAMES = ("id", "source", "meter", "subscription_id", "customer_id", "subject")

_any: msgspec.json.Decoder[Any] = msgspec.json.Decoder(msgspec.Raw)
_raw_items = msgspec.json.Decoder(list[msgspec.Raw])
_plain = msgspec.json.Decoder(UsageEvent)
_plain_items = msgspec.json.Decoder(list[UsageEvent])
_subject = msgspec.json.Decoder(SubjectEvent)
_cloud = msgspec.json.Decoder(CloudEvent)
_cloud_items = msgspec.json.Decoder(list[CloudEvent])
_data = msgspec.json.Decoder(CloudEventData)


def decode(media_type: str, body: bytes) -> tuple[list[Sent], bool]:
    """The items of a body, and whether it is a single event rather than an array.

    Raises Refusal (400) where the body is no JSON at all, `Invalid` for none or too many events and for a single event
    sent as a batch or the other way round.
    """
    _refuse_other_encodings(body)
    single = not body.lstrip(_BLANKS).startswith(b"[")
    if (media_type == CLOUD_EVENT and not single) or (media_type == CLOUD_EVENTS and single):
        wanted = "one event" if media_type == CLOUD_EVENT else "an array of events"
        raise Invalid(f"the body of {media_type} is {wanted}; send the other media type or body", code="invalid_body")
    if single:
        decode_json(body, _any)
        items = [_one(body, media_type != JSON)]
    else:
        items = _many(body, media_type != JSON)
    if not 0 < len(items) <= MAX_EVENTS:
        raise Invalid(
            f"send between 1 and {MAX_EVENTS} events in one request", code="too_many_events" if items else "no_events"
        )
    if b"\\u0000" in body:
        items = [_without_nul(item) for item in items]
    return items, single


def decode_kept(item: str) -> Sent:
    """An item that was kept when it was rejected: an event as it was understood then, or what was sent, as it is."""
    for decoder in (_plain, _subject):
        try:
            return _without_nul(decoder.decode(item))
        except msgspec.DecodeError:
            continue
    try:
        return _without_nul(_one(item.encode(), cloud=False))
    except (msgspec.DecodeError, RecursionError):
        return Undecodable(item, "only a part of it was kept, because it is too long; send it again", "")


def _refuse_other_encodings(body: bytes) -> None:
    """What is kept as it was sent has to be UTF-8 throughout, also where the decoder only skips it."""
    if body.isascii():
        return
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise Refusal(
            400, "malformed_json", f"the body is not UTF-8 ({error}); encode it so and send it again"
        ) from None


def _many(body: bytes, cloud: bool) -> list[Sent]:
    if not cloud:
        try:
            return list(_plain_items.decode(body))
        except (msgspec.DecodeError, RecursionError):
            pass
    try:
        return [_usage(event) for event in _cloud_items.decode(body)]
    except (msgspec.DecodeError, RecursionError):
        return [_one(bytes(raw), cloud) for raw in decode_json(body, _raw_items)]


def _one(item: bytes, cloud: bool) -> Sent:
    try:
        if cloud or b'"specversion"' in item:
            return _usage(_cloud.decode(item))
        return _plain.decode(item)
    except msgspec.ValidationError as error:
        return _undecodable(item, not_fitting(error))


def _usage(event: CloudEvent) -> SubjectEvent:
    value, properties = None, event.data
    if bytes(event.data).startswith(b"{"):
        try:
            data = _data.decode(event.data)
        except msgspec.ValidationError as error:
            raise msgspec.ValidationError(str(error).replace("`$", "`$.data")) from None
        value, properties = data.value, data.properties if bytes(data.properties) else event.data
    return SubjectEvent(
        id=event.id,
        meter=event.type,
        timestamp=event.time,
        source=event.source,
        value=value,
        properties=properties,
        subject=event.subject,
    )


def _undecodable(item: bytes, why: Invalid) -> Undecodable:
    return Undecodable(item.decode(), why.fields[0].detail, why.fields[0].pointer)


def _without_nul(item: Sent) -> Sent:
    if isinstance(item, Undecodable):
        return item
    for name in _NAMES:
        if "\x00" in (getattr(item, name, None) or ""):
            return Undecodable(msgspec.json.encode(item).decode(), "must not contain the NUL character", f"/{name}")
    return item
