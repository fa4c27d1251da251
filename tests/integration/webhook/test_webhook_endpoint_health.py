"""What becomes of endpoints that are off, fail, or can't be trusted or signed for."""

import asyncio
import json
import ssl
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from corebilling.platform.secrets import SecretBox, generate_key
from corebilling.webhook.schemas import EndpointPatch


async def test_410_disables_the_endpoint_and_gives_up_what_waits(
    db, service, new_tenant, receivers, publish, customer_created, delivering
):
    tenant, receiver = await new_tenant(), await receivers(410)
    endpoint = await tenant.endpoint(receiver.url)
    await publish(customer_created(tenant.id))
    async with delivering():
        [delivery] = await tenant.settled()
        async with db.tenant(tenant.id) as tx:
            disabled = await service.get_endpoint(tx, tenant.id, endpoint.id)
    assert delivery.status == "dead_letter"
    assert (disabled.status, disabled.disabled_reason) == ("disabled", "gone")
    await publish(customer_created(tenant.id))
    assert len(await tenant.deliveries()) == 1
    async with db.tenant(tenant.id) as tx:
        back = await service.update_endpoint(tx, tenant.id, endpoint.id, EndpointPatch(status="active"))
    assert (back.status, back.disabled_reason, back.failing_since) == ("active", None, None)


async def disabled_events(db, tenant) -> list[dict]:
    """The payloads of the events that told of endpoints that were disabled."""
    async with db.system() as tx:
        cursor = await tx.conn.execute(
            "SELECT payload::jsonb::text FROM billing_events WHERE tenant_id = %s AND subject = 'webhook.endpoint.disabled'",
            (tenant.id,),
        )
        return [json.loads(payload) for (payload,) in await cursor.fetchall()]


async def test_that_410_disabled_it_is_told_once_however_many_workers_heard_it(
    db, new_tenant, receivers, publish, customer_created, delivering
):
    tenant, receiver = await new_tenant(), await receivers(410)
    endpoint = await tenant.endpoint(receiver.url)
    await publish(*[customer_created(tenant.id, n) for n in range(30)])
    async with delivering(), delivering(), delivering():
        await tenant.settled(30)
    [event] = await disabled_events(db, tenant)
    assert (event["endpoint_id"], event["url"], event["reason"]) == (str(endpoint.id), receiver.url, "gone")


async def test_that_it_failed_for_too_long_is_told_once_with_since_when(
    db, service, new_tenant, receivers, publish, customer_created, delivering
):
    tenant, receiver = await new_tenant(), await receivers(500)
    endpoint = await tenant.endpoint(receiver.url)
    await publish(*[customer_created(tenant.id, n) for n in range(10)])
    async with (
        delivering(give_up_after=timedelta(milliseconds=30)),
        delivering(give_up_after=timedelta(milliseconds=30)),
    ):
        await tenant.settled(10)
    [event] = await disabled_events(db, tenant)
    async with db.tenant(tenant.id) as tx:
        row = await service.get_endpoint(tx, tenant.id, endpoint.id)
    assert event["reason"] == "failing"
    assert datetime.fromisoformat(event["failing_since"]) == row.failing_since
    assert datetime.fromisoformat(event["disabled_at"]) == row.disabled_at


async def test_a_short_spell_of_failure_disables_nothing(
    db, new_tenant, receivers, publish, customer_created, delivering
):
    tenant, receiver = await new_tenant(), await receivers(500, 500, 204)
    await tenant.endpoint(receiver.url)
    await publish(customer_created(tenant.id))
    async with delivering():
        await tenant.settled()
    assert await disabled_events(db, tenant) == []


async def test_deliveries_of_a_disabled_or_deleted_endpoint_are_given_up_untried(
    db, service, new_tenant, receivers, publish, customer_created, delivering
):
    tenant, receiver = await new_tenant(), await receivers()
    disabled, deleted = await tenant.endpoint(receiver.url), await tenant.endpoint(receiver.url)
    await publish(customer_created(tenant.id))
    async with db.tenant(tenant.id) as tx:
        await service.update_endpoint(tx, tenant.id, disabled.id, EndpointPatch(status="disabled"))
        await service.delete_endpoint(tx, tenant.id, deleted.id)
    async with delivering():
        found = await tenant.settled(2)
    assert {(d.status, d.last_error) for d in found} == {
        ("dead_letter", "the endpoint is disabled"),
        ("dead_letter", "the endpoint was deleted"),
    }
    assert receiver.received == []


async def test_an_endpoint_that_failed_for_too_long_is_disabled(
    db, service, new_tenant, receivers, publish, customer_created, delivering
):
    tenant, receiver = await new_tenant(), await receivers(500)
    endpoint = await tenant.endpoint(receiver.url)
    await publish(customer_created(tenant.id))
    async with delivering(give_up_after=timedelta(milliseconds=1)):
        await tenant.settled()
        async with db.tenant(tenant.id) as tx:
            after = await service.get_endpoint(tx, tenant.id, endpoint.id)
    assert (after.status, after.disabled_reason) == ("disabled", "failing")
    assert after.failing_since is not None


async def test_a_success_ends_the_spell_of_failure(
    db, service, new_tenant, receivers, publish, customer_created, delivering
):
    tenant, receiver = await new_tenant(), await receivers(500, 204)
    endpoint = await tenant.endpoint(receiver.url)
    await publish(customer_created(tenant.id))
    async with delivering():
        await tenant.settled()
        async with db.tenant(tenant.id) as tx:
            assert (await service.get_endpoint(tx, tenant.id, endpoint.id)).failing_since is None


async def test_a_missing_encryption_key_is_not_held_against_the_endpoint(
    db, service, new_tenant, receivers, publish, customer_created, delivering
):
    tenant, receiver = await new_tenant(), await receivers()
    endpoint = await tenant.endpoint(receiver.url)
    await publish(customer_created(tenant.id))
    [before] = await tenant.deliveries()
    quick = {"timeout_seconds": 0.2, "lease_slack_seconds": 0.1}
    async with delivering(secret_box=SecretBox([generate_key()]), **quick), asyncio.timeout(30):
        while (await tenant.deliveries())[0].next_attempt_at == before.next_attempt_at:
            await asyncio.sleep(0.02)
    async with delivering():
        [delivery] = await tenant.settled()
    assert (delivery.status, delivery.attempts) == ("delivered", 1)
    async with db.tenant(tenant.id) as tx:
        assert (await service.get_endpoint(tx, tenant.id, endpoint.id)).failing_since is None


async def test_a_certificate_that_nobody_vouches_for_is_refused(
    new_tenant, publish, customer_created, delivering, tmp_path
):
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    cert = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1)).sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = tmp_path / "self-signed.pem"
    pem.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + cert.public_bytes(Encoding.PEM)
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    tenant = await new_tenant()
    await tenant.endpoint(f"https://localhost:{server.sockets[0].getsockname()[1]}/")
    await publish(customer_created(tenant.id))
    async with delivering(max_retries=0):
        [delivery] = await tenant.settled()
    server.close()
    assert delivery.status == "dead_letter"
    assert "certificate" in delivery.last_error.lower()
