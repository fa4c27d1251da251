"""One HTTP attempt: connections are made to checked addresses only, and nothing a receiver does costs more than its bounds."""

import asyncio
import resource
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from ipaddress import ip_address
from types import TracebackType
from typing import Any, Self

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from corebilling.webhook.domain import targets

READ_BYTES = 64 * 1024
EXCERPT_BYTES = 1024
_ERROR_CHARACTERS = 500
_RESOLVER_THREADS = 32
_OTHER_DESCRIPTORS = 256


def affordable(connections: int) -> int:
    """As many of these connections as the process has file descriptors for, some left over for everything else."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return connections if most == resource.RLIM_INFINITY else max(8, min(connections, most - _OTHER_DESCRIPTORS))


class Answer(msgspec.Struct, frozen=True):
    """What one attempt gave: a status with the start of the body, or an error that says why there is none."""

    duration_ms: int
    status: int | None = None
    excerpt: str | None = None
    retry_after: str | None = None
    error: str | None = None


class TargetRefused(OSError):
    """The address that a connection was about to be made to isn't one we call."""


class Sender:
    """Posts deliveries over two pools of connections: one for public targets, one for sandboxes that may have private ones.

    They are apart so that a connection to a private address is never reused for a tenant that may not have one.
    """

    def __init__(self, *, timeout_seconds: float, max_connections: int) -> None:
        self._timeout_seconds = timeout_seconds
        self._max_connections = max_connections
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        resolver = _Resolver()
        self._stack.push_async_callback(resolver.stop)
        for private in (False, True):
            session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._max_connections,
                    resolver=resolver,
                    socket_factory=_private_socket if private else _public_socket,
                    keepalive_timeout=30,
                ),
                timeout=aiohttp.ClientTimeout(total=self._timeout_seconds),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                skip_auto_headers=("Accept", "Accept-Encoding"),
                trust_env=False,
            )
            self._sessions[private] = await self._stack.enter_async_context(session)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()
        await asyncio.sleep(0)  # lets the transports of the closed connections go

    async def post(self, url: URL, headers: dict[str, str], body: bytes, *, private: bool) -> Answer:
        """Post and read at most `READ_BYTES` of the answer. Raises nothing but cancellation: a failure is an answer too."""
        started = time.monotonic()
        try:
            async with self._sessions[private].post(url, data=body, headers=headers, allow_redirects=False) as response:
                text = await _read(response)
        except TimeoutError:
            return Answer(_since(started), error=f"no complete answer within {self._timeout_seconds:g} s")
        except aiohttp.ClientConnectorError as error:
            refused = isinstance(error.os_error, TargetRefused)
            return Answer(_since(started), error=clean(str(error.os_error if refused else error)))
        except Exception as error:  # noqa: BLE001 - what one receiver makes a library raise costs this attempt alone
            return Answer(_since(started), error=clean(f"{type(error).__name__}: {error}"))
        return Answer(
            _since(started),
            status=response.status,
            excerpt=clean(text[:EXCERPT_BYTES].decode("utf-8", "replace"), EXCERPT_BYTES),
            retry_after=response.headers.get("Retry-After"),
            error=_complaint(response.status),
        )


def clean(text: str, length: int = _ERROR_CHARACTERS) -> str:
    """Text from outside as PostgreSQL can store it: no NUL, no half characters, not long."""
    return text[:length].replace("\x00", "").encode("utf-8", "replace").decode()


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The body up to the bound; what is left unread closes the connection instead of being reused."""
    text = b""
    while len(text) < READ_BYTES and (chunk := await response.content.read(READ_BYTES - len(text))):
        text += chunk
    return text


def _complaint(status: int) -> str | None:
    if 200 <= status < 300:
        return None
    return f"answered {status}" + (", a redirect, which is not followed" if 300 <= status < 400 else "")


def _since(started: float) -> int:
    return int((time.monotonic() - started) * 1000)


def _public_socket(info: tuple[Any, ...]) -> socket.socket:
    return _checked_socket(info, allow_private=False)


def _private_socket(info: tuple[Any, ...]) -> socket.socket:
    return _checked_socket(info, allow_private=True)


def _checked_socket(info: tuple[Any, ...], *, allow_private: bool) -> socket.socket:
    """The last word on a target: called with the very address that is connected to next, wherever it came from."""
    family, kind, protocol, _, address = info
    if why := targets.refusal(ip_address(address[0]), allow_private=allow_private):
        raise TargetRefused(f"{why}, which deliveries don't go to")
    return socket.socket(family=family, type=kind, proto=protocol)


class _Resolver(AbstractResolver):
    """Resolves in threads of its own, so that names which hang don't hold up the rest of the process."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_RESOLVER_THREADS, thread_name_prefix="webhook-resolver")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
        )
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=int(address[1]),
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        """Shared by the pools of connections, so that one of them closing doesn't end it; see `stop`."""

    async def stop(self) -> None:
        """End the threads without waiting for those that hang."""
        self._threads.shutdown(wait=False, cancel_futures=True)
