"""A tenant's own receiver of webhooks, which refuses some at random: it remembers what each id was about."""

import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiohttp import web

from corebilling.cli.receiver import Receiver
from corebilling.platform.embedded.processes import LOOPBACK, free_port

_REFUSED_SHARE = 0.03


class Listener:
    """What arrived: `heard` has the types by webhook id, `custom` the ids that told of each marker."""

    def __init__(self, rng: random.Random) -> None:
        self._receiver = Receiver(free_port())
        self._rng = rng
        self.heard: dict[str, str] = {}
        self.generated: dict[str, dict[str, Any]] = {}
        self.custom: dict[str, set[str]] = defaultdict(set)
        self.turned_away = 0
        self.bodies: dict[str, set[bytes]] = defaultdict(set)

    @property
    def url(self) -> str:
        return self._receiver.url

    @property
    def port(self) -> int:
        return self._receiver.port

    @property
    def secret(self) -> str:
        return self._receiver.secret

    @secret.setter
    def secret(self, secret: str) -> None:
        self._receiver.secret = secret

    @property
    def forged(self) -> int:
        """Deliveries with a wrong signature."""
        return self._receiver.refused

    @property
    def repeated(self) -> int:
        """Deliveries of what had arrived before."""
        return self._receiver.repeated

    async def receive(self, request: web.Request) -> web.Response:
        """Take a genuine delivery, unless it is one of those to be refused; the sender has to come again then."""
        if self._rng.random() < _REFUSED_SHARE:
            self.turned_away += 1
            return web.Response(status=503)
        answer = await self._receiver.receive(request)
        if answer.status == 204:
            self._remember(request.headers["webhook-id"], await request.read())
        return answer

    def _remember(self, webhook_id: str, body: bytes) -> None:
        message = msgspec.json.decode(body)
        kind, data = message["type"], message["data"]
        self.heard[webhook_id] = kind
        self.bodies[webhook_id].add(body)
        if kind == "invoice.generated":
            self.generated[data["invoice_id"]] = data
        elif "marker" in data:
            self.custom[data["marker"]].add(webhook_id)

    def kinds(self) -> Counter[str]:
        """How many different events of each type arrived."""
        return Counter(self.heard.values())


@asynccontextmanager
async def listening(rng: random.Random) -> AsyncIterator[Listener]:
    """A receiver that listens for as long as the block lasts."""
    listener = Listener(rng)
    app = web.Application(client_max_size=4 * 1024 * 1024)
    app.router.add_post("/webhooks", listener.receive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, LOOPBACK, listener.port).start()
    try:
        yield listener
    finally:
        await runner.cleanup()
