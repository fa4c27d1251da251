"""The `corebilling` command: as a process of its own, as a person or a script runs it, or quicker inside this one."""

import os
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from corebilling.cli import app

COREBILLING = [sys.executable, "-m", "corebilling"]
PATIENCE_SECONDS = 180


def corebilling(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run to the end. What the tests' own environment says of an installation isn't passed on."""
    return subprocess.run(
        [*COREBILLING, *arguments], env=plain_environment() | environment, cwd=cwd, capture_output=True, text=True,
        timeout=PATIENCE_SECONDS, check=False,
    )  # fmt: skip


def within(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The same inside this process."""
    ran = CliRunner().invoke(app, list(arguments), env=environment | {"COLUMNS": "200"}, prog_name="corebilling")
    if ran.exception is not None and not isinstance(ran.exception, SystemExit):
        raise ran.exception
    return subprocess.CompletedProcess(arguments, ran.exit_code, ran.stdout, ran.stderr)


def plain_environment() -> dict[str, str]:
    """An environment without settings of the product."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "XDG_CACHE_HOME", "VIRTUAL_ENV", "PYTHONPATH", "USER")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"COLUMNS": "200"}


def descendants(pid: int) -> set[int]:
    """Every living process that descends from this one, found in /proc."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] != "Z":
                parents[int(entry.name)] = int(fields[1])
    found, fresh = set(), {pid}
    while fresh:
        fresh = {child for child, parent in parents.items() if parent in fresh} - found
        found |= fresh
    return found


def alive(pids: set[int]) -> set[int]:
    """Those that still run."""
    return {pid for pid in pids if _state(pid) not in {None, "Z"}}


def _state(pid: int) -> str | None:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return None
