"""A real webhook receiver: an HTTP server that checks every signature, as a tenant's own system would.

It checks by the published rules and shares no code with the sender. Source: Standard Webhooks,
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import msgspec
from aiohttp import web

from corebilling.platform.embedded.processes import LOOPBACK, free_port


class Receiver:
    """What arrived so far: `verified` counts distinct ids by type, `refused` counts bad signatures."""

    def __init__(self, port: int, host: str = LOOPBACK) -> None:
        self.host = host
        self.port = port
        self.url = f"http://{host}:{port}/webhooks"
        self.secret = ""
        self.verified: Counter[str] = Counter()
        self.refused = 0
        self.repeated = 0
        self._seen: set[str] = set()

    async def receive(self, request: web.Request) -> web.Response:
        """Answer 204 to a genuine delivery and 401 to anything else."""
        body = await request.read()
        event_id = request.headers.get("webhook-id", "")
        if not self._is_genuine(event_id, request.headers, body):
            self.refused += 1
            return web.Response(status=401)
        if event_id in self._seen:
            self.repeated += 1
        else:
            self._seen.add(event_id)
            self.verified[msgspec.json.decode(body)["type"]] += 1
        return web.Response(status=204)

    def _is_genuine(self, event_id: str, headers: Mapping[str, str], body: bytes) -> bool:
        timestamp = headers.get("webhook-timestamp", "")
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        signed = b".".join((event_id.encode(), timestamp.encode(), body))
        expected = "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
        offered = headers.get("webhook-signature", "").split(" ")
        return any(hmac.compare_digest(expected, signature) for signature in offered)


@asynccontextmanager
async def receiving(host: str = LOOPBACK, port: int | None = None) -> AsyncIterator[Receiver]:
    """A receiver that listens for as long as the block lasts."""
    receiver = Receiver(port or free_port(), host)
    app = web.Application(client_max_size=4 * 1024 * 1024)
    app.router.add_post("/webhooks", receiver.receive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, receiver.port).start()
    try:
        yield receiver
    finally:
        await runner.cleanup()
