"""A load generator that costs little: prepared requests over keep-alive connections, nothing parsed but the length.

A general client costs more per request than the server that it measures; both share this machine's cores.
"""

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import urlencode, urlsplit

import msgspec


class Load(msgspec.Struct, frozen=True):
    """What a run showed; latencies in milliseconds, sorted."""

    requests: int
    seconds: float
    latencies_ms: list[float]
    statuses: dict[int, int]

    def percentile(self, fraction: float) -> float:
        """The latency that this share of the requests stayed below."""
        return self.latencies_ms[min(len(self.latencies_ms) - 1, int(fraction * len(self.latencies_ms)))]

    @property
    def per_second(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


class Target:
    """Where to, and with which key."""

    def __init__(self, url: str, api_key: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname
        assert parts.port
        self.host, self.port, self._key = parts.hostname, parts.port, api_key

    def request(self, path: str, body: bytes) -> bytes:
        """A whole POST, ready for the socket."""
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {self.host}\r\nX-API-Key: {self._key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def query(self, path: str, asked: Mapping[str, str]) -> bytes:
        """A GET with these parameters, ready for the socket."""
        return f"GET {path}?{urlencode(asked)} HTTP/1.1\r\nHost: {self.host}\r\nX-API-Key: {self._key}\r\n\r\n".encode()


async def run(target: Target, requests: Iterable[bytes], connections: int) -> Load:
    """Send every request over that many connections, each waiting for its answer before the next."""
    waiting: Iterator[bytes] = iter(requests)
    latencies: list[float] = []
    statuses: dict[int, int] = {}

    async def connection() -> None:
        reader, writer = await asyncio.open_connection(target.host, target.port, limit=2**22)
        try:
            for request in waiting:
                started = time.perf_counter()
                writer.write(request)
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(_length(head))
                latencies.append((time.perf_counter() - started) * 1000)
                status = int(head[9:12])
                statuses[status] = statuses.get(status, 0) + 1
        finally:
            writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(connection() for _ in range(connections)))
    seconds = time.perf_counter() - started
    return Load(len(latencies), seconds, sorted(latencies), statuses)


def _length(head: bytes) -> int:
    lowered = head.lower()
    at = lowered.index(b"content-length:") + 15
    return int(lowered[at : lowered.index(b"\r\n", at)])
