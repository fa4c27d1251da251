"""Watching a job until it is over."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

_POLL_SECONDS = 0.3
_UNFINISHED = {"queued", "running"}

Asked = Callable[[], Awaitable[dict[str, Any]]]


async def followed(job: dict[str, Any], again: Asked, *, counts: str, console: Console) -> dict[str, Any]:
    """The finished job, with a bar of how many of what it `counts` are done meanwhile; `again` asks how it stands."""
    columns = (TextColumn(counts), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(counts, total=None)
        while job["state"] in _UNFINISHED:
            await asyncio.sleep(_POLL_SECONDS)
            job = await again()
            bar.update(task, completed=job["progress"]["done"], total=job["progress"]["total"])
    return job
