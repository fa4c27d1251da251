"""Deliveries as receivers see them: signed, retried, isolated from one another, at least once."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from contextlib import suppress

import psycopg
from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

from corebilling.kernel.errors import Unavailable


async def test_a_delivery_is_signed_so_that_the_public_library_verifies_it(
    new_tenant, receivers, publish, customer_created, delivering
):
    tenant, receiver = await new_tenant(), await receivers()
    endpoint = await tenant.endpoint(receiver.url, "customer.*")
    event = customer_created(tenant.id)
    await publish(event)
    async with delivering():
        [request] = await receiver.wait_for(1)
        [delivery] = await tenant.settled()

    verified = Webhook(endpoint.secret).verify(request.body, {k.lower(): v for k, v in request.headers.items()})
    assert verified["type"] == "customer.created"
    assert verified["id"] == str(event.id) == request.headers["webhook-id"] == request.headers["X-Event-ID"]
    assert verified["data"]["external_id"] == "c-1"
    key = base64.b64decode(endpoint.secret.removeprefix("whsec_"))
    assert request.headers["X-Signature"] == f"sbwh_sig=v1:{hmac.new(key, request.body, hashlib.sha256).hexdigest()}"
    assert request.headers["X-Event-Type"] == "customer.created"
    assert request.headers["X-Tenant-ID"] == str(tenant.id)
    assert request.headers["traceparent"] == event.traceparent
    assert (delivery.status, delivery.attempts, delivery.last_status) == ("delivered", 1, 204)


async def test_a_rotated_secret_signs_beside_the_one_before(
    db, service, new_tenant, receivers, publish, customer_created, delivering
):
    tenant, receiver = await new_tenant(), await receivers()
    endpoint = await tenant.endpoint(receiver.url)
    async with db.tenant(tenant.id) as tx:
        rotated = await service.rotate_secret(tx, tenant.id, endpoint.id)
    await publish(customer_created(tenant.id))
    async with delivering():
        [request] = await receiver.wait_for(1)
    headers = {k.lower(): v for k, v in request.headers.items()}
    for secret in (endpoint.secret, rotated.secret):
        assert Webhook(secret).verify(request.body, headers)
    other = Webhook("whsec_" + base64.b64encode(b"x" * 32).decode())
    try:
        other.verify(request.body, headers)
    except WebhookVerificationError:
        return
    raise AssertionError("a foreign secret verified")


async def test_a_failure_is_retried_under_the_same_id_until_it_succeeds(
    db, service, new_tenant, receivers, publish, customer_created, delivering
):
    tenant, receiver = await new_tenant(), await receivers(500, 503, 204)
    await tenant.endpoint(receiver.url)
    await publish(customer_created(tenant.id))
    async with delivering():
        requests = await receiver.wait_for(3)
        [delivery] = await tenant.settled()
    assert len({request.headers["webhook-id"] for request in requests}) == 1
    assert len({request.body for request in requests}) == 1
    assert (delivery.status, delivery.attempts) == ("delivered", 3)
    async with db.tenant(tenant.id) as tx:
        detail = await tenant.log.get(tx, tenant.id, delivery.id)
    assert [attempt.response_status for attempt in detail.attempts_log] == [204, 503, 500]
    assert json.loads(detail.body)["id"] == str(delivery.event_id)


async def test_retries_end_in_a_dead_letter_that_can_be_redelivered(
    db, service, new_tenant, receivers, publish, customer_created, delivering
):
    tenant, receiver = await new_tenant(), await receivers(500, 500, 500, 500, 204)
    await tenant.endpoint(receiver.url)
    await publish(customer_created(tenant.id))
    async with delivering():
        [dead] = await tenant.settled()
        assert (dead.status, dead.attempts, dead.last_error) == ("dead_letter", 4, "answered 500")
        async with db.tenant(tenant.id) as tx:
            await tenant.log.redeliver(tx, tenant.id, dead.id)
        await receiver.wait_for(5)
        async with asyncio.timeout(30):
            while (await tenant.deliveries())[0].status != "delivered":
                await asyncio.sleep(0.02)
    assert len({request.headers["webhook-id"] for request in receiver.received}) == 1


async def test_retry_after_is_honoured(new_tenant, receivers, publish, customer_created, delivering):
    async def busy(_: web.Request) -> web.Response:
        return web.Response(status=429, headers={"Retry-After": "1"})

    tenant, receiver = await new_tenant(), await receivers(busy, 204)
    await tenant.endpoint(receiver.url)
    await publish(customer_created(tenant.id))
    async with delivering():
        first, second = await receiver.wait_for(2)
    assert (second.at - first.at).total_seconds() >= 0.95


async def test_a_hanging_endpoint_with_a_backlog_delays_no_other(
    new_tenant, receivers, publish, customer_created, delivering
):
    release = asyncio.Event()

    async def hang(_: web.Request) -> web.Response:
        await release.wait()
        return web.Response(status=204)

    slow_tenant, quick_tenant = await new_tenant(), await new_tenant()
    slow, quick = await receivers(hang), await receivers()
    await slow_tenant.endpoint(slow.url)
    await quick_tenant.endpoint(quick.url)
    await publish(*[customer_created(slow_tenant.id, n) for n in range(600)])
    async with delivering():
        await slow.wait_for(1)
        await publish(*[customer_created(quick_tenant.id, n) for n in range(300)])
        await quick_tenant.settled(300)
        assert all(delivery.status == "pending" for delivery in await slow_tenant.deliveries())
        release.set()


async def test_a_backlog_reaches_every_endpoint_exactly_once_when_nothing_fails(
    new_tenant, receivers, publish, customer_created, delivering
):
    tenant, others = await new_tenant(), await new_tenant()
    receiver, second = await receivers(), await receivers()
    await tenant.endpoint(receiver.url)
    await others.endpoint(second.url, "customer.created")
    await others.endpoint(second.url, "invoice.*")
    events = [customer_created(t.id, n) for n in range(700) for t in (tenant, others)]
    await publish(*events)
    await publish(*events[:100])
    async with delivering(), delivering():
        await asyncio.gather(receiver.wait_for(700), second.wait_for(700))
        await asyncio.gather(tenant.settled(490), others.settled(490))
    for target, owner in ((receiver, tenant), (second, others)):
        ids = [request.headers["webhook-id"] for request in target.received]
        assert len(ids) == len(set(ids)) == 700
        assert {request.headers["X-Tenant-ID"] for request in target.received} == {str(owner.id)}


async def test_redirects_are_not_followed(new_tenant, receivers, publish, customer_created, delivering):
    inside = await receivers()

    async def elsewhere(_: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": inside.url})

    tenant, receiver = await new_tenant(), await receivers(elsewhere)
    await tenant.endpoint(receiver.url)
    await publish(customer_created(tenant.id))
    async with delivering(max_retries=0):
        [delivery] = await tenant.settled()
    assert (delivery.status, delivery.last_status) == ("dead_letter", 307)
    assert inside.received == []


async def test_an_endless_answer_is_read_only_so_far(
    db, service, new_tenant, receivers, publish, customer_created, delivering
):
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"\x00more " * 10_000)
        except ConnectionError:
            return response

    tenant, receiver = await new_tenant(), await receivers(endless)
    await tenant.endpoint(receiver.url)
    await publish(customer_created(tenant.id))
    async with delivering():
        [delivery] = await tenant.settled()
    assert delivery.status == "delivered"
    async with db.tenant(tenant.id) as tx:
        [attempt] = (await tenant.log.get(tx, tenant.id, delivery.id)).attempts_log
    assert attempt.response_excerpt is not None
    assert len(attempt.response_excerpt) <= 1024


async def test_stopping_puts_back_what_was_not_sent(new_tenant, receivers, publish, customer_created, delivering):
    release = asyncio.Event()

    async def wait(_: web.Request) -> web.Response:
        await release.wait()
        return web.Response(status=204)

    tenant, receiver = await new_tenant(), await receivers(*[204] * 8, wait)
    await tenant.endpoint(receiver.url)
    await publish(*[customer_created(tenant.id, n) for n in range(40)])
    started = time.monotonic()
    async with delivering():
        await receiver.wait_for(12)
        asyncio.get_running_loop().call_soon(release.set)
    found = await tenant.deliveries()
    assert time.monotonic() - started < 30
    now = min(d.created_at for d in found)
    pending = [d for d in found if d.status == "pending"]
    assert len(found) - len(pending) == len(receiver.received)
    assert all(d.next_attempt_at is not None and d.attempts == 0 and d.next_attempt_at >= now for d in pending)


async def test_connections_to_the_database_that_break_lose_nothing(
    owner_url, new_tenant, receivers, publish, customer_created, delivering
):
    tenant, other, receiver = await new_tenant(), await new_tenant(), await receivers()
    await tenant.endpoint(receiver.url)
    await other.endpoint(receiver.url)
    events = [customer_created(owner.id, n) for n in range(400) for owner in (tenant, other)]
    await publish(*events)
    async with delivering(), await psycopg.AsyncConnection.connect(owner_url, autocommit=True) as admin:
        for reached in (50, 200, 400):
            await receiver.wait_for(reached)
            await admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        async with asyncio.timeout(60):
            while len({request.headers["webhook-id"] for request in receiver.received}) < len(events):
                await asyncio.sleep(0.02)
        while True:
            with suppress(Unavailable):
                found = [*await tenant.settled(400), *await other.settled(400)]
                break
    assert {delivery.status for delivery in found} == {"delivered"}
