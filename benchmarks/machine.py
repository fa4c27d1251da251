"""The machine that the figures belong to."""

import os
import platform
import tempfile
import time
from pathlib import Path

import msgspec


class Machine(msgspec.Struct, frozen=True):
    """Enough to tell why two runs differ."""

    cpu: str
    cores: int
    memory_gib: float
    python: str
    kernel: str
    python_loop_ms: float
    fdatasync_us: float


def describe() -> Machine:
    """Read the machine, and time two things that the figures hang on: Python's speed and the disk's."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return Machine(
        cpu=_cpu_model(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(memory, 1),
        python=platform.python_version(),
        kernel=platform.release(),
        python_loop_ms=round(min(_timed(lambda: sum(range(1_000_000))) for _ in range(5)) * 1000, 1),
        fdatasync_us=round(_fdatasync_seconds() * 1e6, 0),
    )


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def _timed(work: object) -> float:
    started = time.perf_counter()
    work()  # type: ignore[operator]
    return time.perf_counter() - started


def _fdatasync_seconds(times: int = 200) -> float:
    with tempfile.NamedTemporaryFile(dir=".") as file:
        started = time.perf_counter()
        for _ in range(times):
            file.write(b"x" * 4096)
            file.flush()
            os.fdatasync(file.fileno())
        return (time.perf_counter() - started) / times
