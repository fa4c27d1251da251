"""The HTTP server: uvicorn inside the role's own event loop (docs/adr/0005 says why this one)."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

_BACKLOG = 2048
_KEEP_ALIVE_SECONDS = 75  # longer than the 60 of the proxies before it, so that they close idle connections, not we


class _Server(uvicorn.Server):
    """Leaves signals to the role that runs it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(
    app: Any,
    port: int,
    stopping: asyncio.Event,
    *,
    host: str = "0.0.0.0",  # noqa: S104 - a server in a container
    grace_seconds: int = 20,
    listening: Callable[[int], None] | None = None,
) -> None:
    """Serve until `stopping` is set, then finish requests under way for at most `grace_seconds`.

    `listening` is called with the port once connections are taken (port 0 asks for a free one). Raises OSError where
    the port is taken.
    """
    with socket.create_server((host, port), backlog=_BACKLOG, reuse_port=False) as listener:
        config = uvicorn.Config(
            app,
            loop="none",
            http="httptools",
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            backlog=_BACKLOG,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=grace_seconds,
        )
        server = _Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]), name="http")
        waiting = asyncio.create_task(stopping.wait())
        try:
            if listening is not None:
                listening(listener.getsockname()[1])
            await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            server.should_exit = True
            await serving
