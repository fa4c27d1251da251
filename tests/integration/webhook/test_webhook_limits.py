"""What endpoints ask for: a rate and places over all workers, waits of their own. Claims are made at instants of our choosing."""

import asyncio
from datetime import timedelta

import pytest
from aiohttp import web

from corebilling.platform.clock import wall_clock
from corebilling.webhook.claims import Claims
from corebilling.webhook.config import DeliveryConfig
from corebilling.webhook.schemas import EndpointCreate

URL = "https://hooks.example.com"
CONFIG = DeliveryConfig()


class Instant:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = wall_clock() + timedelta(seconds=1)

    def __call__(self):
        return self.now

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def instant() -> Instant:
    return Instant()


@pytest.fixture
def endpoint(db, service):
    """Makes an endpoint with options."""

    async def make(tenant, **options):
        async with db.tenant(tenant.id) as tx:
            return await service.create_endpoint(tx, tenant.id, EndpointCreate(**({"url": URL} | options)))

    return make


@pytest.fixture
async def workers(db, instant):
    """Claims of two workers; what tests before left is out of the way."""
    async with db.system() as tx:
        await tx.conn.execute(
            "UPDATE webhook_deliveries SET status = 'dead_letter', next_attempt_at = NULL WHERE status = 'pending'"
        )
    return [Claims(db, instant, CONFIG), Claims(db, instant, CONFIG)]


async def take(claims: Claims, room: int = 100) -> int:
    return len((await claims.take(limit=500, rooms={}, new_room=room, failing_room=room)).rows)


@pytest.mark.parametrize(("rate", "burst"), [(20, 2), (1, 1), (200, 20)])
async def test_the_rate_holds_over_all_workers_whenever_they_claim(
    rate, burst, instant, workers, new_tenant, endpoint, publish, customer_created
):
    tenant = await new_tenant()
    await endpoint(tenant, rate_limit=rate)
    await publish(*[customer_created(tenant.id, n) for n in range(3 * rate)])
    taken = sum(await asyncio.gather(*[take(claims) for claims in workers]))
    assert taken == burst
    for _ in range(40):
        instant.move(0.025)
        taken += sum(await asyncio.gather(*[take(claims) for claims in workers]))
    assert rate <= taken <= rate + burst


async def test_what_was_not_used_is_not_saved_up(instant, workers, new_tenant, endpoint, publish, customer_created):
    tenant = await new_tenant()
    await endpoint(tenant, rate_limit=50)
    await publish(*[customer_created(tenant.id, n) for n in range(40)])
    assert await take(workers[0]) == 5
    instant.move(3600)
    assert await take(workers[1]) == 5
    instant.move(-7200)  # a worker whose clock is behind takes nothing that isn't there
    assert await take(workers[0]) == 0


async def test_places_hold_over_all_workers_until_a_lease_ends(
    instant, workers, new_tenant, endpoint, publish, customer_created
):
    tenant, other = await new_tenant(), await new_tenant()
    await endpoint(tenant, max_concurrency=3)
    await endpoint(other)
    await publish(*[customer_created(owner.id, n) for n in range(10) for owner in (tenant, other)])
    taken = await asyncio.gather(*[take(claims) for claims in workers])
    assert sum(taken) == 3 + 10
    assert await take(workers[1]) == 0
    instant.move(CONFIG.lease.total_seconds() + 1)
    assert await take(workers[1]) == 3 + 10


async def test_who_may_have_nothing_now_is_looked_at_again_soon(
    workers, new_tenant, endpoint, publish, customer_created
):
    tenant = await new_tenant()
    await endpoint(tenant, rate_limit=4)
    await publish(*[customer_created(tenant.id, n) for n in range(3)])
    claimed = await workers[0].take(limit=500, rooms={}, new_room=4, failing_room=4)
    assert (len(claimed.rows), claimed.again_seconds) == (1, 0.25)


async def test_an_endpoint_never_has_more_posts_at_once_than_it_asked_for(
    new_tenant, endpoint, receivers, publish, customer_created, delivering
):
    now, most = 0, 0

    async def count(_: web.Request) -> web.Response:
        nonlocal now, most
        now, most = now + 1, max(most, now + 1)
        await asyncio.sleep(0.005)
        now -= 1
        return web.Response(status=204)

    tenant, receiver = await new_tenant(), await receivers(count)
    await endpoint(tenant, url=receiver.url, max_concurrency=2)
    await publish(*[customer_created(tenant.id, n) for n in range(60)])
    async with delivering(), delivering(), delivering():
        await receiver.wait_for(60)
        found = await tenant.settled(60)
    assert most <= 2
    assert {delivery.status for delivery in found} == {"delivered"}


async def test_a_backlog_behind_a_rate_is_worked_off_without_waiting_for_polls(
    new_tenant, endpoint, receivers, publish, customer_created, delivering
):
    tenant, receiver = await new_tenant(), await receivers()
    await endpoint(tenant, url=receiver.url, rate_limit=100)
    await publish(*[customer_created(tenant.id, n) for n in range(60)])
    async with delivering(poll_seconds=60.0):
        requests = await receiver.wait_for(60)
        await tenant.settled(60)
    # A full bucket at first, then no faster than it fills; a lane may hold one bucket back.
    assert (requests[-1].at - requests[0].at).total_seconds() >= (60 - 2 * 10) / 100


async def test_an_endpoints_own_schedule_goes_before_that_of_the_installation(
    new_tenant, endpoint, receivers, publish, customer_created, delivering
):
    tenant, other, receiver = await new_tenant(), await new_tenant(), await receivers(500)
    await endpoint(tenant, url=receiver.url, retry_schedule=[1])
    await endpoint(other, url=receiver.url)
    await publish(customer_created(tenant.id), customer_created(other.id))
    schedule = tuple(timedelta(milliseconds=ms) for ms in (20, 30, 40, 50))
    async with delivering(retry_schedule=schedule):
        [own], [installation] = await tenant.settled(), await other.settled()
    assert (own.status, own.attempts) == ("dead_letter", 2)
    assert (installation.status, installation.attempts) == ("dead_letter", 5)
    first, second = (r.at for r in receiver.received if r.headers["X-Tenant-ID"] == str(tenant.id))
    assert (second - first).total_seconds() >= 0.95
