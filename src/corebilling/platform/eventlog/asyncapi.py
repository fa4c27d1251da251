"""The catalog as an AsyncAPI 3.0 document: every event as it travels on the bus, and the public ones as webhooks carry them.

Source: https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

from typing import Any

from corebilling.events.catalog import BY_PAYLOAD, CATALOG, EventType
from corebilling.events.custom import CustomEvent
from corebilling.events.envelope import CloudEvent
from corebilling.platform.eventlog import samples
from corebilling.platform.eventlog.catalog import summary
from corebilling.platform.http.json_schema import components

_SCHEMAS = "#/components/schemas"
_MESSAGES = "#/components/messages"
_BUS, _WEBHOOK = "bus", "webhook"
_ABOUT = """\
Everything that corebilling tells. A field that is added keeps an event's version; whatever else changes is a new subject \
ending in `.v2`, which is published beside the old one for a while. So ignore fields that you don't know. Events come at \
least once: keep the ids you have handled. Tenants' own events travel as `custom.published` and arrive by webhook under \
the subject that the tenant gave them."""
_BUS_ABOUT = """\
One stream for all subjects. NATS: stream BILLING_EVENTS, subject `billing.<type>`. Kafka: one topic (KAFKA_TOPIC, \
`billing.events`), keyed by the resource id. Events of one resource keep their order."""
_WEBHOOK_ABOUT = """\
Posted to the URLs of a tenant's webhook endpoints, signed by Standard Webhooks. Answer 2xx; anything else is tried again."""
_WEBHOOK_HEADERS = {
    "type": "object",
    "required": ["webhook-id", "webhook-timestamp", "webhook-signature"],
    "properties": {
        "webhook-id": {"type": "string", "format": "uuid", "description": "The event's id, the same at every attempt."},
        "webhook-timestamp": {"type": "string", "description": "Seconds since 1970."},
        "webhook-signature": {"type": "string", "description": "`v1,…` (HMAC-SHA256) and `v1a,…` (ed25519)."},
        "X-Event-Type": {"type": "string"},
        "X-Tenant-ID": {"type": "string", "format": "uuid"},
    },
}


def document(version: str) -> dict[str, Any]:
    """The whole document; `version` is the product's."""
    kinds = [CloudEvent, *(event.payload for event in CATALOG)]
    references, schemas = components(kinds, ref_template=f"{_SCHEMAS}/{{name}}")
    payloads = dict(zip(CATALOG, references[1:], strict=True))
    public = [event for event in CATALOG if event.public]
    messages = {_key(_BUS, event): _bus_message(event, payloads[event]) for event in CATALOG}
    messages |= {_key(_WEBHOOK, event): _webhook_message(event, payloads[event]) for event in public}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "corebilling events",
            "version": version,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {
            _BUS: _channel("The event bus", _BUS_ABOUT, _BUS, list(CATALOG)),
            _WEBHOOK: _channel("Webhooks", _WEBHOOK_ABOUT, _WEBHOOK, public),
        },
        "operations": {
            "publish": _operation(_BUS, "Events are published once what they tell of has been committed."),
            "deliver": _operation(_WEBHOOK, "Public events are posted to the endpoints that asked for them."),
        },
        "components": {"schemas": schemas, "messages": messages},
    }


def _channel(title: str, description: str, kind: str, events: list[EventType]) -> dict[str, Any]:
    messages = {event.subject: {"$ref": f"{_MESSAGES}/{_key(kind, event)}"} for event in events}
    return {"address": None, "title": title, "description": description, "messages": messages}


def _operation(channel: str, summary: str) -> dict[str, Any]:
    return {"action": "send", "channel": {"$ref": f"#/channels/{channel}"}, "summary": summary}


def _bus_message(event: EventType, data: dict[str, Any]) -> dict[str, Any]:
    about = {"type": {"const": event.subject}, "dataversion": {"const": event.version}, "data": data}
    return _message(event) | {
        "contentType": "application/cloudevents+json",
        "payload": {"allOf": [{"$ref": f"{_SCHEMAS}/{CloudEvent.__name__}"}, {"properties": about}]},
        "examples": [{"name": event.subject, "payload": samples.cloud_event(event)}],
    }


def _webhook_message(event: EventType, data: dict[str, Any]) -> dict[str, Any]:
    kind: dict[str, Any] = {"const": event.subject}
    if event is BY_PAYLOAD[CustomEvent]:
        kind, data = {"type": "string", "description": "The tenant's own subject."}, {}
    return _message(event) | {
        "headers": _WEBHOOK_HEADERS,
        "payload": {
            "type": "object",
            "required": ["type", "timestamp", "id", "data"],
            "properties": {
                "type": kind,
                "timestamp": {"type": "string", "format": "date-time", "description": "When it happened."},
                "id": {"type": "string", "format": "uuid"},
                "data": data,
            },
        },
        "examples": [{"name": event.subject, "payload": samples.delivery(event)}],
    }


def _message(event: EventType) -> dict[str, Any]:
    return {
        "name": event.subject,
        "title": event.payload.__name__,
        "summary": summary(event),
        "tags": [{"name": event.publisher}, {"name": "public" if event.public else "internal"}],
    }


def _key(kind: str, event: EventType) -> str:
    return f"{kind}.{event.subject}"
