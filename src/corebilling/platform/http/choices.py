"""What would have fitted, for whoever sent something else: the words that a field takes, or what it is."""

from collections.abc import Sequence
from typing import Any

from msgspec import inspect

_ONE_OF = "invalid enum value"
_FORM = "expected str matching regex"


def with_choices(detail: str, kind: Any, steps: Sequence[str] = ()) -> str:
    """What is wrong with the field at the end of the way in a `kind`, and what would do; steps are names and places in lists."""
    if detail.lower().startswith(_ONE_OF):
        words = _choices(inspect.type_info(kind), steps)
        return f"{detail}; send one of {', '.join(words)}" if words else detail
    if detail.lower().startswith(_FORM):
        said = _description(inspect.type_info(kind), steps)
        return f"has another form than it should have ({said.rstrip('.')})" if said else detail
    return detail


def _choices(info: inspect.Type, steps: Sequence[str]) -> list[str]:
    if isinstance(info, inspect.LiteralType) and not steps:
        return [str(value) for value in info.values]
    inner = _inner(info, steps)
    return next(filter(None, (_choices(part, rest) for part, rest in inner)), [])


def _description(info: inspect.Type, steps: Sequence[str]) -> str:
    if isinstance(info, inspect.Metadata) and not steps and isinstance(info.type, inspect.StrType):
        return str((info.extra_json_schema or {}).get("description", ""))
    return next(filter(None, (_description(part, rest) for part, rest in _inner(info, steps))), "")


def _inner(info: inspect.Type, steps: Sequence[str]) -> list[tuple[inspect.Type, Sequence[str]]]:
    """Where the way goes on."""
    match info:
        case inspect.Metadata():
            return [(info.type, steps)]
        case inspect.UnionType():
            return [(part, steps) for part in info.types]
        case inspect.StructType() if steps:
            return [(field.type, steps[1:]) for field in info.fields if field.encode_name == steps[0]]
        case inspect.ListType() | inspect.VarTupleType() if steps:
            return [(info.item_type, steps[1:])]
        case inspect.DictType() if steps:
            return [(info.value_type, steps[1:])]
    return []
