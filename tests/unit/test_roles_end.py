"""A role's process ends when its work is done, whatever a library's task makes of its cancellation."""

import subprocess
import sys

import pytest

_STUBBORN = """
import asyncio
from corebilling.roles import end_what_is_left

async def reconnects_for_ever():
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            pass

async def role():
    task = asyncio.create_task(reconnects_for_ever())
    await asyncio.sleep(0)
    try:
        {work}
    finally:
        await end_what_is_left(0.1)

asyncio.run(role())
"""


@pytest.mark.parametrize(("work", "code"), [("pass", 0), ("raise RuntimeError('its work has failed')", 1)])
def test_a_task_that_ignores_its_cancellation_keeps_no_process_alive(work: str, code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _STUBBORN.format(work=work)], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == code
    assert "reconnects_for_ever" in done.stderr
    assert ("its work has failed" in done.stderr) == bool(code)
