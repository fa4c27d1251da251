"""Generate the query functions of every context: `make generate`, or one context with `--context NAME`.

sqlc needs to ask a real database what the types are, so this starts an embedded PostgreSQL in a directory of its own,
migrates it, runs sqlc over the blocks of sqlc.yaml whose query files exist, and formats what comes out. Several people
may run it at once. `--check` writes nothing and fails when the committed files are not what would be generated.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from corebilling.platform.db.migrations import PHASES, MigrationError, migrate
from corebilling.platform.embedded import EmbeddedPostgres

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = Path(sys.executable).parent
GLUED = re.compile(r"^(?!\s*--).*[=<>+\-*/%|]@[a-z_]", re.MULTILINE)
RUFF = ["--isolated", "--quiet", "--line-length=120", "--target-version=py311"]


class GenerateError(Exception):
    """Generation can't go on; the message says what to change."""


def blocks(config: dict[str, Any], contexts: list[str]) -> list[dict[str, Any]]:
    """The blocks of sqlc.yaml that were asked for, else all."""
    known = {block["name"] for block in config["sql"]}
    if unknown := set(contexts) - known:
        raise GenerateError(
            f"sqlc.yaml has no block {', '.join(sorted(unknown))}; choose from {', '.join(sorted(known))}"
        )
    return [block for block in config["sql"] if not contexts or block["name"] in contexts]


def refuse_glued_parameters(folder: Path) -> None:
    """`=@name` is read as an operator `=@` and the parameter is lost. Raises GenerateError naming the line."""
    for path in sorted(folder.glob("*.sql")):
        text = path.read_text()
        if found := GLUED.search(text):
            line = text.count("\n", 0, found.end()) + 1
            raise GenerateError(f"{path}:{line}: put a blank between the operator and @name")


def derived(config: dict[str, Any], chosen: list[dict[str, Any]], work: Path) -> dict[str, Any]:
    """sqlc.yaml for these blocks with everything relative to `work`, where the output goes too."""
    here = os.path.relpath(ROOT, work)
    plugin = config["plugins"][0]
    sql = [
        block
        | {
            "schema": [f"{here}/{path}" for path in block["schema"] if any((ROOT / path).glob("*.sql"))],
            "queries": f"{here}/{block['queries']}",
            "codegen": [block["codegen"][0] | {"out": f"out/{block['name']}"}],
        }
        for block in chosen
    ]
    process = plugin["process"] | {"cmd": str(ROOT / plugin["process"]["cmd"])}
    return {"version": config["version"], "plugins": [plugin | {"process": process}], "sql": sql}


def run(command: list[str | Path], env: dict[str, str] | None = None) -> None:
    """Run a program; what it complains of becomes the GenerateError."""
    if not Path(command[0]).exists():
        raise GenerateError(f"{command[0]} is missing; run `make setup`")
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise GenerateError((done.stdout + done.stderr).strip())


def generate(config: dict[str, Any], chosen: list[dict[str, Any]], work: Path) -> dict[Path, str]:
    """The text of every file that these blocks should consist of, by its path below the root."""
    for block in chosen:
        refuse_glued_parameters(ROOT / block["queries"])
    (work / "sqlc.yaml").write_text(yaml.safe_dump(derived(config, chosen, work)))
    with tempfile.TemporaryDirectory(prefix="corebilling-generate-") as data, EmbeddedPostgres(Path(data)) as server:
        migrate(server.url, ROOT / "sql" / "schema", phases=PHASES)
        path = f"{PROGRAMS}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        env = os.environ | {"PATH": path, "SQLC_DATABASE_URL": f"{server.url}?sslmode=disable"}
        run([PROGRAMS / "sqlc", "generate", "-f", work / "sqlc.yaml"], env)
    out = work / "out"
    sorting = ["--fix", "--select=F401,I", "--config=lint.isort.known-first-party=['corebilling']"]
    run([PROGRAMS / "ruff", "check", *RUFF, *sorting, out])
    run([PROGRAMS / "ruff", "format", *RUFF, out])
    targets = {block["name"]: Path(block["codegen"][0]["out"]) for block in chosen}
    return {targets[path.parent.name] / path.name: path.read_text() for path in sorted(out.glob("*/*.py"))}


def differences(wanted: dict[Path, str], chosen: list[dict[str, Any]]) -> tuple[list[Path], list[Path]]:
    """(files to write, files to remove) until the tree is as wanted."""
    folders = [Path(block["codegen"][0]["out"]) for block in chosen]
    present = {path.relative_to(ROOT) for folder in folders for path in (ROOT / folder).glob("*.py")}
    stale = [path for path, text in wanted.items() if path not in present or (ROOT / path).read_text() != text]
    return stale, sorted(present - wanted.keys())


def install(wanted: dict[Path, str], stale: list[Path], surplus: list[Path], work: Path) -> None:
    """Bring the tree to what is wanted; each file changes in one step, so that a reader never sees half of one."""
    for path in stale:
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        draft = work / "draft.py"
        draft.write_text(wanted[path])
        draft.replace(ROOT / path)
    for path in surplus:
        (ROOT / path).unlink(missing_ok=True)


def main() -> int:
    """Exit status: 0 done or in step, 1 out of step or failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when generated files are out of step")
    parser.add_argument("--context", action="append", default=[], help="generate only this context (may be repeated)")
    asked = parser.parse_args()
    config = yaml.safe_load((ROOT / "sqlc.yaml").read_text())
    cache = ROOT / ".cache" / "sqlc"
    cache.mkdir(parents=True, exist_ok=True)
    try:
        chosen = blocks(config, asked.context)
        filled = [block for block in chosen if any((ROOT / block["queries"]).glob("*.sql"))]
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            work = Path(folder)
            wanted = generate(config, filled, work) if filled else {}
            stale, surplus = differences(wanted, chosen)
            if not asked.check:
                install(wanted, stale, surplus, work)
    except (GenerateError, MigrationError) as error:
        print(error, file=sys.stderr)
        return 1
    for path in stale:
        print(f"{'out of step' if asked.check else 'written'}: {path}")
    for path in surplus:
        print(f"{'has no query file' if asked.check else 'removed'}: {path}")
    if asked.check and (stale or surplus):
        print("run `make generate` and commit the result", file=sys.stderr)
        return 1
    print(f"{len(wanted)} files of {len(filled)} contexts are in step with sql/queries")
    return 0


if __name__ == "__main__":
    sys.exit(main())
