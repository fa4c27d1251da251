"""One function for each query."""

from dataclasses import dataclass

from sqlc_plugin.request import Parameter, Query, QueryError, notes
from sqlc_plugin.rows import snake
from sqlc_plugin.types import argument, identifier, parameter_type, result_type

COMMANDS = {":one", ":many", ":exec", ":execrows"}


@dataclass(frozen=True, slots=True)
class Function:
    """The source of one query's constant and function, and what it needs imported."""

    source: str
    annotations: set[str]
    row_factory: str | None


def _where(query: Query) -> str:
    return f"{query.filename}: {query.name}"


def _parameters(query: Query) -> list[tuple[str, str, Parameter]]:
    """(Python name, annotation, parameter) in the order of their numbers."""
    found: list[tuple[str, str, Parameter]] = []
    for parameter in sorted(query.params, key=lambda each: each.number):
        name = identifier(parameter.column.name)
        where = f"{_where(query)}: parameter @{name or parameter.number}"
        if not name.isidentifier():
            raise QueryError(f"{where} has no name; write @name or sqlc.narg('name') instead of ${parameter.number}")
        if name in {"conn", "list", *(known for known, _, _ in found)}:
            raise QueryError(f"{where}: the name is taken; use another, or the same form (@ or sqlc.narg) everywhere")
        found.append((name, parameter_type(parameter.column, where), parameter))
    if [parameter.number for _, _, parameter in found] != list(range(1, len(found) + 1)):
        raise QueryError(f"{_where(query)}: sqlc lost a parameter; put a blank between an operator and @name")
    return found


def _sql_constant(query: Query, context: str) -> str:
    text = f"-- {context}/{query.filename}: {query.name}\n{query.text.strip()}\n"
    if "\\" in text or '"""' in text:
        return repr(text)
    return f'"""{text}"""'


def _body(query: Query, constant: str, passed: str, row: str | None, factory: str | None) -> list[str]:
    execute = f"await _cur.execute({constant}{passed})"
    if query.cmd == ":exec":
        return ["_cur = psycopg.AsyncRawCursor(conn)", execute]
    if query.cmd == ":execrows":
        # Leaving an inner pipeline synchronises an outer one; only then is the count known.
        return [
            "_cur = psycopg.AsyncRawCursor(conn)",
            "async with conn.pipeline():",
            f"    {execute}",
            "return _cur.rowcount",
        ]
    opened = [f"_cur = psycopg.AsyncRawCursor(conn, row_factory={factory})", execute]
    if query.cmd == ":many":
        return [*opened, f"_rows: list[{row}] = await _cur.fetchall()", "return _rows"]
    return [*opened, f"_row: {row} | None = await _cur.fetchone()", "return _row"]


def render_function(query: Query, context: str, row_class: str | None) -> Function:
    """The function of a query whose rows are `row_class`, or the single column's own type when that is None.

    Raises QueryError for a command, a parameter or a column that has no form in Python.
    """
    if query.cmd not in COMMANDS:
        raise QueryError(f"{_where(query)}: {query.cmd} isn't supported; use one of {', '.join(sorted(COMMANDS))}")
    said = notes(query)
    parameters = _parameters(query)
    row, factory, returns = None, None, {":exec": "None", ":execrows": "int"}.get(query.cmd, "")
    if not returns:
        if row_class is None:
            column = query.columns[0]
            row = result_type(column, column.name in said.nullable, f"{_where(query)}: column {column.name}")
            factory = "scalar_row"
        else:
            row, factory = row_class, f"args_row({row_class})"
        returns = f"list[{row}]" if query.cmd == ":many" else f"{row.removesuffix(' | None')} | None"
        row = row if query.cmd == ":many" else row.removesuffix(" | None")
    name, constant = snake(query.name), snake(query.name).upper()
    signature = "".join(f", {each}: {annotation}" for each, annotation, _ in parameters)
    values = [argument(parameter.column, each) for each, _, parameter in parameters]
    passed = f", ({', '.join(values)}{',' if len(values) == 1 else ''})" if values else ""
    lines = [
        f"{constant}: Final = {_sql_constant(query, context)}",
        "",
        "",
        f"async def {name}(conn: Connection{', *' if parameters else ''}{signature}) -> {returns}:",
        f'    """{" ".join(said.prose)}"""',
        *(f"    {line}" for line in _body(query, constant, passed, row, factory)),
    ]
    annotations = {annotation for _, annotation, _ in parameters} | {returns}
    return Function("\n".join(lines) + "\n", annotations, factory.split("(")[0] if factory else None)
