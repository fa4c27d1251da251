"""The routes, with real keys of two tenants."""

import asyncio

import pytest

from corebilling.events.envelope import Envelope
from corebilling.events.webhook import WebhookTest
from corebilling.kernel.ids import new_id
from corebilling.platform import audit
from corebilling.platform.clock import wall_clock
from corebilling.webhook.handlers import HANDLERS
from corebilling.webhook.schemas import EndpointCreate
from corebilling.webhook.service import MOST_ENDPOINTS

ENDPOINTS = "/v1/webhook-endpoints"
DELIVERIES = "/v1/webhook-deliveries"


async def test_the_secret_is_shown_at_creation_and_rotation_only(clients):
    client, _ = clients
    made = await client.post(ENDPOINTS, json={"url": "https://example.com/hooks", "subjects": ["invoice.*"]})
    assert made.status_code == 201
    body = made.json()
    assert body["secret"].startswith("whsec_")
    assert (body["subjects"], body["status"]) == (["invoice.*"], "active")
    shown = await client.get(f"{ENDPOINTS}/{body['id']}")
    assert "secret" not in shown.json()
    listed = (await client.get(ENDPOINTS)).json()["data"]
    assert [row["id"] for row in listed] == [body["id"]]
    rotated = (await client.post(f"{ENDPOINTS}/{body['id']}/rotate-secret")).json()
    assert rotated["secret"] != body["secret"]


async def test_another_tenants_endpoints_and_deliveries_do_not_exist(clients, publish, customer_created):
    mine, theirs = clients
    made = (await mine.post(ENDPOINTS, json={"url": "https://example.com"})).json()
    await publish(customer_created(mine.tenant.id))
    [delivery] = (await mine.get(DELIVERIES)).json()["data"]
    path = f"{ENDPOINTS}/{made['id']}"
    for answer in (
        await theirs.get(path),
        await theirs.patch(path, json={"status": "disabled"}),
        await theirs.delete(path),
        await theirs.post(f"{path}/rotate-secret"),
        await theirs.post(f"{path}/test"),
        await theirs.get(f"{DELIVERIES}/{delivery['id']}"),
        await theirs.post(f"{DELIVERIES}/{delivery['id']}/redeliver"),
    ):
        assert answer.status_code == 404
    assert (await theirs.get(DELIVERIES, params={"endpoint_id": made["id"]})).json()["data"] == []
    assert (await mine.get(path)).json()["status"] == "active"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"url": "ftp://example.com"}, "/url"),
        ({"url": "http://169.254.169.254/latest"}, "/url"),
        ({"url": "https://example.com", "subjects": ["invoice.piad"]}, "/subjects/0"),
        ({"url": "https://example.com", "subjects": []}, "/subjects"),
        ({"url": "https://example.com", "secret": "mine"}, "/secret"),
        ({"url": 7}, "/url"),
        ({}, "/url"),
    ],
)
async def test_bad_endpoints_are_refused_naming_the_field(clients, body, pointer):
    answer = await clients[0].post(ENDPOINTS, json=body)
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_a_change_touches_only_what_was_sent_and_deletion_ends_it(clients):
    client, _ = clients
    made = (await client.post(ENDPOINTS, json={"url": "https://example.com", "description": "ours"})).json()
    path = f"{ENDPOINTS}/{made['id']}"
    changed = (await client.patch(path, json={"status": "disabled"})).json()
    assert (changed["status"], changed["disabled_reason"], changed["description"]) == ("disabled", "request", "ours")
    assert (await client.post(f"{path}/test")).status_code == 409
    assert (await client.patch(path, json={"url": "https://user@example.com"})).status_code in (400, 422)
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).status_code == 404


async def test_a_tenant_has_only_so_many_endpoints(clients):
    mine, theirs = clients
    for _ in range(50):
        assert (await mine.post(ENDPOINTS, json={"url": "https://example.com"})).status_code == 201
    refused = await mine.post(ENDPOINTS, json={"url": "https://example.com"})
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_webhook_endpoints")
    assert (await theirs.post(ENDPOINTS, json={"url": "https://example.com"})).status_code == 201


