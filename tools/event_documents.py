"""docs/events/, the catalog as a table and each payload as a JSON Schema, and docs/asyncapi.json with all of it."""

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

import msgspec

from corebilling.events.catalog import CATALOG, EventType
from corebilling.platform.bus.handlers import Consumer
from corebilling.platform.eventlog import asyncapi
from corebilling.platform.eventlog.catalog import schema, summary

FOLDER = "docs/events"
ASYNCAPI = "docs/asyncapi.json"
WEBHOOK = "webhook"

_HEAD = """\
# Events

Generated from `src/corebilling/events/` by `make generate`; don't edit. Each subject links to the JSON Schema of its payload.
On the bus an event is a CloudEvent whose `data` is the payload; [webhooks](../guides/webhooks.md) carry it as `data` too.
A field that is added keeps the version; whatever else changes is a new subject ending in `.v2`: the [guide](../guides/events.md) says how.

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
    described = asyncapi.document(version("corebilling"))
    return {f"{FOLDER}/README.md": _HEAD + rows, ASYNCAPI: _encoded(described), **schemas}


def _row(event: EventType, handled_by: list[str]) -> str:
    cells = (
        f"[`{event.subject}`]({event.subject}.json)",
        str(event.version),
        event.publisher,
        event.resource,
        ", ".join(name for name in handled_by if name != WEBHOOK),
        "yes" if event.public else "when asked for" if WEBHOOK in handled_by else "",
        summary(event),
    )
    return f"| {' | '.join(cells)} |\n"


def _encoded(document: Mapping[str, Any]) -> str:
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"
