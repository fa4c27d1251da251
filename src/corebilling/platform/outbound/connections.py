"""Connections to where tenants want us to call: each is made to a checked address only, wherever it came from."""

import asyncio
import resource
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from functools import partial
from ipaddress import ip_address
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler

from corebilling.platform.outbound import addresses
from corebilling.platform.outbound.answers import OneAnswer

_RESOLVER_THREADS = 32
_PROVEN_THREADS = 8
_PROVEN_SECONDS = 1.0
_PROVEN_NAMES = 10_000
_DNS_SECONDS = 10
"""How long what a name resolved to is believed. Each connection's address is judged all the same."""
_OTHER_DESCRIPTORS = 256
_KEEPALIVE_SECONDS = 30


def affordable(connections: int) -> int:
    """As many of these connections as the process has file descriptors for, some left over for everything else."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return connections if most == resource.RLIM_INFINITY else max(8, min(connections, most - _OTHER_DESCRIPTORS))


class TargetRefused(OSError):
    """The address that a connection was about to be made to isn't one we call; the message says what it is."""


class _Connector(aiohttp.TCPConnector):
    """Makes connections that take one answer to a request; the library has no other way in."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._factory = partial(_receiving, loop=self._loop)


def _receiving(loop: asyncio.AbstractEventLoop) -> ResponseHandler:
    return OneAnswer(loop)


class OutboundSessions:
    """Two pools of connections: one for public targets, one for sandboxes that may have private ones.

    They are apart so that a connection to a private address is never reused for a tenant that may not have one. Neither
    follows proxies of the environment, keeps cookies or unpacks what it reads. `async with` opens and closes them.
    """

    def __init__(
        self, *, timeout_seconds: float, max_connections: int, name: str, dns_seconds: int = _DNS_SECONDS
    ) -> None:
        self._dns_seconds = dns_seconds
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._max_connections = max_connections
        self._name = name
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        resolver = _Resolver(self._name)
        self._stack.push_async_callback(resolver.stop)
        for private in (False, True):
            session = aiohttp.ClientSession(
                connector=_Connector(
                    limit=self._max_connections,
                    resolver=resolver,
                    socket_factory=_private_socket if private else _public_socket,
                    keepalive_timeout=_KEEPALIVE_SECONDS,
                    use_dns_cache=self._dns_seconds > 0,
                    ttl_dns_cache=self._dns_seconds,
                ),
                timeout=self._timeout,
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

    def session(self, *, private: bool) -> aiohttp.ClientSession:
        """The pool for public targets, or the one that reaches private and loopback addresses as well."""
        return self._sessions[private]


async def read_some(response: aiohttp.ClientResponse, most_bytes: int) -> bytes:
    """The body up to the bound; what is left unread closes the connection instead of being reused."""
    text = b""
    while len(text) < most_bytes and (chunk := await response.content.read(most_bytes - len(text))):
        text += chunk
    return text


def clean(text: str, length: int = 500) -> str:
    """Text from outside as PostgreSQL can store it: no NUL, no half characters, not long."""
    return text[:length].replace("\x00", "").encode("utf-8", "replace").decode()


def _public_socket(info: tuple[Any, ...]) -> socket.socket:
    return _checked_socket(info, allow_private=False)


def _private_socket(info: tuple[Any, ...]) -> socket.socket:
    return _checked_socket(info, allow_private=True)


def _checked_socket(info: tuple[Any, ...], *, allow_private: bool) -> socket.socket:
    """The last word on a target: called with the very address that is connected to next, wherever it came from."""
    family, kind, protocol, _, address = info
    if why := addresses.refusal(ip_address(address[0]), allow_private=allow_private):
        raise TargetRefused(why)
    return socket.socket(family=family, type=kind, proto=protocol)


class _Resolver(AbstractResolver):
    """Resolves in threads of its own, so that names which hang don't hold up the rest of the process.

    Names that resolved quickly the last time have threads apart, so that those which hang don't hold them up either.
    """

    def __init__(self, name: str) -> None:
        self._threads = ThreadPoolExecutor(_RESOLVER_THREADS, thread_name_prefix=f"{name}-resolver")
        self._for_proven = ThreadPoolExecutor(_PROVEN_THREADS, thread_name_prefix=f"{name}-proven-resolver")
        self._proven: dict[str, None] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        threads = self._for_proven if host in self._proven else self._threads
        self._proven.pop(host, None)
        found, seconds = await asyncio.get_running_loop().run_in_executor(threads, _look_up, host, port, family)
        if seconds <= _PROVEN_SECONDS:
            self._proven[host] = None
            if len(self._proven) > _PROVEN_NAMES:
                del self._proven[next(iter(self._proven))]
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
        self._for_proven.shutdown(wait=False, cancel_futures=True)


def _look_up(host: str, port: int, family: socket.AddressFamily) -> tuple[list[Any], float]:
    """What the system's resolver says, and how many seconds it took."""
    started = time.monotonic()
    return socket.getaddrinfo(host, port, family, socket.SOCK_STREAM), time.monotonic() - started
