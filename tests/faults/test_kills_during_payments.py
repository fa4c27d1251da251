"""The worker is killed again and again while an unruly gateway takes a thousand payments; each is taken once, each invoice paid."""

import asyncio
import random
import time
from collections.abc import Callable

import aiohttp
import pytest
from books_of_record import Records
from patience import PatientClient

from corebilling.cli.bootstrap import ledger_proof
from corebilling.cli.client import Client, until
from corebilling.cli.demo import world
from corebilling.cli.local import LocalInstallation
from gateways import API_KEY, NOTICE_SECRET, UnrulyGateway

SENDERS = 16
PATIENCE_SECONDS = 240.0
_UNPAID = "SELECT count(*) FROM invoice_state WHERE tenant_id = %s AND status <> 'paid'"
_UNSETTLED = """
SELECT (SELECT count(*) FROM payments WHERE tenant_id = %s AND status <> 'succeeded')
     + (SELECT count(*) FROM gateway_calls WHERE tenant_id = %s AND state <> 'done')
"""
_UNREAD = "SELECT count(*) FROM gateway_notices WHERE tenant_id = %s AND status = 'pending'"


async def asked_for(client: PatientClient, account_id: str, count: int) -> dict[str, int]:
    """That many payments, each of an invoice of its own: amounts by payment."""
    await client.post("/v1/customers", {"external_id": "acme", "name": "Acme", "auto_collect": False})
    method = {"customer_id": "acme", "gateway_account_id": account_id, "token": "tok_good"}
    await client.post("/v1/payment-methods", method)
    numbers, asked = list(range(count)), {}

    async def ask() -> None:
        while numbers:
            amount = 100 + numbers.pop()
            lines = [{"description": "Work", "unit_amount": f"{amount / 100:.2f}"}]
            body = {"customer_id": "acme", "lines": lines, "finalize": True}
            invoice, _ = await client.post("/v1/invoices", body)
            payment, _ = await client.post("/v1/payments", {"invoice_id": invoice["id"]})
            asked[payment["id"]] = amount

    await asyncio.gather(*(ask() for _ in range(SENDERS)))
    return asked


class Shooter:
    """SIGKILLs the worker whenever the gateway has taken some random number of payments more."""

    def __init__(self, here: LocalInstallation, gateway: UnrulyGateway, total: int, seed: int) -> None:
        self._worker = here.roles["worker"]
        self._gateway = gateway
        self._total = total
        self._rng = random.Random(seed)
        self.landed = 0

    async def shoot(self, most: int) -> None:
        """Go on until everything is taken or that many kills have landed."""
        while self.landed < most and len(self._gateway.took.charges) < self._total:
            goal = min(len(self._gateway.took.charges) + self._rng.randrange(1, self._total // 10), self._total)

            async def taken(goal: int = goal) -> bool:
                return len(self._gateway.took.charges) >= goal

            await until(taken, seconds=PATIENCE_SECONDS, what="more payments to be taken", every_seconds=0.01)
            await asyncio.to_thread(self._worker.kill)
            self.landed += 1
            await asyncio.to_thread(self._worker.start)
        await asyncio.to_thread(self._worker.wait_ready)


async def run(
    here: LocalInstallation, admin_key: str, tell: Callable[[str], None], *, count: int, kills: int, seed: int
) -> None:
    records, started = Records(here.stack.database_url), time.monotonic()
    faults = ("time out after", "time out before", "500 after", "500 before", "slow", "garbage")
    gateway = UnrulyGateway(seed=seed, share=0.1, faults=faults, latency_seconds=0.3)  # slow enough to be hit at work
    async with Client(here.api.url, admin_key) as admin:
        tenant_id, key = await world.create_tenant(admin, "Shop", world.MONTH_START)
    async with gateway, PatientClient(here.api.url, key) as client, aiohttp.ClientSession() as http:
        account, _ = await client.post(
            "/v1/gateway-accounts",
            {
                "gateway": "http", "name": "main", "base_url": gateway.url, "api_key": API_KEY,
                "webhook_secret": NOTICE_SECRET,
            },
        )  # fmt: skip

        async def notify(body: bytes, signature: str) -> int:
            url = here.api.url + account["notice_path"]
            async with http.post(url, data=body, headers={"Corebilling-Signature": signature}) as answer:
                return answer.status

        gateway.notify = notify
        shooter = Shooter(here, gateway, count, seed)
        async with asyncio.TaskGroup() as busy:
            asking = busy.create_task(asked_for(client, account["id"], count))
            busy.create_task(shooter.shoot(kills))
        asked, shot = asking.result(), time.monotonic()

        async def settled() -> bool:
            return not await records.one(_UNSETTLED, tenant_id, tenant_id)

        await until(settled, seconds=PATIENCE_SECONDS, what="every payment to be settled")
        recovered = time.monotonic()
        assert set(await gateway.sends_notices_badly()) == {200}

        async def read() -> bool:
            return not await records.one(_UNREAD, tenant_id)

        await until(read, seconds=PATIENCE_SECONDS, what="every notice to be worked out")
    assert gateway.took.twice == []
    assert gateway.took.charges == {payment: [amount] for payment, amount in asked.items()}
    assert await records.one(_UNPAID, tenant_id) == 0
    taken = await records.rows("SELECT payment_id::text, amount_minor FROM payments WHERE tenant_id = %s", tenant_id)
    assert dict(taken) == asked
    proof = await asyncio.to_thread(ledger_proof, here.app_url)
    assert (proof.mismatch_count, len(proof.imbalances)) == (0, 0)
    assert shooter.landed >= kills
    tell(
        f"{shooter.landed} SIGKILLs survived during {count} payments: each taken once, {gateway.took.calls['charge']} calls to "
        f"charge and {gateway.took.calls['find']} questions; kills {shot - started:.0f} s, recovery {recovered - shot:.0f} s"
    )


@pytest.mark.slow
async def test_a_thousand_payments_survive_a_dozen_kills(
    here: LocalInstallation, admin_key: str, tell: Callable[[str], None]
) -> None:
    await run(here, admin_key, tell, count=1_000, kills=12, seed=23)
