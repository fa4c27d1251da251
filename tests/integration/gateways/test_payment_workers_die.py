"""Workers end at the worst moments: before the call, while the gateway takes the money, before its answer is written down."""

import asyncio
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

import pytest

from conftest import NewShop, Working
from corebilling.cli.client import until
from corebilling.container import Container
from corebilling.payment.gateways.claiming import begin
from corebilling.payment.queries import gateway_calls
from factories import PATIENCE_SECONDS
from gateways import FakeGateway, UnrulyGateway

_NOBODY = UUID(int=0)

WORKER = """
import asyncio, sys
from corebilling.container import Container
from corebilling.payment.gateways.config import GatewayConfig
from corebilling.payment.worker import PaymentWorker
from corebilling.settings import Settings

async def main():
    settings = Settings(database_url=sys.argv[1], encryption_keys=(sys.argv[2],), gateway_allow_private_targets=True)
    here = Container(settings=settings)
    await here.database().open()
    config = GatewayConfig(
        timeout_seconds=0.5, lease_slack_seconds=0.5, certain_seconds=0.2, first_delay_seconds=0.05,
        longest_delay_seconds=0.5, poll_seconds=0.3, allow_private_targets=True,
    )
    await PaymentWorker(
        db=here.database(), payments=here.payment_service(), clocks=here.tenant_service(), secret_box=here.secret_box(),
        config=config, clock=here.clock(),
    ).run(asyncio.Event())

asyncio.run(main())
"""

Worker = Callable[[], Awaitable[Process]]


@pytest.fixture
async def worker_process(database_url: str, encryption_key: str) -> AsyncIterator[Worker]:
    """Starts workers as processes, to be killed."""
    started: list[Process] = []

    async def start() -> Process:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", WORKER, database_url, encryption_key)
        started.append(process)
        return process

    yield start
    for process in started:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_worker_killed_after_the_money_was_taken_leaves_it_to_be_found(
    new_shop: NewShop, working: Working, worker_process: Worker
) -> None:
    async with UnrulyGateway() as gateway:
        shop = await new_shop(gateway)
        gateway.will("charge", "time out after")
        invoice, payment = await shop.asked("acme")
        process = await worker_process()
        await gateway.until_hanging()
        process.kill()
        await process.wait()
        assert (await shop.payment(payment))["status"] == "pending"
        async with working():
            await shop.status(payment, "succeeded")
    assert gateway.took.charges == {payment: [1200]}
    assert gateway.took.calls["charge"] == 1
    assert await shop.paid(invoice)


async def test_a_worker_killed_before_the_gateway_did_anything_leaves_it_to_be_sent(
    new_shop: NewShop, working: Working, worker_process: Worker
) -> None:
    async with UnrulyGateway() as gateway:
        shop = await new_shop(gateway)
        gateway.will("charge", "time out before")
        invoice, payment = await shop.asked("acme")
        process = await worker_process()
        await gateway.until_hanging()
        process.kill()
        await process.wait()
        async with working():
            await shop.status(payment, "succeeded")
    assert gateway.took.charges == {payment: [1200]}
    assert await shop.paid(invoice)


async def test_a_cancelled_worker_leaves_everything_to_the_next(new_shop: NewShop, working: Working) -> None:
    async with UnrulyGateway(latency_seconds=0.02) as gateway:
        shop = await new_shop(gateway)
        asked = [await shop.asked(f"c-{number}") for number in range(12)]
        while not all([await shop.paid(invoice) for invoice, _ in asked]):
            async with working() as worker:
                goal = gateway.took.calls["charge"] + 1

                async def called(goal: int = goal) -> bool:
                    paid = [await shop.paid(invoice) for invoice, _ in asked]
                    return gateway.took.calls["charge"] >= goal or all(paid)

                await until(called, seconds=PATIENCE_SECONDS, what="another call", every_seconds=0.005)
                worker.cancel()
    assert gateway.took.charges == {payment: [1200] for _, payment in asked}


