"""docs/onboarding.md, run as a reader would: its commands in order on a fresh installation, its answers compared."""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from corebilling.cli.bootstrap import development_keys
from corebilling.cli.local import local_installation

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "onboarding.md"
PATIENCE_SECONDS = 60.0
ANYTHING = "…"


class Step(msgspec.Struct):
    """A block of commands, and the answer shown below it."""

    heading: str
    commands: str
    answer: Any

    @property
    def only_reads(self) -> bool:
        """Whether it may be asked again until the answer is there."""
        return " -d " not in self.commands


def steps(text: str) -> Iterator[Step]:
    """The blocks in order; a `json` block belongs to the `sh` block before it."""
    step, heading = None, ""
    for found in re.finditer(
        r"^#+ (?P<heading>[^\n]+)$|^```(?P<kind>\w+)\n(?P<body>.*?)^```$", text, re.MULTILINE | re.DOTALL
    ):
        heading = found["heading"] or heading
        if found["kind"] == "sh":
            if step:
                yield step
            step = Step(heading, found["body"], None)
        elif found["kind"] == "json":
            assert step, f"an answer without a command under {heading}"
            step.answer = json.loads(found["body"])
    if step:
        yield step


def holds(shown: Any, real: Any) -> bool:
    """Whether all that is shown is in the real answer: objects may have more members, lists may not."""
    if shown == ANYTHING:
        return bool(real)
    if isinstance(shown, dict):
        return isinstance(real, dict) and all(name in real and holds(shown[name], real[name]) for name in shown)
    if isinstance(shown, list):
        return isinstance(real, list) and len(shown) == len(real) and all(map(holds, shown, real))
    return bool(shown == real)


class Shell:
    """One terminal: what a block sets is there in the next, as the reader's variables are."""

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        self.folder = folder
        self.variables = variables

    def run(self, commands: str) -> str:
        """The output of the commands; what a variable took in instead is in the file `answer`."""
        recorder = 'curl() { command curl "$@" | tee "$HOME/answer"; }\n'
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"{recorder}set -a\n{commands}\nenv -0 > variables"],
            cwd=self.folder, env=self.variables, capture_output=True, text=True, check=False,
        )  # fmt: skip
        answer = self.folder / "answer"
        assert done.returncode == 0, f"{commands}\n{done.stderr}\n{answer.read_text() if answer.exists() else ''}"
        listed = (self.folder / "variables").read_text().split("\0")
        self.variables = dict(pair.split("=", 1) for pair in listed if "=" in pair)
        return (self.folder / "answer").read_text()


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    for needed in ("bash", "curl", "python3"):
        if shutil.which(needed) is None:
            pytest.skip(f"the guide's commands need {needed}")
    with local_installation(environment={"RATING_DEBOUNCE_SECONDS": "1"}) as here:
        keys = development_keys(here.app_url, here.data)
        own = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
        yield Shell(tmp_path, {**own, "URL": here.api.url, "ADMIN_KEY": keys.admin_api_key})


def test_the_guide_has_ten_numbered_calls_and_every_answer_is_what_it_shows(shell: Shell) -> None:
    numbered = set()
    for step in steps(GUIDE.read_text()):
        if re.match(r"\d+\. ", step.heading):
            assert step.commands.count("curl ") == 1, f"{step.heading} isn't one call"
            numbered.add(step.heading)
        deadline = time.monotonic() + PATIENCE_SECONDS
        real = shell.run(step.commands)
        while step.answer is not None and not holds(step.answer, json.loads(real)):
            assert step.only_reads, f"{step.heading}: the guide shows\n{step.answer}\nand the answer is\n{real}"
            assert time.monotonic() < deadline, f"{step.heading}: the guide shows\n{step.answer}\nand it stays\n{real}"
            time.sleep(0.2)
            real = shell.run(step.commands)
    assert len(numbered) == 10
    assert (shell.folder / "invoice.pdf").read_bytes().startswith(b"%PDF")
