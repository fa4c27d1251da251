"""Taking payments through a gateway: from the worker's start with all of them waiting until the last one is settled and posted."""

import asyncio
import json
import time
from uuid import uuid4

import psycopg
from aiohttp import web

from benchmarks.results import Result
from corebilling.cli.client import Client
from corebilling.cli.demo.world import MONTH_START, create_tenant
from corebilling.cli.local import LocalInstallation

PAYMENTS = 3_000
SENDERS = 16
LATENCY_SECONDS = 0.02
_LEFT = "SELECT count(*) FROM payments WHERE status <> 'succeeded'"


async def run(here: LocalInstallation, admin_key: str, scale: float) -> list[Result]:
    """Payments a second by one worker, each a call to a gateway that takes 20 ms, settled, posted and told of."""
    count = max(100, int(PAYMENTS * scale))
    taken: list[int] = []
    runner, gateway_url = await _gateway(taken)
    try:
        async with Client(here.api.url, admin_key) as admin:
            _, key = await create_tenant(admin, "Bench payments", MONTH_START)
        worker = here.roles["worker"]
        await asyncio.to_thread(worker.stop)
        await _ask(here.api.url, key, gateway_url, count)
        async with await psycopg.AsyncConnection.connect(here.stack.database_url, autocommit=True) as conn:
            await asyncio.to_thread(worker.start)
            started, first = 0.0, 0
            while left := await _left(conn):
                if not started and taken:
                    started, first = time.perf_counter(), count - left
                await asyncio.sleep(0.02)
            seconds = time.perf_counter() - started
    finally:
        await runner.cleanup()
    assert sum(taken) == count * 1000, "not every payment was taken once"
    detail = f"{count} payments over one account at {LATENCY_SECONDS * 1000:.0f} ms a call, one worker process"
    return [Result("payments through a gateway", (count - first) / seconds, "payments/s", None, detail)]


async def _left(conn: psycopg.AsyncConnection[tuple[int]]) -> int:
    row = await (await conn.execute(_LEFT)).fetchone()
    assert row is not None
    return row[0]


async def _ask(url: str, key: str, gateway_url: str, count: int) -> None:
    """That many open invoices, each with a payment that waits."""
    waiting = list(range(count))
    async with Client(url, key) as client:
        account = await client.post(
            "/v1/gateway-accounts",
            {"gateway": "http", "name": "main", "base_url": gateway_url, "api_key": "sk_test_bench"},
        )
        await client.post("/v1/customers", {"external_id": "acme", "name": "Acme", "auto_collect": False})
        method = {"customer_id": "acme", "gateway_account_id": account["id"], "token": "tok_bench"}
        await client.post("/v1/payment-methods", method)

        async def ask() -> None:
            while waiting:
                waiting.pop()
                lines = [{"description": "Consulting", "unit_amount": "10.00"}]
                body = {"customer_id": "acme", "lines": lines, "finalize": True}
                invoice = await client.post("/v1/invoices", body)
                await client.post("/v1/payments", {"invoice_id": invoice["id"]})

        await asyncio.gather(*(ask() for _ in range(SENDERS)))


async def _gateway(taken: list[int]) -> tuple[web.AppRunner, str]:
    """A gateway that takes everything, 20 ms after it was asked."""

    async def charge(request: web.Request) -> web.Response:
        wanted = json.loads(await request.read())
        await asyncio.sleep(LATENCY_SECONDS)
        taken.append(wanted["amount"])
        intent = {
            "id": f"pi_{uuid4().hex}", "status": "succeeded", "amount": wanted["amount"],
            "amount_received": wanted["amount"], "currency": wanted["currency"], "metadata": wanted["metadata"],
        }  # fmt: skip
        return web.json_response(intent)

    app = web.Application()
    app.router.add_post("/v1/payment_intents", charge)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"
