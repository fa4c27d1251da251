"""Kafka's own libraries, brought by Maven into .cache/kafka once, and the Java that runs them.

Where Java or Maven is missing, tests with Kafka are skipped and say so, except on CI, where they fail.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"
POM = Path(__file__).with_name("kafka") / "pom.xml"


class KafkaIsMissingError(Exception):
    """No broker can be run here; the text says what to install."""


def java() -> str:
    """The Java program. Raises KafkaIsMissingError."""
    home = os.environ.get("JAVA_HOME", "")
    program = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    if program is None:
        raise KafkaIsMissingError(
            "Kafka needs Java 17 or later: install it (openjdk-17-jre-headless), or set JAVA_HOME"
        )
    return program


def libraries() -> Path:
    """The directory of the jar files; the first call fetches them, one process at a time. Raises KafkaIsMissingError."""
    place = CACHE / f"kafka/libs-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"
    if place.exists():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with (place.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            _fetch(place)
    return place


def _fetch(place: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise KafkaIsMissingError("Kafka's libraries come by Maven: install it (maven), or set TEST_KAFKA_BROKERS")
    draft = place.with_suffix(".new")
    shutil.rmtree(draft, ignore_errors=True)
    command = [
        maven, "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", "-DincludeScope=runtime",
        f"-DoutputDirectory={draft}", f"-Dmaven.repo.local={CACHE / 'maven'}",
    ]  # fmt: skip
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise KafkaIsMissingError(f"Maven could not bring Kafka's libraries:\n{done.stdout[-2000:]}")
    draft.rename(place)


def without_kafka(error: KafkaIsMissingError) -> NoReturn:
    """End the present test: fail on CI, else skip it, said aloud."""
    if os.environ.get("CI"):
        pytest.fail(f"Kafka can't be run: {error}")
    sys.stderr.write(f"\n!! tests with Kafka are skipped: {error}\n")
    pytest.skip(f"Kafka can't be run: {error}")
