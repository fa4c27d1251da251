"""What sqlc sends to a process plugin (format json): the part of plugin.GenerateRequest that is used here."""

import re
from dataclasses import dataclass

import msgspec


class QueryError(Exception):
    """A query that can't become a function. The message names it and says what to change."""


class Named(msgspec.Struct, frozen=True):
    name: str
    schema: str = ""


class Column(msgspec.Struct, frozen=True):
    name: str
    type: Named
    not_null: bool = False
    is_array: bool = False
    array_dims: int = 0
    table: Named | None = None
    embed_table: Named | None = None


class Parameter(msgspec.Struct, frozen=True):
    number: int
    column: Column


class Query(msgspec.Struct, frozen=True):
    text: str
    name: str
    cmd: str
    filename: str
    columns: list[Column] = []
    params: list[Parameter] = []
    comments: list[str] = []


class Table(msgspec.Struct, frozen=True):
    rel: Named
    columns: list[Column] = []


class Schema(msgspec.Struct, frozen=True):
    name: str
    tables: list[Table] = []


class Catalog(msgspec.Struct, frozen=True):
    schemas: list[Schema] = []


class Request(msgspec.Struct, frozen=True):
    catalog: Catalog
    queries: list[Query] = []
    plugin_options: bytes = b""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options of one block of sqlc.yaml: `singular` names a table's row where the rule for plurals is wrong."""

    context: str
    singular: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Notes:
    """What a query's comment lines say: prose for the docstring, and `-- nullable: a, b`."""

    prose: list[str]
    nullable: frozenset[str]


def notes(query: Query) -> Notes:
    """Split the comment lines of a query. Raises QueryError when no line says why the query exists."""
    prose: list[str] = []
    nullable: set[str] = set()
    for line in (comment.strip() for comment in query.comments):
        marker = re.fullmatch(r"nullable:\s*(.+)", line)
        if marker:
            nullable.update(name.strip() for name in marker[1].split(","))
        elif line:
            prose.append(line)
    if not prose:
        raise QueryError(f"{query.filename}: {query.name} has no comment; add one line that says why it exists")
    unknown = nullable - {column.name for column in query.columns}
    if unknown:
        raise QueryError(f"{query.filename}: {query.name}: `-- nullable:` names no column {', '.join(sorted(unknown))}")
    return Notes(prose, frozenset(nullable))