async def test_what_was_claimed_or_begun_and_not_sent_is_sent_by_another(
    new_shop: NewShop, working: Working, container: Container
) -> None:
    """The two moments before a call, each left in the database as a killed worker leaves it."""
    async with FakeGateway() as gateway:
        shop = await new_shop(gateway)
        claimed, begun = await shop.asked("claimed"), await shop.asked("begun")
        now, db = container.clock()(), container.database()
        async with db.system() as tx:
            rows = await gateway_calls.claim_calls(
                tx.conn, after_tenant_id=_NOBODY, after_account_id=_NOBODY, lane_account_ids=[], lane_rooms=[], at=now,
                new_room=10, claim_limit=10, lease_until=now,
            )  # fmt: skip
        assert {str(row.call_id) for row in rows} >= {claimed[1], begun[1]}
        mine = [row for row in rows if str(row.call_id) == begun[1]]
        sent = await begin(db, container.payment_service(), mine, now)
        assert [str(call_id) for call_id in sent] == [begun[1]]
        assert await begin(db, container.payment_service(), mine, now) == {}, "begun twice"
        async with working():
            for _, payment in (claimed, begun):
                await shop.status(payment, "succeeded")
    assert gateway.took.charges == {claimed[1]: [1200], begun[1]: [1200]}
    assert gateway.took.calls["find"] >= 1


async def test_two_workers_beside_each_other_take_each_payment_once(new_shop: NewShop, working: Working) -> None:
    async with FakeGateway(latency_seconds=0.01) as gateway, working(), working():
        shop = await new_shop(gateway)
        asked = [await shop.asked(f"c-{number}") for number in range(30)]
        for _, payment in asked:
            await shop.status(payment, "succeeded")
    assert gateway.took.charges == {payment: [1200] for _, payment in asked}
    assert gateway.took.calls["charge"] == 30


async def test_fifty_payments_of_one_invoice_at_once_charge_once(new_shop: NewShop, working: Working) -> None:
    async with FakeGateway() as gateway, working():
        shop = await new_shop(gateway)
        invoice = await shop.invoice(await shop.customer("acme"))
        answers = await asyncio.gather(
            *(shop.http.post("/v1/payments", json={"invoice_id": invoice}) for _ in range(50))
        )
        made = [answer.json()["id"] for answer in answers if answer.status_code == 201]
        assert {answer.status_code for answer in answers} == {201, 409}
        for payment in made:
            await shop.status(payment, "succeeded")
    assert gateway.took.total == 1200
    assert await shop.paid(invoice)


async def test_a_call_whose_lease_ends_while_its_result_waits_is_held_once(
    new_shop: NewShop, working: Working, container: Container
) -> None:
    async with FakeGateway(latency_seconds=0.3) as gateway, working():
        shop = await new_shop(gateway)
        _, payment = await shop.asked("acme")
        db, key = container.database(), (shop.tenant_id, payment)

        async def called() -> bool:
            return gateway.took.calls["charge"] > 0

        async def claimed_again() -> bool:
            async with db.system() as tx:
                attempts = "SELECT attempts FROM gateway_calls WHERE tenant_id = %s AND call_id = %s"
                row = await (await tx.conn.execute(attempts, key)).fetchone()
            return row is not None and row[0] > 1

        await until(called, seconds=PATIENCE_SECONDS, what="the call", every_seconds=0.005)
        async with db.tenants([shop.tenant_id]) as tx:
            held = "SELECT FROM payments WHERE tenant_id = %s AND payment_id = %s FOR UPDATE"
            await tx.conn.execute(held, key)
            await until(claimed_again, seconds=PATIENCE_SECONDS, what="the lease to end", every_seconds=0.05)
        await shop.status(payment, "succeeded")
        _, after = await shop.asked("after")
        await shop.status(after, "succeeded")
    assert gateway.took.charges == {payment: [1200], after: [1200]}


async def test_what_the_gateway_denied_and_told_of_after_all_is_asked_about_and_not_sent_again(
    new_shop: NewShop, working: Working, container: Container
) -> None:
    async with FakeGateway() as gateway:
        shop = await new_shop(gateway)
        _, payment = await shop.asked("acme", "tok_slow")
        async with working():
            await shop.status(payment, "processing")
        async with container.database().system() as tx:
            denied = "UPDATE gateway_calls SET state = 'due', next_at = now() WHERE tenant_id = %s AND call_id = %s"
            await tx.conn.execute(denied, (shop.tenant_id, payment))
        gateway.complete(payment)
        async with working():
            await shop.status(payment, "succeeded")
    assert gateway.took.charges == {payment: [1200]}
    assert gateway.took.calls["charge"] == 1
