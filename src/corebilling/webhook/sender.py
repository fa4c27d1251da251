"""One HTTP attempt: nothing a receiver does costs more than its bounds."""

import time
from types import TracebackType
from typing import Self

import aiohttp
import msgspec
from yarl import URL

from corebilling.platform.outbound.connections import OutboundSessions, TargetRefused, clean, read_some

READ_BYTES = 16 * 1024
"""Of an answer, at most: enough for a connection to be used again after what receivers usually say."""
EXCERPT_BYTES = 1024
_BUFFER_BYTES = 8 * 1024
"""Reading stops at twice this, however fast a receiver writes: some thousand connections share the memory."""


class Answer(msgspec.Struct, frozen=True):
    """What one attempt gave: a status with the start of the body, or an error that says why there is none."""

    duration_ms: int
    status: int | None = None
    excerpt: str | None = None
    retry_after: str | None = None
    error: str | None = None


class Sender:
    """Posts deliveries, to checked addresses only."""

    def __init__(self, *, timeout_seconds: float, max_connections: int) -> None:
        self._timeout_seconds = timeout_seconds
        self._sessions = OutboundSessions(
            timeout_seconds=timeout_seconds, max_connections=max_connections, name="webhook"
        )

    async def __aenter__(self) -> Self:
        await self._sessions.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._sessions.__aexit__(kind, error, trace)

    async def post(self, url: URL, headers: dict[str, str], body: bytes, *, private: bool) -> Answer:
        """Post and read at most `READ_BYTES` of the answer. Raises nothing but cancellation: a failure is an answer too."""
        started = time.monotonic()
        session = self._sessions.session(private=private)
        try:
            async with session.post(
                url, data=body, headers=headers, allow_redirects=False, read_bufsize=_BUFFER_BYTES
            ) as response:
                text = await read_some(response, READ_BYTES)
        except TimeoutError:
            return Answer(_since(started), error=f"no complete answer within {self._timeout_seconds:g} s")
        except aiohttp.ClientConnectorError as error:
            refused = isinstance(error.os_error, TargetRefused)
            why = f"{error.os_error}, which deliveries don't go to" if refused else str(error)
            return Answer(_since(started), error=clean(why))
        except Exception as error:  # noqa: BLE001 - what one receiver makes a library raise costs this attempt alone
            return Answer(_since(started), error=clean(f"{type(error).__name__}: {error}"))
        return Answer(
            _since(started),
            status=response.status,
            excerpt=clean(text[:EXCERPT_BYTES].decode("utf-8", "replace"), EXCERPT_BYTES),
            retry_after=response.headers.get("Retry-After"),
            error=_complaint(response.status),
        )


def _complaint(status: int) -> str | None:
    if 200 <= status < 300:
        return None
    return f"answered {status}" + (", a redirect, which is not followed" if 300 <= status < 400 else "")


def _since(started: float) -> int:
    return int((time.monotonic() - started) * 1000)
