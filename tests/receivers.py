"""A receiver of webhooks, as a tenant's own system would be one."""

import asyncio
from typing import Any

from aiohttp import web
from standardwebhooks import Webhook

from factories import PATIENCE_SECONDS, Seller


class Inbox:
    """An HTTP server that keeps what is genuine, as a tenant's own system would."""

    def __init__(self) -> None:
        self.url = ""
        self.secret = ""
        self.messages: dict[str, dict[str, Any]] = {}
        self._arrived = asyncio.Condition()

    async def receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        message = Webhook(self.secret).verify(body.decode(), dict(request.headers))  # raises for a wrong signature
        async with self._arrived:
            self.messages[request.headers["webhook-id"]] = message
            self._arrived.notify_all()
        return web.Response(status=204)

    async def of(self, subject: str) -> dict[str, Any]:
        """The data of the one message of that type, once it is there."""
        async with asyncio.timeout(PATIENCE_SECONDS), self._arrived:
            await self._arrived.wait_for(lambda: self._found(subject))
        (message,) = self._found(subject)
        return dict(message["data"])

    async def about(self, subject: str, **wanted: Any) -> dict[str, Any]:
        """The data of the one message of that type with these fields, once it is there."""

        def found() -> list[dict[str, Any]]:
            return [m["data"] for m in self._found(subject) if wanted.items() <= m["data"].items()]

        async with asyncio.timeout(PATIENCE_SECONDS), self._arrived:
            await self._arrived.wait_for(found)
        (data,) = found()
        return data

    async def all_of(self, subject: str, count: int) -> list[dict[str, Any]]:
        """The data of that many messages of that type, in the order of what happened, once they are there."""
        async with asyncio.timeout(PATIENCE_SECONDS), self._arrived:
            await self._arrived.wait_for(lambda: len(self._found(subject)) >= count)
        found = sorted(self._found(subject), key=lambda message: message["timestamp"])
        assert len(found) == count, found
        return [dict(message["data"]) for message in found]

    async def listen_to(self, seller: Seller, *subjects: str) -> None:
        """Be an endpoint of that tenant."""
        wanted = {"url": self.url, **({"subjects": list(subjects)} if subjects else {})}
        self.secret = (await seller.api.post("/v1/webhook-endpoints", wanted))["secret"]

    def _found(self, subject: str) -> list[dict[str, Any]]:
        return [message for message in self.messages.values() if message["type"] == subject]
