"""docs/events/: the catalog as a table, and each payload as a JSON Schema (2020-12), made from the structs themselves."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from corebilling.events.catalog import CATALOG, EventType
from corebilling.platform.bus.handlers import Consumer
from corebilling.platform.http.json_schema import components

FOLDER = "docs/events"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
WEBHOOK = "webhook"

_HEAD = """\
# Events

Generated from `src/corebilling/events/` by `make generate`; don't edit. Each subject links to the JSON Schema of its payload.
On the bus an event is a CloudEvent whose `data` is the payload; [webhooks](../guides/webhooks.md) carry it as `data` too.
A field that is added keeps the version; whatever else changes is a new subject ending in `.v2`.

| subject | version | published by | about | handled by | webhooks | what happened |
|---|---|---|---|---|---|---|
"""


def render(consumers: Iterable[Consumer[Any]]) -> dict[str, str]:
    """Path -> text of every file of the folder."""
    handlers = {each.name: each.table for each in consumers}
    rows = "".join(
        _row(event, [name for name, table in handlers.items() if event.payload in table]) for event in CATALOG
    )
    schemas = {f"{FOLDER}/{event.subject}.json": _encoded(schema(event)) for event in CATALOG}
    return {f"{FOLDER}/README.md": _HEAD + rows, **schemas}


def schema(event: EventType) -> dict[str, Any]:
    """The payload's schema, headed by what the catalog says of it."""
    (reference,), named = components([event.payload], ref_template="#/$defs/{name}")
    payload = dict(named.pop(reference["$ref"].rpartition("/")[2]))
    payload.pop("title")
    described = {
        "$schema": DIALECT,
        "title": event.subject,
        "description": payload.pop("description"),
        "version": event.version,
        "public": event.public,
        "publisher": event.publisher,
        "resource": event.resource,
        **payload,
    }
    return described | ({"$defs": named} if named else {})


def _row(event: EventType, handled_by: list[str]) -> str:
    first_sentence = (event.payload.__doc__ or "").strip().splitlines()[0]
    cells = (
        f"[`{event.subject}`]({event.subject}.json)",
        str(event.version),
        event.publisher,
        event.resource,
        ", ".join(name for name in handled_by if name != WEBHOOK),
        "yes" if event.public else "when asked for" if WEBHOOK in handled_by else "",
        first_sentence,
    )
    return f"| {' | '.join(cells)} |\n"


def _encoded(document: Mapping[str, Any]) -> str:
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"
