"""Tax engines outside, as real HTTP servers: one that answers well, and all the ways in which one may not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from aiohttp import web

Answering = Callable[[dict[str, Any]], Awaitable[web.StreamResponse]]
RATE = Decimal("0.0725")


def good_answer(asked: dict[str, Any]) -> dict[str, Any]:
    """7.25 % on every line."""
    lines = []
    for line in asked["lines"]:
        tax = int((line["base_minor"] * RATE).quantize(Decimal(1), rounding=ROUND_HALF_UP))
        told: dict[str, Any] = {
            "code": "ca-sales",
            "name": "Sales tax",
            "place": "US-CA",
            "category": "S",
            "rate": str(RATE),
        }
        told |= {"inclusive": False, "taxable_minor": line["base_minor"], "tax_minor": tax}
        lines.append({"line_no": line["line_no"], "taxes": [told]})
    added = sum(tax["tax_minor"] for line in lines for tax in line["taxes"])
    reference = asked["reference"]
    return {
        "reference": reference,
        "lines": lines,
        "tax_minor": added,
        "included_tax_minor": 0,
        "document": f"Q-{reference}",
    }


async def well(asked: dict[str, Any]) -> web.StreamResponse:
    """As it should be."""
    return web.json_response(good_answer(asked))


class TaxEngine:
    """An engine that answers as `answering` does, and keeps what it was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.answering: Answering = well
        self.asked: list[dict[str, Any]] = []
        self.requests: list[web.Request] = []
        self.at_once = 0
        self.most_at_once = 0
        self.closing = asyncio.Event()

    async def receive(self, request: web.Request) -> web.StreamResponse:
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        try:
            self.requests.append(request)
            self.asked.append(await request.json())
            return await self.answering(self.asked[-1])
        finally:
            self.at_once -= 1

    async def never(self, _: dict[str, Any]) -> web.StreamResponse:
        """No answer for as long as the engine runs."""
        await self.closing.wait()
        return web.Response(status=503)

    async def trickle(self, _: dict[str, Any]) -> web.StreamResponse:
        """The beginning of an answer, and no more for as long as the engine runs."""
        response = web.StreamResponse()
        await response.prepare(self.requests[-1])
        await response.write(b'{"reference": "')
        await self.closing.wait()
        return response


@asynccontextmanager
async def engine() -> AsyncIterator[TaxEngine]:
    """A running engine on a port of its own."""
    made = TaxEngine()
    app = web.Application()
    app.router.add_post("/quotes", made.receive)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    made.url = f"http://{host}:{port}/quotes"
    try:
        yield made
    finally:
        made.closing.set()
        await runner.cleanup()
