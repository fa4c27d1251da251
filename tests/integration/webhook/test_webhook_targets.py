"""Deliveries never reach the network that the product runs in, whatever a URL or a name says."""

import socket

import aiohttp
import pytest
from yarl import URL

from corebilling.kernel.errors import Invalid
from corebilling.platform.clock import wall_clock
from corebilling.platform.outbound.connections import OutboundSessions
from corebilling.webhook.schemas import EndpointCreate, EndpointPatch
from corebilling.webhook.service import WebhookService

SPELLINGS = ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]"]


async def aim(db, tenant, endpoint, url: str) -> None:
    """Put a URL behind the checks of the API, as a name that is resolved anew may do."""
    async with db.tenant(tenant.id) as tx:
        await tx.conn.execute("UPDATE webhook_endpoints SET url = %s WHERE endpoint_id = %s", (url, endpoint.id))


@pytest.mark.parametrize("host", SPELLINGS)
async def test_loopback_is_refused_in_every_spelling_though_the_row_says_so(
    host, db, new_tenant, receivers, publish, customer_created, delivering
):
    tenant, receiver = await new_tenant(), await receivers()
    endpoint = await tenant.endpoint(receiver.url)
    port = receiver.url.split(":")[2]
    await aim(db, tenant, endpoint, f"https://{host}:{port}")
    await publish(customer_created(tenant.id))
    async with delivering(allow_private_targets=False, max_retries=0):
        [delivery] = await tenant.settled()
    assert delivery.status == "dead_letter"
    assert "private or loopback" in delivery.last_error
    assert receiver.received == []


async def test_a_public_looking_name_that_resolves_to_loopback_is_refused_when_connecting(
    monkeypatch, db, new_tenant, receivers, publish, customer_created, delivering
):
    real = socket.getaddrinfo

    def rebound(host, *arguments, **keywords):
        return real("127.0.0.1" if host == "hooks.example.com" else host, *arguments, **keywords)

    tenant, receiver = await new_tenant(), await receivers()
    endpoint = await tenant.endpoint(receiver.url)
    await aim(db, tenant, endpoint, f"https://hooks.example.com:{receiver.url.split(':')[2]}")
    await publish(customer_created(tenant.id))
    monkeypatch.setattr(socket, "getaddrinfo", rebound)
    async with delivering(allow_private_targets=False, max_retries=0):
        [delivery] = await tenant.settled()
    assert delivery.status == "dead_letter"
    assert delivery.last_error == "127.0.0.1 is a private or loopback address, which deliveries don't go to"
    assert receiver.received == []


async def test_no_address_that_a_name_resolves_to_is_a_way_in(
    monkeypatch, db, new_tenant, receivers, publish, customer_created, delivering
):
    """All forms at once: whichever is tried after the ones before were refused is judged as well."""
    real = socket.getaddrinfo
    v4 = ("203.0.113.9", "127.0.0.1", "10.0.0.1", "169.254.169.254", "168.63.129.16", "0.0.0.0")
    v6 = (
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "::1",
        "fe80::1",
        "fd00:ec2::254",
        "::7f00:1",
        "2001::1",
    )

    def many(host, port, *arguments, **keywords):
        if host != "hooks.example.com":
            return real(host, port, *arguments, **keywords)
        return [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", (a, port, 0, 0)) for a in v6] + [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in v4
        ]

    tenant, receiver = await new_tenant(), await receivers()
    endpoint = await tenant.endpoint(receiver.url)
    await aim(db, tenant, endpoint, f"https://hooks.example.com:{receiver.url.split(':')[2]}")
    await publish(customer_created(tenant.id))
    monkeypatch.setattr(socket, "getaddrinfo", many)
    async with delivering(allow_private_targets=False, max_retries=2):
        [delivery] = await tenant.settled()
    assert (delivery.status, delivery.attempts, delivery.last_status) == ("dead_letter", 3, None)
    assert receiver.received == []


async def test_a_name_that_changes_its_answer_is_judged_at_every_connection(monkeypatch, receivers):
    real, receiver = socket.getaddrinfo, await receivers()
    answers = ["127.0.0.1", "169.254.169.254", "127.0.0.1", "fd20:ce::254"]

    def rebound(host, *arguments, **keywords):
        return real(answers.pop(0) if host == "hooks.example.com" else host, *arguments, **keywords)

    monkeypatch.setattr(socket, "getaddrinfo", rebound)
    url = URL(receiver.url).with_host("hooks.example.com")
    outcomes = []
    async with OutboundSessions(timeout_seconds=5, max_connections=4, name="test", dns_seconds=0) as sessions:
        while answers:
            try:
                async with sessions.session(private=True).post(url, headers={"Connection": "close"}) as response:
                    outcomes.append(response.status)
            except aiohttp.ClientConnectorError as error:
                outcomes.append(str(error.os_error))
    services = "{} is a metadata service".format
    assert outcomes == [204, services("169.254.169.254"), 204, services("fd20:ce::254")]


async def test_the_setting_alone_lets_no_tenant_but_a_sandbox_call_private_targets(
    db, new_tenant, receivers, publish, customer_created, delivering
):
    sandbox, live = await new_tenant(), await new_tenant(sandbox=False)
    receiver = await receivers()
    await sandbox.endpoint(receiver.url)
    with pytest.raises(Invalid):
        await live.endpoint(receiver.url)
    endpoint = await live.endpoint("https://hooks.example.com")
    await aim(db, live, endpoint, receiver.url.replace("http:", "https:"))
    await publish(customer_created(sandbox.id), customer_created(live.id))
    async with delivering(max_retries=0):
        [reached], [refused] = await sandbox.settled(), await live.settled()
    assert reached.status == "delivered"
    assert refused.status == "dead_letter"
    assert "private or loopback" in refused.last_error
    assert [request.headers["X-Tenant-ID"] for request in receiver.received] == [str(sandbox.id)]


async def test_metadata_services_are_refused_even_where_private_targets_are_allowed(new_tenant):
    tenant = await new_tenant()
    for host in ("169.254.169.254", "[fd00:ec2::254]", "0.0.0.0", "224.0.0.1", "[fe80::1]"):
        with pytest.raises(Invalid) as refused:
            await tenant.endpoint(f"http://{host}/latest")
        assert refused.value.fields[0].pointer == "/url"


async def test_an_endpoint_can_neither_be_made_nor_moved_to_a_private_address(db, tenants, secret_box, new_tenant):
    service = WebhookService(
        clock=wall_clock,
        tenants=tenants,
        secret_box=secret_box,
        allow_private_targets=False,
    )
    tenant = await new_tenant()
    async with db.tenant(tenant.id) as tx:
        made = await service.create_endpoint(tx, tenant.id, EndpointCreate(url="https://hooks.example.com/x"))
    for host in (*SPELLINGS, "10.1.2.3", "[::1]", "[fc00::1]", "metadata.google.internal"):
        async with db.tenant(tenant.id) as tx:
            with pytest.raises(Invalid):
                await service.create_endpoint(tx, tenant.id, EndpointCreate(url=f"https://{host}/"))
            with pytest.raises(Invalid):
                await service.update_endpoint(tx, tenant.id, made.id, EndpointPatch(url=f"https://{host}/"))
