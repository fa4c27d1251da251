"""A worker dies with SIGKILL while posts are on the wire."""

import asyncio
import sys

from aiohttp import web

WORKER = """
import asyncio, sys
from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database
from corebilling.platform.secrets import SecretBox
from corebilling.webhook.config import DeliveryConfig
from corebilling.webhook.worker import DeliveryWorker

async def main():
    db = Database(sys.argv[1])
    await db.open()
    config = DeliveryConfig(allow_private_targets=True, poll_seconds=0.2, timeout_seconds=1.0, lease_slack_seconds=0.5)
    await DeliveryWorker(db=db, secret_box=SecretBox([sys.argv[2]]), config=config, clock=wall_clock).run(asyncio.Event())

asyncio.run(main())
"""


async def test_what_a_killed_worker_held_is_delivered_by_another_under_the_same_ids(
    database_url, encryption_key, new_tenant, receivers, publish, customer_created, delivering
):
    dead = asyncio.Event()

    async def hang_until_the_kill(_: web.Request) -> web.Response:
        if not dead.is_set():
            await dead.wait()
        return web.Response(status=204)

    tenant, other = await new_tenant(), await new_tenant()
    receiver = await receivers(*[204] * 20, hang_until_the_kill)
    await tenant.endpoint(receiver.url)
    await other.endpoint(receiver.url)
    events = [customer_created(owner.id, n) for n in range(100) for owner in (tenant, other)]
    await publish(*events)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", WORKER, database_url, encryption_key)
    try:
        await receiver.wait_for(30)
    finally:
        process.kill()
        await process.wait()
    on_the_wire = {request.headers["webhook-id"] for request in receiver.received[20:]}
    dead.set()
    async with delivering(poll_seconds=0.2):
        found = [*await tenant.settled(100), *await other.settled(100)]
    assert {delivery.status for delivery in found} == {"delivered"}
    again = [request.headers["webhook-id"] for request in receiver.received]
    assert set(again) == {str(event.id) for event in events}
    assert all(again.count(event_id) >= 2 for event_id in on_the_wire)
    for request in receiver.received:
        assert request.headers["webhook-id"] in request.body.decode()