async def test_a_test_event_goes_through_the_outbox_to_its_endpoint_alone(db, service, clients, receivers, delivering):
    client, _ = clients
    tenant, receiver = client.tenant, await receivers()
    tested, _other = await tenant.endpoint(receiver.url, "invoice.paid"), await tenant.endpoint(receiver.url)
    assert (await client.post(f"{ENDPOINTS}/{tested.id}/test")).status_code == 202
    async with db.system() as tx:
        cursor = await tx.conn.execute(
            "SELECT count(*) FROM billing_events WHERE tenant_id = %s AND subject = 'webhook.test'", (tenant.id,)
        )
        assert await cursor.fetchone() == (1,)
    event = Envelope(
        new_id(), "webhook.test", 1, tenant.id, tested.id, 1, new_id(), None, None, wall_clock(),
        WebhookTest(tested.id, "a test"),
    )  # fmt: skip
    async with db.tenants([tenant.id]) as tx:
        await HANDLERS[WebhookTest](service, tx, [event])
    async with delivering():
        [request] = await receiver.wait_for(1)
        [delivery] = await tenant.settled()
    assert request.headers["X-Event-Type"] == "webhook.test"
    assert delivery.endpoint_id == tested.id


async def test_deliveries_are_listed_by_filter_and_page_with_their_attempts(
    clients, receivers, publish, customer_created, delivering
):
    client, _ = clients
    receiver = await receivers(204)
    made = (await client.post(ENDPOINTS, json={"url": receiver.url})).json()
    events = [customer_created(client.tenant.id, n) for n in range(3)]
    await publish(*events)
    async with delivering():
        await client.tenant.settled(3)
    first = (await client.get(DELIVERIES, params={"limit": 2, "status": "delivered"})).json()
    rest = (await client.get(DELIVERIES, params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert (len(first["data"]), len(rest["data"])) == (2, 1)
    assert rest["next_cursor"] is None
    [one] = (await client.get(DELIVERIES, params={"event_id": str(events[0].id)})).json()["data"]
    assert one["endpoint_id"] == made["id"]
    assert (await client.get(DELIVERIES, params={"status": "dead_letter"})).json()["data"] == []
    detail = (await client.get(f"{DELIVERIES}/{one['id']}")).json()
    assert [attempt["response_status"] for attempt in detail["attempts_log"]] == [204]
    again = await client.post(f"{DELIVERIES}/{one['id']}/redeliver")
    assert (again.status_code, again.json()["status"], again.json()["attempts"]) == (202, "pending", 0)


async def test_whatever_decides_where_events_go_or_who_can_sign_is_in_the_audit_trail(
    clients, db, publish, customer_created
):
    client, _ = clients
    made = (await client.post(ENDPOINTS, json={"url": "https://example.com"})).json()
    path = f"{ENDPOINTS}/{made['id']}"
    await publish(customer_created(client.tenant.id))
    [delivery] = (await client.get(DELIVERIES)).json()["data"]
    key = {"Idempotency-Key": "rotate-once"}
    for answer in (
        await client.patch(path, json={"url": "https://example.org"}),
        await client.post(f"{path}/rotate-secret", headers=key),
        await client.post(f"{DELIVERIES}/{delivery['id']}/redeliver"),
        await client.post(f"{DELIVERIES}/redeliver", json={}),
        await client.post(f"{path}/redeliver-failed", json={"since": "2026-01-01T00:00:00Z"}),
        await client.delete(path),
    ):
        assert answer.status_code < 300, answer.text
    assert (await client.post(f"{path}/rotate-secret", headers=key)).status_code == 409  # no second act, no second line
    async with db.tenant(client.tenant.id) as tx:
        lines = await audit.trail(tx, client.tenant.id, after=None, limit=50)
    assert [line.action for line in reversed(lines)] == [
        f"POST {ENDPOINTS}",
        f"PATCH {ENDPOINTS}/{{endpoint_id}}",
        f"POST {ENDPOINTS}/{{endpoint_id}}/rotate-secret",
        f"POST {DELIVERIES}/{{delivery_id}}/redeliver",
        f"POST {DELIVERIES}/redeliver",
        f"POST {ENDPOINTS}/{{endpoint_id}}/redeliver-failed",
        f"DELETE {ENDPOINTS}/{{endpoint_id}}",
    ]


async def test_endpoints_made_at_once_do_not_get_past_the_limit(clients, db):
    client, _ = clients
    for _ in range(MOST_ENDPOINTS - 1):
        await client.post(ENDPOINTS, json={"url": "https://example.com"})
    held = asyncio.Event()

    async def hold() -> None:
        async with db.tenant(client.tenant.id) as tx:
            await client.tenant.service.create_endpoint(tx, client.tenant.id, EndpointCreate(url="https://example.com"))
            held.set()
            await asyncio.sleep(
                0.2
            )  # as long as others have time to count past it, and no longer than they wait for it

    holding = asyncio.create_task(hold())
    await held.wait()
    answers = await asyncio.gather(*(client.post(ENDPOINTS, json={"url": "https://example.com"}) for _ in range(3)))
    await holding
    assert [answer.status_code for answer in answers] == [409] * 3
