"""The rules of the house that import-linter can't express. There is no list of exceptions."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from corebilling.events.catalog import CATALOG
from corebilling.platform.db.migrations import CONTEXTS as MIGRATION_SERVICES

ROOT = Path(__file__).resolve().parent.parent
SRC = ROOT / "src" / "corebilling"
BOUNDED = (
    "tenant", "customer", "pricing", "subscription", "usage", "rating", "invoice", "payment", "ledger", "webhook", "scheduler",
)  # fmt: skip
SQL_LIVES_WITH = {"audit": "platform"}
"""Schema services without a context of their own, and whose queries may touch their tables."""
LONGEST_FILE = 300
CLOCKS = {
    f"{owner}.{call}"
    for owner in ("datetime", "datetime.datetime", "date", "datetime.date", "time")
    for call in ("now", "utcnow", "today", "time", "time_ns", "monotonic", "monotonic_ns", "perf_counter")
}
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}


def tracked(*suffixes: str) -> list[Path]:
    """Files that git knows or would add, by ending."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.splitlines()  # fmt: skip
    return [ROOT / name for name in listed if name.endswith(suffixes) and (ROOT / name).exists()]


def written_by_hand() -> list[Path]:
    return [path for path in tracked(".py") if "queries" not in path.parts]


def queries() -> Iterator[tuple[str, str, str]]:
    """(context, name, text without comments) of every query."""
    for path in sorted((ROOT / "sql" / "queries").rglob("*.sql")):
        for block in re.split(r"(?m)^-- name: ", path.read_text())[1:]:
            head, _, text = block.partition("\n")
            yield path.parent.name, head.split()[0], re.sub(r"--[^\n]*", "", text)


def tables() -> dict[str, tuple[str, bool]]:
    """Table -> (context that owns it, whether it has a tenant_id)."""
    found = {}
    for path in sorted((ROOT / "sql" / "schema").rglob("*.sql")):
        text = re.sub(r"--[^\n]*", "", path.read_text())
        for match in re.finditer(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+)\s*\((.*?)\n\)", text, re.DOTALL):
            found[match[1]] = (path.parent.name, "tenant_id" in match[2])
    return found


def mentioned(text: str) -> set[str]:
    """Names that stand where SQL names a table."""
    return set(re.findall(r"(?i)\b(?:from|join|into|update|only|truncate)\s+(?:table\s+)?(\w+)", text))


def test_no_file_written_by_hand_is_longer_than_a_sitting() -> None:
    long = {
        str(p.relative_to(ROOT)): n for p in written_by_hand() if (n := len(p.read_text().splitlines())) > LONGEST_FILE
    }
    assert not long


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert not [str(p) for p in written_by_hand() if p.stem in VAGUE_NAMES or p.parent.name in VAGUE_NAMES]


def test_nothing_is_left_for_later() -> None:
    words = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")
    assert not [str(p) for p in tracked(".py", ".sql") if p != Path(__file__) and words.search(p.read_text())]


def test_no_file_carries_a_registry_address() -> None:
    address = re.compile(r"https?://(files\.pythonhosted|pypi|registry\.npmjs|proxy\.golang|repo1?\.maven)[.\w]*")
    files = tracked(".py", ".toml", ".lock", ".yaml", ".yml", ".json", ".md", "Makefile", "Dockerfile")
    assert not [str(p) for p in files if p != Path(__file__) and address.search(p.read_text())]


@pytest.mark.parametrize("context", BOUNDED)
def test_every_context_says_what_it_owns(context: str) -> None:
    readme = (SRC / context / "README.md").read_text().lower()
    for heading in ("owns", "does not own", "consumes", "publishes"):
        assert heading in readme, f"{context}/README.md should say what it {heading}"


def test_every_migration_service_but_none_other_has_a_schema() -> None:
    assert {p.name for p in (ROOT / "sql" / "schema").iterdir()} == set(MIGRATION_SERVICES)


def test_the_sql_of_a_context_touches_its_own_tables_only() -> None:
    owner = {table: SQL_LIVES_WITH.get(context, context) for table, (context, _) in tables().items()}
    strangers = {
        f"{context}.{name} -> {table}"
        for context, name, text in queries()
        for table in mentioned(text)
        if owner.get(table, context) != context
    }
    assert not strangers


def test_every_query_on_a_tenant_table_names_the_tenant() -> None:
    of_tenants = {table for table, (_, has_tenant) in tables().items() if has_tenant}
    silent = {
        f"{context}.{name}"
        for context, name, text in queries()
        if mentioned(text) & of_tenants and "tenant_id" not in text
    }
    assert not silent


def test_domains_events_and_kernel_read_no_clock_and_know_no_float() -> None:
    pure = [
        p
        for p in written_by_hand()
        if SRC in p.parents and {"domain", "events", "kernel"} & set(p.relative_to(SRC).parts)
    ]
    assert pure
    offences = []
    for path in pure:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Name) and node.id == "float":
                offences.append(f"{path.relative_to(ROOT)}:{node.lineno} float")
            if isinstance(node, ast.Attribute) and ast.unparse(node) in CLOCKS:
                offences.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.attr}")
    assert not offences


def test_handlers_are_named_after_their_events_and_listed_at_the_foot() -> None:
    for path in SRC.glob("*/handlers.py"):
        tree = ast.parse(path.read_text())
        functions = [n.name for n in tree.body if isinstance(n, ast.AsyncFunctionDef) and not n.name.startswith("_")]
        assert functions, path
        assert all(name.startswith("on_") for name in functions), (path, functions)
        last = tree.body[-1]
        assert isinstance(last, ast.AnnAssign), path
        assert isinstance(last.target, ast.Name), path
        assert last.target.id == "HANDLERS", path


def test_every_public_name_of_the_source_has_a_docstring() -> None:
    bare = []
    for path in written_by_hand():
        if SRC not in path.parents:
            continue
        tree = ast.parse(path.read_text())
        named = [n for n in tree.body if isinstance(n, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)]
        for node in [tree, *(n for n in named if not n.name.startswith("_"))]:
            if ast.get_docstring(node) is None:
                bare.append(f"{path.relative_to(ROOT)}:{getattr(node, 'name', '')}")
    assert not bare


def test_subjects_are_lower_case_words_between_dots_and_unique() -> None:
    subjects = [row.subject for row in CATALOG]
    assert len(set(subjects)) == len(subjects)
    assert all(re.fullmatch(r"[a-z]+(\.[a-z]+)+(\.v[2-9])?", subject) for subject in subjects)
    assert {row.publisher for row in CATALOG} <= {*BOUNDED, "platform"}
