"""Payment gateways as real HTTP servers, with a ledger of what they really took and gave back.

`FakeGateway` behaves as the guide asks. `UnrulyGateway` takes the money and times out, answers 500 before or after, is slow, refuses
connections, forgets idempotency keys, and sends its notices twice and in any order: as told, or at random from a seed.
"""

import asyncio
import json
import random
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal, Self
from uuid import uuid4

from aiohttp import web

from corebilling.payment.domain.signature import sign

API_KEY = "sk_test_fake_gateway"
NOTICE_SECRET = "whsec_fake_gateway"
HANG_SECONDS = 600.0

Fault = Literal["time out after", "time out before", "500 after", "500 before", "slow", "forget", "garbage"]
Notify = Callable[[bytes, str], Awaitable[int]]
"""Posts a notice (body, signature) to where they are taken; answers the status."""

DECLINES = {"tok_declined": "card_declined", "tok_poor": "insufficient_funds"}


@dataclass
class Took:
    """What really happened to money, by our reference. Tests compare it with the books."""

    charges: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    refunds: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    calls: Counter[str] = field(default_factory=Counter)

    @property
    def twice(self) -> list[str]:
        """References that money was taken for more than once."""
        return [reference for reference, amounts in self.charges.items() if len(amounts) > 1]

    @property
    def total(self) -> int:
        return sum(sum(amounts) for amounts in self.charges.values())


