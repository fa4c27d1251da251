"""What is kept of deliveries, and for how long."""

import asyncio
from datetime import UTC, datetime, timedelta

import psycopg

from corebilling.kernel.ids import new_id
from corebilling.platform.clock import wall_clock
from corebilling.webhook.housekeeping import WebhookHousekeeping
from corebilling.webhook.schemas import EndpointCreate


async def test_every_attempt_is_kept_by_its_day_with_what_was_sent(
    db, service, new_tenant, receivers, publish, customer_created, delivering
):
    tenant, receiver = await new_tenant(), await receivers(500, 204)
    async with db.tenant(tenant.id) as tx:
        options = {"url": receiver.url, "headers": {"X-Gateway-Token": "let-me-in"}, "signature": "both"}
        await service.create_endpoint(tx, tenant.id, EndpointCreate(**options))
    await publish(customer_created(tenant.id))
    async with delivering():
        requests = await receiver.wait_for(2)
        await tenant.settled()
    async with db.tenant(tenant.id) as tx:
        cursor = await tx.conn.execute(
            "SELECT tableoid::regclass::text, url, signature, response_status, attempted_at FROM webhook_attempt_log "
            "ORDER BY attempt_id"
        )
        rows = await cursor.fetchall()
    assert [(url, status) for _, url, _, status, _ in rows] == [(receiver.url, 500), (receiver.url, 204)]
    for request, (partition, _, signature, _, attempted_at) in zip(requests, rows, strict=True):
        assert partition.startswith("webhook_attempt_log_p2")
        assert request.headers["webhook-signature"] == signature
        assert [part.split(",")[0] for part in signature.split()] == ["v1", "v1a"]
        assert request.headers["webhook-timestamp"] == str(int(attempted_at.timestamp()))
        assert request.headers["X-Gateway-Token"] == "let-me-in"


async def test_days_of_attempts_past_retention_are_dropped_and_coming_ones_made(db, owner_url):
    long_ago, day = datetime(2020, 1, 1, tzinfo=UTC), "webhook_attempt_log_p20200101"
    with psycopg.connect(owner_url, autocommit=True) as admin:
        admin.execute("SET ROLE corebilling_owner")
        admin.execute(f"CREATE TABLE {day} (LIKE webhook_attempt_log INCLUDING ALL)")
        admin.execute(
            f"ALTER TABLE webhook_attempt_log ATTACH PARTITION {day} FOR VALUES FROM "
            "('016f5e66-e800-7000-8000-000000000000') TO ('016f638d-4400-7000-8000-000000000000')"
        )
        admin.execute("DROP TABLE webhook_attempt_log_p" + (wall_clock() + timedelta(days=7)).strftime("%Y%m%d"))
        for attempt_id in ("016f5e66-e800-7000-8000-000000000001", "016f0000-e800-7000-8000-000000000001", new_id()):
            admin.execute(
                "INSERT INTO webhook_attempt_log (tenant_id, delivery_id, attempt_id, attempted_at, duration_ms) "
                "VALUES (%s, %s, %s, %s, 1)",
                (new_id(), new_id(), attempt_id, long_ago),
            )
        await WebhookHousekeeping(db, wall_clock, keep_days=30).run()
        [(kept,)] = admin.execute("SELECT count(*) FROM webhook_attempt_log WHERE attempted_at = %s", (long_ago,))
        partitions = {
            name
            for (name,) in admin.execute(
                "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'webhook_attempt_log'::regclass"
            )
        }
    assert kept == 1
    assert day not in partitions
    coming = {f"webhook_attempt_log_p{wall_clock() + timedelta(days=n):%Y%m%d}" for n in range(8)}
    assert coming <= partitions


async def test_what_ended_long_ago_is_forgotten_and_what_waits_is_not(
    db, new_tenant, receivers, publish, customer_created, delivering
):
    tenant, waiting, receiver = await new_tenant(), await new_tenant(), await receivers()
    await tenant.endpoint(receiver.url)
    await waiting.endpoint(receiver.url)
    await publish(*[customer_created(tenant.id, n) for n in range(3)])
    async with delivering():
        await tenant.settled(3)
    await publish(customer_created(waiting.id))

    async def messages() -> dict:
        async with db.system() as tx:
            cursor = await tx.conn.execute("SELECT tenant_id, count(*) FROM webhook_messages GROUP BY tenant_id")
            return dict(await cursor.fetchall())

    await WebhookHousekeeping(db, wall_clock, keep_days=30).run()
    assert len(await tenant.deliveries()) == 3
    await WebhookHousekeeping(db, lambda: wall_clock() + timedelta(days=31), keep_days=30).run()
    assert await tenant.deliveries() == []
    assert [delivery.status for delivery in await waiting.deliveries()] == ["pending"]
    left = await messages()
    assert tenant.id not in left
    assert left[waiting.id] == 1


async def test_a_delivery_whose_message_is_gone_is_given_up_instead_of_coming_back_for_ever(
    db, owner_url, new_tenant, receivers, publish, customer_created, delivering
):
    tenant, receiver = await new_tenant(), await receivers()
    await tenant.endpoint(receiver.url)
    await publish(customer_created(tenant.id))
    with psycopg.connect(owner_url, autocommit=True) as admin:
        admin.execute("DELETE FROM webhook_messages WHERE tenant_id = %s", (tenant.id,))
    async with delivering(), asyncio.timeout(30), db.system() as tx:
        while True:
            cursor = await tx.conn.execute(
                "SELECT status, last_error FROM webhook_deliveries WHERE tenant_id = %s", (tenant.id,)
            )
            [(status, error)] = await cursor.fetchall()
            if status != "pending":
                break
            await asyncio.sleep(0.02)
    assert (status, error) == ("dead_letter", "what it was to send is past its retention; replay the event")
    assert receiver.received == []
