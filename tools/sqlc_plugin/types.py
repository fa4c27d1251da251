"""Which Python type a PostgreSQL type is, and how its value is passed."""

from keyword import iskeyword

from sqlc_plugin.request import Column, QueryError

_PYTHON = {
    "bool": "bool", "boolean": "bool",
    "int2": "int", "int4": "int", "int8": "int", "smallint": "int", "integer": "int", "bigint": "int",
    "serial": "int", "bigserial": "int", "oid": "int",
    "float4": "float", "float8": "float", "double precision": "float", "real": "float",
    "numeric": "Decimal", "decimal": "Decimal",
    "text": "str", "varchar": "str", "bpchar": "str", "character varying": "str", "name": "str",
    "uuid": "UUID",
    "date": "date", "time": "time", "timestamptz": "datetime", "timestamp": "datetime", "interval": "timedelta",
    "timestamp with time zone": "datetime", "timestamp without time zone": "datetime",
    "bytea": "bytes",
}  # fmt: skip
_JSON = {"json", "jsonb"}

_IMPORTS = {
    "Decimal": "from decimal import Decimal",
    "UUID": "from uuid import UUID",
    "Sequence": "from collections.abc import Sequence",
    **{name: f"from datetime import {name}" for name in ("date", "time", "datetime", "timedelta")},
}


def imports_for(annotations: set[str]) -> list[str]:
    """Import lines for the names that these annotations mention."""
    words = {word for text in annotations for word in text.replace("[", " ").replace("]", " ").split()}
    return sorted(line for name, line in _IMPORTS.items() if name in words)


def identifier(name: str) -> str:
    """A column's or parameter's name as Python writes it: a keyword gets an underscore behind it."""
    return f"{name}_" if iskeyword(name) else name


def _type_name(column: Column) -> str:
    return column.type.name.removeprefix("pg_catalog.")


def _scalar(column: Column, where: str) -> str:
    name = _type_name(column)
    if column.embed_table is not None:
        raise QueryError(f"{where}: sqlc.embed isn't supported; name the columns")
    if name in _JSON:
        return "str"
    if column.array_dims > 1:
        raise QueryError(f"{where}: arrays of arrays have no Python type here; unnest several flat arrays instead")
    if name not in _PYTHON:
        raise QueryError(f"{where} has the type `{name}`, which has no Python type here; cast it, e.g. `::text`")
    return _PYTHON[name]


def result_type(column: Column, nullable: bool, where: str) -> str:
    """A result column. JSON is the document's text, both ways."""
    scalar = _scalar(column, where)
    python = f"list[{scalar}]" if column.is_array else scalar
    return python if column.not_null and not nullable else f"{python} | None"


def parameter_type(column: Column, where: str) -> str:
    """A parameter. Elements of a list may be None, because sqlc can't tell which of several arrays fills
    a nullable column; JSON documents of a list may be bytes, as `msgspec.json.encode` gives them."""
    scalar = _scalar(column, where)
    if column.is_array:
        scalar = f"Sequence[{scalar} | bytes | None]" if _type_name(column) in _JSON else f"Sequence[{scalar} | None]"
    return scalar if column.not_null else f"{scalar} | None"


def argument(column: Column, name: str) -> str:
    """The expression that passes a parameter: a list becomes a real `list`, which the fast dumper is registered for."""
    if not column.is_array:
        return name
    return f"list({name})" if column.not_null else f"None if {name} is None else list({name})"
