"""Row classes: one model for each table read whole, one class for each other shape of result."""

import re

from sqlc_plugin.request import Column, Options, Query, QueryError, Request, Table, notes
from sqlc_plugin.types import identifier, result_type


def snake(name: str) -> str:
    """`ListOpenInvoices` -> `list_open_invoices`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def model_name(table: str, options: Options) -> str:
    """`invoice_lines` -> `InvoiceLine`. Plurals that the rule gets wrong are named in sqlc.yaml."""
    singular = options.singular.get(table)
    if singular is None:
        if table.endswith("ies"):
            singular = table[:-3] + "y"
        elif table.endswith(("sses", "xes", "ches", "shes", "statuses")):
            singular = table[:-2]
        elif table.endswith("s") and not table.endswith(("ss", "us", "is")):
            singular = table[:-1]
        else:
            singular = table
    return "".join(part.capitalize() for part in singular.split("_"))


def whole_table(query: Query, request: Request) -> Table | None:
    """The table that a result has exactly the columns of, if there is one."""
    if not query.columns or any(column.table is None for column in query.columns):
        return None
    names = [(column.name, column.not_null) for column in query.columns]
    sources = {column.table.name for column in query.columns if column.table}
    if len(sources) != 1 or notes(query).nullable:
        return None
    for schema in request.catalog.schemas:
        for table in schema.tables:
            if table.rel.name in sources and [(column.name, column.not_null) for column in table.columns] == names:
                return table
    return None


def render_struct(name: str, columns: list[Column], nullable: frozenset[str], doc: str, where: str) -> str:
    """The source of one row class. Fields stand in the order of the columns: rows are built by position."""
    lines = [f"class {name}(msgspec.Struct, frozen=True, gc=False):", f'    """{doc}"""', ""]
    seen: set[str] = set()
    for column in columns:
        if column.name in seen or not column.name.isidentifier() or column.name == "?column?":
            raise QueryError(f"{where}: result column `{column.name}` needs a name of its own; write `AS name`")
        seen.add(column.name)
        annotation = result_type(column, column.name in nullable, f"{where}: column {column.name}")
        lines.append(f"    {identifier(column.name)}: {annotation}")
    return "\n".join(lines) + "\n"
