"""The words that a field takes, for whoever sent another one."""

from collections.abc import Sequence
from typing import Any

from msgspec import inspect

_ONE_OF = "invalid enum value"


def with_choices(detail: str, kind: Any, steps: Sequence[str] = ()) -> str:
    """What is wrong with a field of `kind`, and the words that would do where it takes certain ones only."""
    if not detail.lower().startswith(_ONE_OF):
        return detail
    words = choices(kind, steps)
    return f"{detail}; send one of {', '.join(words)}" if words else detail


def choices(kind: Any, steps: Sequence[str]) -> list[str]:
    """The words at the end of the way, by names of fields and places in lists; empty where it takes any."""
    return _choices(inspect.type_info(kind), steps)


def _choices(info: inspect.Type, steps: Sequence[str]) -> list[str]:
    match info:
        case inspect.Metadata():
            return _choices(info.type, steps)
        case inspect.UnionType():
            return next(filter(None, (_choices(inner, steps) for inner in info.types)), [])
        case inspect.LiteralType() if not steps:
            return [str(value) for value in info.values]
        case inspect.StructType() if steps:
            inner = next((field.type for field in info.fields if field.encode_name == steps[0]), None)
            return [] if inner is None else _choices(inner, steps[1:])
        case inspect.ListType() | inspect.VarTupleType() if steps:
            return _choices(info.item_type, steps[1:])
        case inspect.DictType() if steps:
            return _choices(info.value_type, steps[1:])
    return []
