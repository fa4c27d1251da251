"""The sqlc plugin, run as sqlc runs it: a request on standard input, modules or a complaint out."""

import ast
import base64
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

PLUGIN = Path(__file__).resolve().parents[2] / "tools" / "sqlc-gen-corebilling"
TABLE = {"name": "things", "schema": ""}


def column(name: str, type_: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": {"name": type_}, "not_null": True, **more}


def query(
    text: str, cmd: str, *, columns: Sequence[Any] = (), params: Sequence[Any] = (), **more: Any
) -> dict[str, Any]:
    numbered = [{"number": number, "column": each} for number, each in enumerate(params, 1)]
    told = {"name": "DoIt", "filename": "things.sql", "comments": [" Says why."], "text": text, "cmd": cmd}
    return told | {"columns": list(columns), "params": numbered} | more


def run(*queries: dict[str, Any], tables: Sequence[Any] = (), **options: Any) -> subprocess.CompletedProcess[str]:
    chosen = base64.b64encode(json.dumps({"context": "thing"} | options).encode()).decode()
    catalog = {"schemas": [{"name": "public", "tables": list(tables)}]}
    request = {"catalog": catalog, "queries": list(queries), "plugin_options": chosen}
    return subprocess.run(
        [sys.executable, PLUGIN], input=json.dumps(request), capture_output=True, text=True, check=False
    )


def files(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    assert done.returncode == 0, done.stderr
    made = {f["name"]: base64.b64decode(f["contents"]).decode() for f in json.loads(done.stdout)["files"]}
    for text in made.values():
        ast.parse(text, feature_version=(3, 11))
    return made


def test_a_one_query_answers_a_row_or_none() -> None:
    columns = [column("id", "uuid"), column("total", "pg_catalog.int8")]
    module = files(run(query("SELECT", ":one", columns=columns, params=[column("tenant_id", "uuid")])))["things.py"]
    assert "async def do_it(conn: Connection, *, tenant_id: UUID) -> DoItRow | None:" in module
    assert '"""Says why."""' in module
    assert "total: int" in module


def test_a_many_query_of_one_column_answers_a_list_of_values() -> None:
    module = files(run(query("SELECT", ":many", columns=[column("at", "timestamptz")])))["things.py"]
    assert "async def do_it(conn: Connection) -> list[datetime]:" in module


def test_rows_of_a_whole_table_share_its_model() -> None:
    columns = [column("id", "uuid", table=TABLE), column("price", "numeric", table=TABLE)]
    table = {"rel": TABLE, "columns": columns}
    made = files(run(query("SELECT", ":many", columns=columns), tables=[table]))
    assert "class Thing(msgspec.Struct, frozen=True, gc=False):" in made["models.py"]
    assert "-> list[models.Thing]:" in made["things.py"]


def test_a_plural_may_be_given_its_singular() -> None:
    columns = [column("id", "uuid", table=TABLE), column("price", "numeric", table=TABLE)]
    table = {"rel": TABLE, "columns": columns}
    made = files(run(query("SELECT", ":many", columns=columns), tables=[table], singular={"things": "big_thing"}))
    assert "class BigThing(" in made["models.py"]


def test_lists_take_any_sequence_and_are_passed_as_lists() -> None:
    params = [
        column("ids", "uuid", is_array=True, array_dims=1),
        column("bodies", "jsonb", is_array=True, array_dims=1),
    ]
    module = files(run(query("INSERT", ":exec", params=params)))["things.py"]
    assert "ids: Sequence[UUID | None], bodies: Sequence[str | bytes | None]" in module
    assert "(list(ids), list(bodies))" in module


def test_nullable_parameters_and_named_nullable_columns_may_be_none() -> None:
    columns = [column("n", "bigint"), column("last_at", "timestamptz")]
    comments = [" Says why.", " nullable: last_at"]
    params = [column("status", "text", not_null=False)]
    module = files(run(query("SELECT", ":one", columns=columns, params=params, comments=comments)))["things.py"]
    assert "status: str | None" in module
    assert "last_at: datetime | None" in module
    assert "n: int\n" in module


def test_affected_rows_are_counted_inside_a_pipeline_too() -> None:
    module = files(run(query("DELETE", ":execrows")))["things.py"]
    assert "async with conn.pipeline():" in module
    assert "-> int:" in module


def test_sql_reaches_the_server_unchanged() -> None:
    sql = "SELECT 1 WHERE a LIKE '%\\_%' AND b = '\"\"\"' AND c = $1"
    module = files(run(query(sql, ":exec", params=[column("c", "text")])))["things.py"]
    constants = [node.value.value for node in ast.walk(ast.parse(module))
                 if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Constant)]  # fmt: skip
    assert constants == [f"-- thing/things.sql: DoIt\n{sql}\n"]


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        (query("SELECT", ":exec", comments=[]), "add one line that says why it exists"),
        (query("SELECT", ":batchone"), ":batchone isn't supported"),
        (query("SELECT", ":one", columns=[column("ip", "inet"), column("a", "text")]), "the type `inet`"),
        (query("SELECT", ":many", columns=[column("a", "text"), column("a", "text")]), "a name of its own"),
        (query("SELECT", ":exec", params=[column("", "text")]), "has no name"),
        (query("SELECT", ":exec", params=[column("conn", "text")]), "the name is taken"),
        (query("SELECT", ":exec", comments=[" Why.", " nullable: nope"]), "names no column nope"),
        (query("SELECT", ":one", columns=[column("t", "", embed_table=TABLE)]), "sqlc.embed isn't supported"),
    ],
)  # fmt: skip
def test_what_has_no_form_in_python_is_refused_with_advice(bad: dict[str, Any], complaint: str) -> None:
    done = run(bad)
    assert done.returncode == 1
    assert complaint in done.stderr
    assert "DoIt" in done.stderr
