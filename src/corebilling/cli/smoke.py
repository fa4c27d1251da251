"""`corebilling smoke`: the main job, step by step, against any running installation."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit
from uuid import uuid4

import typer
from rich.console import Console

from corebilling.cli.client import Client, until
from corebilling.cli.failures import told
from corebilling.cli.receiver import Receiver, receiving

_STEPS = ("create", "subscribe", "use", "quote", "bill", "deliver")


@told
def smoke(
    url: Annotated[str, typer.Option(help="where the API listens, such as http://127.0.0.1:3035")],
    api_key: Annotated[str, typer.Option(envvar="COREBILLING_API_KEY", help="a tenant's key with all of its scopes")],
    receiver: Annotated[
        str | None,
        typer.Option(help="the address under which the installation reaches this machine's --listen; default: itself"),
    ] = None,
    listen: Annotated[
        str, typer.Option(help="HOST:PORT for the webhook receiver of the last step; port 0: any")
    ] = "127.0.0.1:0",
    patience_seconds: Annotated[float, typer.Option(help="how long to wait for billing and for the webhook")] = 60.0,
) -> None:
    """Create, subscribe, use, quote, bill and deliver; prints PASSED or FAILED per step. Exit code 1 if any failed.

    What it makes carries a random suffix and stays there. A sandbox is billed by its test clock, which moves a month on;
    any other tenant by a one-off invoice of one cent.
    """
    host, _, port = listen.rpartition(":")
    passed = asyncio.run(_walk(url, api_key, receiver, host or "127.0.0.1", int(port), patience_seconds))
    if not passed:
        raise typer.Exit(1)


async def _walk(url: str, key: str, public: str | None, host: str, port: int, patience: float) -> bool:
    console = Console(highlight=False)
    async with Client(url, key) as client, receiving(host, port or None) as receiver:
        walk = _Smoke(client, receiver, public or receiver.url, patience)
        for number, name in enumerate(_STEPS):
            step: Callable[[], Awaitable[str]] = getattr(walk, name)
            try:
                said = await step()
            except Exception as error:  # noqa: BLE001 - whatever it is, the step has failed and says why
                console.print(f"FAILED {name}: {error}", markup=False, soft_wrap=True)
                for left in _STEPS[number + 1 :]:
                    console.print(f"FAILED {left}: not tried, {name} has failed", markup=False, soft_wrap=True)
                return False
            console.print(f"PASSED {name}: {said}", markup=False, soft_wrap=True)
    return True


class _Smoke:
    """The steps, each building on those before it; each answers what it saw and raises when it saw something else."""

    def __init__(self, client: Client, receiver: Receiver, public_url: str, patience: float) -> None:
        self._client = client
        self._receiver = receiver
        self._public_url = public_url
        self._patience = patience
        self._suffix = uuid4().hex[:8]
        self._sandbox_now: datetime | None = None
        self._subscription: dict[str, Any] = {}
        self._invoice: dict[str, Any] = {}

    async def create(self) -> str:
        settings = await self._client.get("/v1/settings")
        if settings["sandbox"]:
            self._sandbox_now = datetime.fromisoformat((await self._client.get("/v1/test-clock"))["now"])
        currency = settings["currency"]
        meter, plan, customer = (f"smoke_{noun}_{self._suffix}" for noun in ("calls", "plan", "customer"))
        await self._client.post("/v1/meters", {"code": meter, "name": "Smoke calls", "aggregation": "sum"})
        prices = [
            {"kind": "recurring", "name": "Base fee", "price": {"model": "flat", "amount": "10"}},
            {
                "kind": "usage", "name": "Calls", "meter": meter, "unit": "call",
                "price": {"model": "per_unit", "unit_amount": "2"},
            },
        ]  # fmt: skip
        await self._client.post(
            "/v1/admin/pricing/plans",
            {"code": plan, "name": "Smoke", "currency": currency, "interval": "month", "prices": prices},
        )
        await self._client.post("/v1/customers", {"external_id": customer, "name": "Smoke test", "currency": currency})
        endpoint = await self._client.post(
            "/v1/webhook-endpoints", {"url": self._public_url, "subjects": ["invoice.generated"]}
        )
        self._receiver.secret = endpoint["secret"]
        return f"meter, plan, customer and webhook endpoint with the suffix {self._suffix}"

    async def subscribe(self) -> str:
        self._subscription = await self._client.post(
            "/v1/subscriptions",
            {"customer_id": f"smoke_customer_{self._suffix}", "plan": f"smoke_plan_{self._suffix}"},
        )
        return f"subscription {self._subscription['id']} is {self._subscription['status']}"

    async def use(self) -> str:
        event = {
            "id": f"smoke-{self._suffix}", "meter": f"smoke_calls_{self._suffix}",
            "subscription_id": self._subscription["id"], "timestamp": self._subscription["start_at"], "value": "3",
        }  # fmt: skip
        first = await self._client.post("/v1/usage", [event], idempotent=False)
        again = await self._client.post("/v1/usage", [event], idempotent=False)
        if (first["accepted"], again["duplicates"]) != (1, 1):
            raise RuntimeError(f"expected one accepted event and then one duplicate, got {first} and {again}")
        return "one event accepted, and recognised when sent again"

    async def quote(self) -> str:
        quote = await self._client.post("/v1/pricing/quote", {"order": {"weight": "10.5", "distance": "15.2"}})
        return f"10.5 kg over 15.2 km: {quote['total']} {quote['currency']}"

    async def bill(self) -> str:
        if self._sandbox_now is not None:
            await self._bill_period()
            expected = "10 + 3 x 2"
        else:
            await self._bill_one_off()
            expected = "a one-off line"
        return f"invoice {self._invoice['number']}, {self._invoice['total_minor']} minor units ({expected})"

    async def _bill_period(self) -> None:
        cycles = await self._cycles()
        due_at = datetime.fromisoformat(cycles[0]["due_at"]) + timedelta(seconds=1)
        await self._client.post("/v1/test-clock/advance", {"to": due_at.isoformat()})

        async def billed() -> bool:
            page = await self._client.get("/v1/invoices", subscription_id=self._subscription["id"])
            self._invoice = page["data"][0] if page["data"] else {}
            return bool(self._invoice)

        await until(billed, seconds=self._patience, what="the invoice of the closed period")
        currency = self._invoice["currency"]
        preview = await self._client.post(
            "/v1/pricing/preview",
            {"currency": currency, "price": {"model": "per_unit", "unit_amount": "16"}, "quantity": "1"},
        )
        if self._invoice["total_minor"] != preview["amount_minor"]:
            raise RuntimeError(f"the invoice is {self._invoice['total_minor']} and should be {preview['amount_minor']}")

    async def _cycles(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []

        async def there() -> bool:
            found[:] = (await self._client.get(f"/v1/subscriptions/{self._subscription['id']}/cycles"))["data"]
            return bool(found)

        await until(there, seconds=self._patience, what="the subscription's first billing cycle")
        return found

    async def _bill_one_off(self) -> None:
        draft = await self._client.post(
            "/v1/invoices",
            {
                "customer_id": self._subscription["customer_id"],
                "lines": [{"description": "Smoke test", "quantity": "1", "unit_amount": "1"}],
            },
        )
        self._invoice = await self._client.post(f"/v1/invoices/{draft['id']}/finalize")

    async def deliver(self) -> str:
        async def arrived() -> bool:
            return self._receiver.verified["invoice.generated"] > 0

        where = urlsplit(self._public_url).netloc
        await until(
            arrived,
            seconds=self._patience,
            what=f"a signed invoice.generated at {where}; set --receiver if it is unreachable",
        )
        if self._receiver.refused:
            raise RuntimeError(f"{self._receiver.refused} deliveries had a wrong signature")
        return f"invoice.generated received at {where}, its signature verified"
