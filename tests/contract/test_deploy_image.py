"""Dockerfile: what it copies exists, what it runs is locked, and who it runs as."""

import json
import re
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import typer.main

from corebilling.cli import app
from corebilling.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.runtime.lock", "requirements.build.lock")


def instructions() -> list[tuple[str, str]]:
    """(instruction, rest) with continued lines joined and comments gone."""
    text = re.sub(r"(?m)^\s*#.*\n", "", (ROOT / "Dockerfile").read_text())
    lines = re.sub(r"\\\n", " ", text).splitlines()
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1].strip()) for line in lines if line.strip()]


def stages() -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    current: list[tuple[str, str]] = []
    for name, rest in instructions():
        if name == "FROM":
            current = found.setdefault(rest.split(" AS ")[1], [])
        current.append((name, rest))
    return found


def pins(lock: str) -> dict[str, str]:
    """Each requirement of a lock with its version, marker and hashes, by name."""
    blocks = re.split(r"(?m)^(?=\S)", (ROOT / lock).read_text())
    return {re.split(r"[=\[ ;]", block)[0]: block.strip() for block in blocks if block.strip()}


def only(stage: str, instruction: str) -> str:
    values = [rest for name, rest in stages()[stage] if name == instruction]
    assert len(values) == 1, f"{instruction} stands {len(values)} times in {stage}"
    return values[0]


def test_the_image_that_ships_has_no_build_tools_and_starts_the_command() -> None:
    assert list(stages()) == ["build", "runtime"]
    assert only("runtime", "COPY") == "--from=build /opt/corebilling /opt/corebilling"
    assert json.loads(only("runtime", "ENTRYPOINT")) == ["corebilling"]
    assert not [rest for name, rest in stages()["runtime"] if name == "RUN"]


def test_it_runs_as_a_numeric_user_that_is_not_root() -> None:
    user, group = only("runtime", "USER").split(":")
    assert int(user) > 0
    assert int(group) > 0


def test_the_base_image_is_pinned_to_the_python_that_is_required() -> None:
    arguments = dict(rest.split("=", 1) for name, rest in instructions() if name == "ARG")
    assert re.fullmatch(r"python:3\.11(\.\d+)?-slim-[a-z]+", arguments["PYTHON_IMAGE"])
    assert {only(stage, "FROM").split(" AS ")[0] for stage in stages()} == {"${PYTHON_IMAGE}"}


def test_everything_copied_from_the_checkout_exists_and_passes_the_ignore_file() -> None:
    allowed = {
        line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }
    copied = [
        source
        for name, rest in stages()["build"]
        if name == "COPY" and "--from" not in rest
        for source in rest.split()[:-1]
    ]
    assert copied
    for source in copied:
        assert (ROOT / source).exists(), source
        assert source.split("/")[0] in allowed, f"{source} is kept out by .dockerignore"


def test_secrets_and_git_stay_out_of_the_build() -> None:
    assert (ROOT / ".dockerignore").read_text().splitlines()[1] == "*"


def test_everything_installed_is_checked_by_hash() -> None:
    runs = " ".join(rest for name, rest in stages()["build"] if name == "RUN")
    installs = re.findall(r"pip \S+ \S+ install [^&]+", runs)
    assert len(installs) == 3
    for install in installs:
        words = shlex.split(install)
        assert "--require-hashes" in words or {"--no-index", "--no-deps"} <= set(words), install


@pytest.mark.parametrize("lock", LOCKS)
def test_the_locks_of_the_image_agree_with_the_lock_that_is_tested(lock: str) -> None:
    tested = pins("requirements.lock")
    for name, pin in pins(lock).items():
        assert "--hash=sha256:" in pin, name
        assert tested[name] == pin, f"{name}: run `make lock`"


def test_ports_signal_and_health_check_are_those_of_the_code() -> None:
    settings = Settings()
    assert only("runtime", "EXPOSE").split() == [str(settings.http_port), str(settings.metrics_port)]
    assert only("runtime", "STOPSIGNAL") == "SIGTERM"
    check = only("runtime", "HEALTHCHECK")
    assert f"'METRICS_PORT') or {settings.metrics_port}" in check
    assert "'/healthz'" in check
    program = json.loads(check.split("CMD ", 1)[1])
    assert program[:2] == ["python", "-c"]
    compile(program[2], "HEALTHCHECK", "exec")


def test_the_default_command_exists() -> None:
    command = json.loads(only("runtime", "CMD"))
    typer.main.get_command(app).make_context("corebilling", command, resilient_parsing=True)
    assert command == ["run"]


def test_the_wheel_that_the_image_installs_carries_every_migration(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("corebilling/schema/")}
    assert inside == {
        f"corebilling/schema/{path.relative_to(ROOT / 'sql' / 'schema')}"
        for path in (ROOT / "sql" / "schema").rglob("*.sql")
    }
