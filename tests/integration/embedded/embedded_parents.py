"""A parent process whose end its servers must not outlive."""

import json
import os
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

import corebilling

SOURCE = Path(corebilling.__file__).parents[1]
SMALL = {"shared_buffers": "16MB"}

PARENT = """
import json, sys
from pathlib import Path
from corebilling.platform.embedded import EmbeddedStack
stack = EmbeddedStack(Path(sys.argv[1]), settings={"shared_buffers": "16MB"})
stack.start()
print(json.dumps([stack.postgres.pid, stack.nats.pid]), flush=True)
command = sys.stdin.readline().strip()
if command == "raise":
    raise RuntimeError("on purpose")
"""


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for: {what}"
        time.sleep(0.01)


def gone(pid: int) -> bool:
    """Whether the process ended, reaped by its new parent or not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def query(url: str, statement: str) -> Any:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)  # type: ignore[call-overload]
        return cursor.fetchone()[0] if cursor.description else None


def start_parent(data: Path, user: int | None = None, python: str = sys.executable) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [python, "-c", PARENT, str(data)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
        env={"PYTHONPATH": f"{SOURCE}:{sysconfig.get_path('purelib')}", "PATH": os.environ["PATH"]},
        user=user,
        group=user,
        extra_groups=None if user is None else [],
        start_new_session=True,
    )


def pids_of(parent: subprocess.Popen[str]) -> list[int]:
    assert parent.stdout is not None
    line = parent.stdout.readline()
    if not line:
        pytest.fail(parent.communicate()[1])
    pids: list[int] = json.loads(line)
    return pids
