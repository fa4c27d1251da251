"""The catalog as receivers see it: each payload as a JSON Schema (2020-12), made from the structs themselves."""

from functools import cache
from typing import Any

from corebilling.events.catalog import EventType
from corebilling.platform.http.json_schema import components

DIALECT = "https://json-schema.org/draft/2020-12/schema"


@cache
def schema(event: EventType) -> dict[str, Any]:
    """The payload's schema, headed by what the catalog says of it. Shared: don't change it."""
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


def summary(event: EventType) -> str:
    """What happened, in one line."""
    return (event.payload.__doc__ or "").strip().splitlines()[0]