class FakeGateway:
    """PaymentIntents on loopback. Tokens choose what happens: DECLINES, tok_action, tok_slow; all others succeed."""

    def __init__(self, *, fee: int = 0, latency_seconds: float = 0.0) -> None:
        self.took = Took()
        self.url = ""
        self.intents: dict[str, dict[str, Any]] = {}
        self.given_back: dict[str, dict[str, Any]] = {}
        self.notices: list[bytes] = []
        self.notify: Notify | None = None
        self._by_reference: dict[str, dict[str, None]] = defaultdict(dict)
        self._answers: dict[str, tuple[str, web.Response]] = {}
        self._fee = fee
        self._latency_seconds = latency_seconds
        self._runner: web.AppRunner | None = None
        self._port = 0
        self._number = 0

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; after `stop` on the same port again."""
        app = web.Application()
        app.add_routes(
            [
                web.post("/v1/payment_intents", self._charge), web.get("/v1/payment_intents", self._find),
                web.post("/v1/refunds", self._refund), web.get("/v1/refunds", self._find_refund),
            ]
        )  # fmt: skip
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True).start()
        self._port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self._port}"

    async def stop(self) -> None:
        """Refuse connections."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def complete(self, reference: str, status: str = "succeeded") -> None:
        """What was under way comes to an end: the customer confirmed, the bank answered."""
        for name in self._by_reference[reference]:
            intent = self.intents[name]
            if intent["status"] in ("processing", "requires_action"):
                self._end(intent, status)

    def dispute(self, reference: str, status: str = "needs_response", fee: int = 1500) -> bytes:
        """The customer charges back; or the dispute ends with another status. Answers the notice."""
        [name] = self._by_reference[reference]
        kind = "created" if status == "needs_response" else "closed"
        thing = {
            "id": f"dp_{name}", "object": "dispute", "status": status, "amount": self.intents[name]["amount"],
            "currency": self.intents[name]["currency"], "payment_intent": name, "reason": "fraudulent", "fee": fee,
        }  # fmt: skip
        return self._tell(f"charge.dispute.{kind}", thing)

    async def deliver(self, *bodies: bytes, at: datetime | None = None, secret: str = NOTICE_SECRET) -> list[int]:
        """Post these notices, or all so far, one after the other; answers the statuses."""
        assert self.notify is not None
        now = at or datetime.now(UTC)
        return [await self.notify(body, sign(secret, body, now)) for body in bodies or tuple(self.notices)]

    async def _charge(self, request: web.Request) -> web.Response:
        return await self._once("charge", request, self._take)

    async def _refund(self, request: web.Request) -> web.Response:
        return await self._once("refund", request, self._give_back)

    async def _once(
        self, call: str, request: web.Request, act: Callable[[Mapping[str, Any]], tuple[int, dict[str, Any]]]
    ) -> web.Response:
        """Idempotent: the same key is answered as before."""
        self.took.calls[call] += 1
        if (refusal := self._unauthorized(request)) is not None:
            return refusal
        text, key = await request.text(), request.headers["Idempotency-Key"]
        await asyncio.sleep(self._latency_seconds)
        if key in self._answers:
            known, answer = self._answers[key]
            if known != text:
                return web.json_response({"error": {"code": "idempotency_error", "message": "other body"}}, status=400)
            return web.Response(status=answer.status, body=answer.body, content_type="application/json")
        status, body = act(json.loads(text))
        answer = web.json_response(body, status=status)
        self._answers[key] = (text, answer)
        return answer

    async def _find(self, request: web.Request) -> web.Response:
        self.took.calls["find"] += 1
        if (refusal := self._unauthorized(request)) is not None:
            return refusal
        return web.json_response({"data": [self.intents[n] for n in self._by_reference[request.query["reference"]]]})

    async def _find_refund(self, request: web.Request) -> web.Response:
        self.took.calls["find_refund"] += 1
        if (refusal := self._unauthorized(request)) is not None:
            return refusal
        wanted = request.query["reference"]
        return web.json_response(
            {"data": [r for r in self.given_back.values() if r["metadata"]["reference"] == wanted]}
        )

    def _take(self, wanted: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        self._number += 1
        token = wanted["payment_method"]
        intent = {
            "id": f"pi_{self._number}_{uuid4().hex[:8]}", "object": "payment_intent", "status": "processing",
            "amount": wanted["amount"], "amount_received": 0, "currency": wanted["currency"],
            "metadata": wanted["metadata"], "fee": None, "last_payment_error": None, "next_action": None,
        }  # fmt: skip
        self.intents[intent["id"]] = intent
        self._by_reference[wanted["metadata"]["reference"]][intent["id"]] = None
        if token in DECLINES:
            self._end(intent, "requires_payment_method", DECLINES[token])
            return 402, {"error": {**intent["last_payment_error"], "payment_intent": intent}}
        if token == "tok_action":
            url = f"{self.url}/confirm/{intent['id']}"
            intent |= {"status": "requires_action", "next_action": {"redirect_to_url": {"url": url}}}
            self._tell("payment_intent.requires_action", intent)
        elif token == "tok_slow":
            self._tell("payment_intent.processing", intent)
        else:
            self._end(intent, "succeeded")
        return 200, intent

    def _end(self, intent: dict[str, Any], status: str, code: str = "card_declined") -> None:
        intent["status"] = status
        intent["next_action"] = None
        if status == "succeeded":
            intent |= {"amount_received": intent["amount"], "fee": self._fee or None}
            self.took.charges[intent["metadata"]["reference"]].append(intent["amount"])
            self._tell("payment_intent.succeeded", intent)
        elif status == "canceled":
            self._tell("payment_intent.canceled", intent)
        else:
            intent["last_payment_error"] = {"code": code, "message": "The bank says no."}
            self._tell("payment_intent.payment_failed", intent)

    def _give_back(self, wanted: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        intent = self.intents[wanted["payment_intent"]]
        gone = sum(
            r["amount"] for r in self.given_back.values()
            if r["payment_intent"] == intent["id"] and r["status"] != "failed"
        )  # fmt: skip
        if intent["status"] != "succeeded" or gone + wanted["amount"] > intent["amount_received"]:
            return 400, {"error": {"code": "charge_already_refunded", "message": "Less than that is left."}}
        refund = {
            "id": f"re_{uuid4().hex[:12]}", "object": "refund", "status": "succeeded", "amount": wanted["amount"],
            "currency": intent["currency"], "payment_intent": intent["id"], "metadata": wanted["metadata"],
        }  # fmt: skip
        self.given_back[refund["id"]] = refund
        self.took.refunds[wanted["metadata"]["reference"]].append(wanted["amount"])
        self._tell("refund.updated", refund)
        return 200, refund

    def _tell(self, kind: str, thing: Mapping[str, Any]) -> bytes:
        body = json.dumps({"id": f"evt_{uuid4().hex}", "type": kind, "data": {"object": thing}}).encode()
        self.notices.append(body)
        return body

    @staticmethod
    def _unauthorized(request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") == f"Bearer {API_KEY}":
            return None
        return web.json_response({"error": {"code": "invalid_api_key"}}, status=401)


class UnrulyGateway(FakeGateway):
    """Misbehaves. `will("charge", ...)` says how the next calls go wrong; `misbehave` draws from a seed instead."""

    def __init__(self, *, seed: int = 0, share: float = 0.0, faults: tuple[Fault, ...] = (), **more: Any) -> None:
        super().__init__(**more)
        self._planned: dict[str, deque[Fault]] = defaultdict(deque)
        self._rng = random.Random(seed)
        self._share = share
        self._kinds = faults
        self.hung = asyncio.Condition()
        self.hanging = 0

    def will(self, call: str, *faults: Fault) -> None:
        """How the next calls of that kind go wrong, one after the other."""
        self._planned[call].extend(faults)

    async def sends_notices_badly(self, copies: int = 2) -> list[int]:
        """Every notice several times, in an order that has nothing to do with what happened."""
        bodies = self.notices * copies
        self._rng.shuffle(bodies)
        return await self.deliver(*bodies)

    async def until_hanging(self, count: int = 1) -> None:
        """Return once so many calls hang: money is taken or not, and nobody was told."""
        async with self.hung:
            await self.hung.wait_for(lambda: self.hanging >= count)

    async def _once(
        self, call: str, request: web.Request, act: Callable[[Mapping[str, Any]], tuple[int, dict[str, Any]]]
    ) -> web.Response:
        fault = self._fault(call)
        if fault is not None:
            self.took.calls[fault] += 1
        if fault == "time out before":
            self.took.calls[call] += 1
            await self._hang()
        if fault == "500 before":
            self.took.calls[call] += 1
            return web.json_response({"error": {"message": "out of order"}}, status=500)
        if fault == "slow":
            await asyncio.sleep(self._rng.uniform(0.05, 0.4))
        if fault == "forget":
            self._answers.pop(request.headers["Idempotency-Key"], None)
        answer = await super()._once(call, request, act)
        if fault == "time out after":
            await self._hang()
        if fault == "500 after":
            return web.json_response({"error": {"message": "out of order"}}, status=500)
        return web.Response(body=b"<html>", content_type="text/html") if fault == "garbage" else answer

    def _fault(self, call: str) -> Fault | None:
        if self._planned[call]:
            return self._planned[call].popleft()
        return self._rng.choice(self._kinds) if self._kinds and self._rng.random() < self._share else None

    async def _hang(self) -> None:
        async with self.hung:
            self.hanging += 1
            self.hung.notify_all()
        await asyncio.sleep(HANG_SECONDS)
