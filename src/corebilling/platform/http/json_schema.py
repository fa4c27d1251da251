"""JSON Schema of wire structs: msgspec's, with every instant marked as one."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec import inspect


def components(kinds: Iterable[Any], ref_template: str) -> tuple[tuple[dict[str, Any], ...], dict[str, Any]]:
    """A schema for each type, and the named ones that they refer to.

    msgspec says `date-time` only where reading demands a zone. All our instants have one, so all of them say so.
    """
    wanted = list(kinds)
    schemas, named = msgspec.json.schema_components(wanted, ref_template=ref_template)
    for struct in _structs(inspect.multi_type_info(wanted)):
        properties = named.get(struct.cls.__name__, {}).get("properties", {})
        for field in struct.fields:
            if field.encode_name in properties and _holds_instant(field.type):
                _mark(properties[field.encode_name])
    return schemas, named


def _structs(kinds: Iterable[inspect.Type]) -> Iterator[inspect.StructType]:
    waiting, seen = list(kinds), set()
    while waiting:
        kind = waiting.pop()
        if id(kind) in seen:
            continue
        seen.add(id(kind))
        if isinstance(kind, inspect.StructType):
            yield kind
            waiting.extend(field.type for field in kind.fields)
        else:
            waiting.extend(_parts(kind))


def _parts(kind: inspect.Type) -> Iterator[inspect.Type]:
    for name in kind.__struct_fields__:
        value = getattr(kind, name)
        yield from (one for one in (value if isinstance(value, tuple) else (value,)) if isinstance(one, inspect.Type))


def _holds_instant(kind: inspect.Type) -> bool:
    if isinstance(kind, inspect.UnionType):
        return any(map(_holds_instant, kind.types))
    return isinstance(kind.type if isinstance(kind, inspect.Metadata) else kind, inspect.DateTimeType)


def _mark(schema: dict[str, Any]) -> None:
    for one in schema.get("anyOf", [schema]):
        if one.get("type") == "string":
            one["format"] = "date-time"
