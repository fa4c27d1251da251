"""Nothing a receiver or a backlog does costs a worker more than its bounds."""

import asyncio

from aiohttp import web

LARGE = "x" * 50_000


async def test_a_body_that_drips_ends_with_the_time_limit(new_tenant, receivers, publish, customer_created, delivering):
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b".")
                await asyncio.sleep(0.02)
        except ConnectionError:
            return response

    tenant, receiver = await new_tenant(), await receivers(drip)
    await tenant.endpoint(receiver.url)
    await publish(customer_created(tenant.id))
    async with delivering(timeout_seconds=0.5, max_retries=0):
        [delivery] = await tenant.settled()
    assert delivery.last_error == "no complete answer within 0.5 s"


async def test_headers_without_end_are_no_answer(new_tenant, publish, customer_created, delivering):
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        try:
            while True:
                writer.write(b"X-More: " + b"y" * 4000 + b"\r\n")
                await writer.drain()
        except ConnectionError:
            writer.close()

    server = await asyncio.start_server(endless, "127.0.0.1", 0)
    tenant = await new_tenant()
    await tenant.endpoint(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    await publish(customer_created(tenant.id))
    async with delivering(max_retries=0):
        [delivery] = await tenant.settled()
    server.close()
    assert (delivery.status, delivery.last_status) == ("dead_letter", None)


async def test_large_bodies_are_held_by_size_not_by_number(
    db, new_tenant, receivers, publish, customer_created, delivering
):
    release, bound = asyncio.Event(), 400_000

    async def hang(_: web.Request) -> web.Response:
        await release.wait()
        return web.Response(status=204)

    async def held() -> int:
        async with db.system() as tx:
            cursor = await tx.conn.execute(
                "SELECT coalesce(sum(length(m.body)), 0)::int FROM webhook_deliveries d "
                "JOIN webhook_messages m USING (tenant_id, event_id) WHERE d.leased_until IS NOT NULL"
            )
            [size] = await cursor.fetchone() or [0]
        return int(size)

    tenants = [await new_tenant() for _ in range(10)]
    receiver = await receivers(hang)
    for tenant in tenants:
        await tenant.endpoint(receiver.url)
    await publish(*[customer_created(tenant.id, LARGE) for tenant in tenants for _ in range(5)])
    most = 0
    async with delivering(held_bytes=bound, poll_seconds=0.05):
        await receiver.wait_for(2)
        for _ in range(20):
            most = max(most, await held())
            await asyncio.sleep(0.02)
        release.set()
        for tenant in tenants:
            await tenant.settled(5)
    assert 0 < most <= bound
