"""Examples of events, made from their schemas: what a receiver can expect, down to the names of fields."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from corebilling.events.catalog import BY_PAYLOAD, EventType
from corebilling.events.custom import CustomEvent
from corebilling.events.envelope import CloudEvent
from corebilling.platform.eventlog.catalog import schema

_AT = "2026-03-01T12:00:00Z"
_CUSTOM = {"subject": "order.shipped", "data": {"order": "order-1042", "parcels": 2}}
_TEXTS = {
    "currency": "EUR",
    "time_zone": "Europe/Paris",
    "number": "INV-2026-000042",
    "url": "https://example.com/hooks",
    "status": "active",
    "before": "trialing",
    "after": "active",
    "code": "pro",
    "external_id": "customer-00042",
    "meter": "api-calls",
}


def payload(event: EventType) -> Any:
    """A payload that the schema allows, with every field there."""
    if event is BY_PAYLOAD[CustomEvent]:
        return _CUSTOM
    whole = schema(event)
    return _Sampler(whole.get("$defs", {})).value(whole, event.resource)


def cloud_event(event: EventType) -> dict[str, Any]:
    """The event as it travels on the bus."""
    made = CloudEvent(
        id=_uuid(1),
        type=event.subject,
        source=f"/corebilling/{event.publisher}",
        time=datetime.fromisoformat(_AT),
        tenantid=_uuid(2),
        resourceid=_uuid(3),
        resourceseq=1,
        correlationid=_uuid(4),
        dataversion=event.version,
        data=msgspec.Raw(msgspec.json.encode(payload(event))),
    )
    decoded: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(made))
    return decoded


def delivery(event: EventType) -> dict[str, Any]:
    """The body in which webhooks carry it."""
    data = payload(event)
    subject, shown = (data["subject"], data["data"]) if event is BY_PAYLOAD[CustomEvent] else (event.subject, data)
    return {"type": subject, "timestamp": _AT, "id": str(_uuid(1)), "data": shown}


class _Sampler:
    def __init__(self, named: dict[str, Any]) -> None:
        self._named = named
        self._ids = 4

    def value(self, schema: dict[str, Any], name: str) -> Any:
        if "$ref" in schema:
            return self.value(self._named[schema["$ref"].rpartition("/")[2]], name)
        if "enum" in schema:
            return schema["enum"][0]
        if "anyOf" in schema:
            return self.value(next(one for one in schema["anyOf"] if one.get("type") != "null"), name)
        match schema.get("type"):
            case "object":
                return {field: self.value(part, field) for field, part in schema.get("properties", {}).items()}
            case "array":
                item = schema.get("items") or schema.get("prefixItems", [{}])[0]
                return [self.value(item, name)] if isinstance(item, dict) else []
            case "string":
                return self._text(schema, name)
            case "integer":
                return max(schema.get("minimum", 0), 4200 if name.endswith("_minor") else 1)
            case "boolean":
                return schema.get("default", True)
        return {}

    def _text(self, schema: dict[str, Any], name: str) -> str:
        match schema.get("format"):
            case "uuid" if name == "tenant_id":
                return str(_uuid(2))
            case "uuid":
                self._ids += 1
                return str(_uuid(self._ids))
            case "date-time":
                return _AT
            case "date":
                return _AT[:10]
            case "decimal":
                return "1.5"
        return _TEXTS.get(name, name.replace("_", " "))


def _uuid(number: int) -> UUID:
    return UUID(f"019ca8a5-0000-7000-8000-{number:012d}")
