"""A receiver of webhooks as cheap as it can be, in a process of its own: `python -m benchmarks.webhook_receiver`.

Says its port on standard output. A POST to `/ok` is answered 204 at once and its time noted; one to `/dead` is never answered.
`GET /` answers every noted id with its instant on the monotonic clock, a line each, and forgets them.
"""

import asyncio
import time
from typing import cast

import uvloop

_NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"


class _Receiver(asyncio.Protocol):
    def __init__(self, noted: list[tuple[bytes, float]]) -> None:
        self._noted = noted
        self._held = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._held += data
        while (end := self._held.find(b"\r\n\r\n")) >= 0:
            head = self._held[:end]
            length = int(_header(head, b"content-length") or 0)
            if len(self._held) < end + 4 + length:
                return
            self._held = self._held[end + 4 + length :]
            if head.startswith(b"GET "):
                lines = b"".join(b"%b %r\n" % (name, at) for name, at in self._noted)
                self._noted.clear()
                self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(lines), lines))
            elif not head.startswith(b"POST /dead"):
                self._noted.append((_header(head, b"webhook-id"), time.monotonic()))
                self._transport.write(_NO_CONTENT)


def _header(head: bytes, name: bytes) -> bytes:
    _, found, rest = head.lower().partition(b"\r\n" + name + b":")
    return rest.split(b"\r\n", 1)[0].strip() if found else b""


async def _serve() -> None:
    noted: list[tuple[bytes, float]] = []
    server = await asyncio.get_running_loop().create_server(lambda: _Receiver(noted), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve())
