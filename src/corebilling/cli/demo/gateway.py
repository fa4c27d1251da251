"""A small payment gateway: a real HTTP server that behaves as docs/guides/gateways.md asks, for the demo's cards.

It shares no code with what calls it: signatures of notices are made by the published rule.
"""

import asyncio
import hmac
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

from corebilling.platform.embedded.processes import LOOPBACK, free_port

API_KEY = "sk_test_of_the_demo"
NOTICE_SECRET = "whsec_of_the_demo"  # noqa: S105 - of a server that lives for a minute
NO_FUNDS = "tok_no_funds"
"""A card that is declined; every other token is charged."""
FEE_CENTS = 244
"""What it keeps of each charge."""


class Gateway:
    """PaymentIntents and refunds, each once by idempotency key; `answered` counts the answers to its notices by status."""

    def __init__(self, port: int) -> None:
        self.url = f"http://{LOOPBACK}:{port}"
        self.notices_to = ""
        self.answered: Counter[int] = Counter()
        self._known: dict[str, dict[str, Any]] = {}
        self._answers: dict[str, tuple[int, dict[str, Any]]] = {}
        self._numbers = count(1)
        self._telling: set[asyncio.Task[None]] = set()

    @property
    def taken_cents(self) -> int:
        """What cards were charged, less what they got back."""
        kept = {"payment_intent": 1, "refund": -1}
        return sum(kept[one["object"]] * one["amount"] for one in self._known.values() if one["status"] == "succeeded")

    async def serve(self, request: web.Request) -> web.Response:
        """Answer a call: POST does something once, GET finds it by its reference."""
        if request.headers.get("Authorization") != f"Bearer {API_KEY}":
            return web.json_response({"error": {"code": "invalid_api_key"}}, status=401)
        kind = request.path.rsplit("/", 1)[1].removesuffix("s")
        if request.method == "GET":
            wanted = request.query["reference"]
            found = [o for o in self._known.values() if (o["object"], o["metadata"]["reference"]) == (kind, wanted)]
            return web.json_response({"data": found})
        key = request.headers["Idempotency-Key"]
        if key not in self._answers:
            asked = msgspec.json.decode(await request.read())
            self._answers[key] = self._charge(asked) if kind == "payment_intent" else self._give_back(asked)
        status, answer = self._answers[key]
        return web.json_response(answer, status=status)

    def _charge(self, asked: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        intent = self._new("payment_intent", asked) | {"amount_received": asked["amount"], "fee": FEE_CENTS}
        if asked["payment_method"] != NO_FUNDS:
            return self._done(intent)
        error = {
            "code": "card_declined",
            "decline_code": "insufficient_funds",
            "message": "The card has too little on it.",
        }
        intent |= {"status": "requires_payment_method", "amount_received": 0, "fee": None, "last_payment_error": error}
        self._done(intent)
        return 402, {"error": {**error, "payment_intent": intent}}

    def _give_back(self, asked: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        charged = self._known[asked["payment_intent"]]
        back = self._new("refund", {"currency": charged["currency"], **asked})
        return self._done(back | {"payment_intent": charged["id"]})

    def _new(self, kind: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        name = f"{'pi' if kind == 'payment_intent' else 're'}_{next(self._numbers)}"
        said = {field: asked[field] for field in ("amount", "currency", "metadata")}
        return {"id": name, "object": kind, "status": "succeeded", **said}

    def _done(self, thing: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Keep it and tell of it, after the answer."""
        self._known[thing["id"]] = thing
        kind = "refund.updated" if thing["object"] == "refund" else f"payment_intent.{thing['status']}"
        body = msgspec.json.encode({"id": f"evt_{thing['id']}", "type": kind, "data": {"object": thing}})
        task = asyncio.create_task(self._tell(body))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)
        return 200, thing

    async def _tell(self, body: bytes) -> None:
        """A signed notice, sent again until it is taken."""
        async with aiohttp.ClientSession() as session:
            for pause in (0.1, 0.5, 2.0, 5.0):
                at = str(int(time.time()))
                signature = hmac.digest(NOTICE_SECRET.encode(), f"{at}.".encode() + body, "sha256").hex()
                headers = {"Content-Type": "application/json", "Corebilling-Signature": f"t={at},v1={signature}"}
                async with session.post(self.notices_to, data=body, headers=headers) as answer:
                    self.answered[answer.status] += 1
                    if answer.ok:
                        return
                await asyncio.sleep(pause)

    async def told(self) -> None:
        """Return once every notice was taken, or given up."""
        await asyncio.gather(*self._telling)


@asynccontextmanager
async def taking_cards() -> AsyncIterator[Gateway]:
    """A gateway that listens for as long as the block lasts."""
    port = free_port()
    gateway = Gateway(port)
    app = web.Application()
    for path in ("/v1/payment_intents", "/v1/refunds"):
        app.router.add_route("*", path, gateway.serve)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, LOOPBACK, port).start()
    try:
        yield gateway
    finally:
        await gateway.told()
        await runner.cleanup()
