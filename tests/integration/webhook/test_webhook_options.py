"""What endpoints may ask for, and deliveries that are asked for again by filter."""

from datetime import UTC, datetime, timedelta

import pytest

from corebilling.kernel.errors import Unavailable
from corebilling.platform.clock import wall_clock
from corebilling.platform.secrets import SecretBox, generate_key
from corebilling.webhook.schemas import EndpointPatch
from corebilling.webhook.service import WebhookService

ENDPOINTS = "/v1/webhook-endpoints"
DELIVERIES = "/v1/webhook-deliveries"
URL = "https://example.com/hooks"
TOKEN = "Bearer very-secret"


async def test_headers_are_kept_encrypted_shown_by_name_and_changed_one_by_one(db, clients, secret_box):
    client, _ = clients
    made = await client.post(ENDPOINTS, json={"url": URL, "headers": {"Authorization": TOKEN, "X-Team": "billing"}})
    assert made.status_code == 201, made.text
    path = f"{ENDPOINTS}/{made.json()['id']}"
    assert made.json()["headers"] == {"Authorization": "(hidden)", "X-Team": "(hidden)"}
    change = {"headers": {"authorization": "(hidden)", "X-Team": None, "X-Area": "eu"}}
    changed = await client.patch(path, json=change)
    assert changed.json()["headers"] == {"authorization": "(hidden)", "X-Area": "(hidden)"}
    for answer in (made, changed, await client.get(path), await client.get(ENDPOINTS)):
        assert TOKEN not in answer.text
    async with db.tenant(client.tenant.id) as tx:
        cursor = await tx.conn.execute("SELECT headers_sealed, e::text FROM webhook_endpoints e")
        [(sealed, row)] = await cursor.fetchall()
    assert TOKEN not in row
    assert secret_box.open(sealed) == f'{{"authorization":"{TOKEN}","X-Area":"eu"}}'
    assert (await client.patch(path, json={"headers": {"X-Area": None, "Authorization": None}})).json()["headers"] == {}


REFUSED = [
    ({"headers": {"Host": "inside"}}, "/headers/Host"),
    ({"headers": {"webhook-id": "1"}}, "/headers/webhook-id"),
    ({"headers": {"X-SIGNATURE": "mine"}}, "/headers/X-SIGNATURE"),
    ({"headers": {"Content-Length": "0"}}, "/headers/Content-Length"),
    ({"headers": {"Transfer-Encoding": "chunked"}}, "/headers/Transfer-Encoding"),
    ({"headers": {"Transfer_Encoding": "chunked"}}, "/headers/Transfer_Encoding"),
    ({"headers": {"webhook_Signature": "v1,x"}}, "/headers/webhook_Signature"),
    ({"headers": {"X-A": "one\r\nX-B: two"}}, "/headers/X-A"),
    ({"headers": {"X A": "one"}}, "/headers/X A"),
    ({"headers": {"X-A": "(hidden)"}}, "/headers/X-A"),
    ({"headers": {f"X-{n}": "1" for n in range(21)}}, "/headers"),
    ({"rate_limit": 0}, "/rate_limit"),
    ({"max_concurrency": 101}, "/max_concurrency"),
    ({"retry_schedule": []}, "/retry_schedule"),
    ({"retry_schedule": [5, 86_401]}, "/retry_schedule/1"),
    ({"signature": "rsa"}, "/signature"),
]


async def test_options_that_there_can_not_be_are_refused_naming_the_field(clients):
    client, _ = clients
    for fields, pointer in REFUSED:
        refused = await client.post(ENDPOINTS, json={"url": URL, **fields})
        assert refused.status_code == 422, (fields, refused.text)
        assert refused.json()["errors"][0]["pointer"] == pointer
        assert "one\r\n" not in refused.text
    assert (await client.get(ENDPOINTS)).json()["data"] == []


async def test_a_lost_encryption_key_hides_headers_and_public_key_and_nothing_else(db, new_tenant, tenants):
    tenant = await new_tenant()
    made = await tenant.endpoint(URL, headers={"X-Team": "billing"}, signature="both")
    other = WebhookService(
        clock=wall_clock, tenants=tenants, secret_box=SecretBox([generate_key()]), allow_private_targets=True
    )
    async with db.tenant(tenant.id) as tx:
        [shown] = await other.list_endpoints(tx, tenant.id, after=None, limit=5)
        assert (shown.id, shown.headers, shown.public_key) == (made.id, None, None)
        off = await other.update_endpoint(tx, tenant.id, made.id, EndpointPatch(status="disabled"))
        assert off.status == "disabled"
        with pytest.raises(Unavailable):
            await other.update_endpoint(tx, tenant.id, made.id, EndpointPatch(headers={"X-Area": "eu"}))
        again = await other.rotate_secret(tx, tenant.id, made.id)
        assert again.public_key is not None
    async with db.tenant(tenant.id) as tx:
        assert (await tenant.service.get_endpoint(tx, tenant.id, made.id)).headers == {"X-Team": "(hidden)"}


async def test_pace_and_schedule_are_set_and_given_back_to_the_installation(clients):
    client, _ = clients
    wanted = {"rate_limit": 50, "max_concurrency": 4, "retry_schedule": [5, 300, 1800]}
    made = (await client.post(ENDPOINTS, json={"url": URL, **wanted})).json()
    assert {name: made[name] for name in wanted} == wanted
    path = f"{ENDPOINTS}/{made['id']}"
    changed = (await client.patch(path, json={"rate_limit": None, "retry_schedule": [60]})).json()
    assert (changed["rate_limit"], changed["max_concurrency"], changed["retry_schedule"]) == (None, 4, [60])


async def test_a_public_key_comes_with_ed25519_and_changes_with_the_secret_only(clients):
    client, _ = clients
    made = (await client.post(ENDPOINTS, json={"url": URL})).json()
    path = f"{ENDPOINTS}/{made['id']}"
    assert (made["signature"], made["public_key"]) == ("hmac", None)
    both = (await client.patch(path, json={"signature": "both"})).json()
    assert both["public_key"].startswith("whpk_")
    assert "whsk_" not in str(both)
    back = (await client.patch(path, json={"signature": "hmac"})).json()
    again = (await client.patch(path, json={"signature": "ed25519", "description": "x"})).json()
    assert back["public_key"] == again["public_key"] == both["public_key"]
    rotated = (await client.post(f"{path}/rotate-secret")).json()
    assert rotated["public_key"] != both["public_key"]
    assert datetime.fromisoformat(rotated["previous_secret_until"]) > datetime.now(UTC) + timedelta(hours=23)


async def test_a_tenants_own_event_is_known_by_the_tenants_words(clients, publish, customer_created, custom_event):
    client, _ = clients
    tenant = client.tenant
    for subjects in (["order.*"], ["order.shipped", "invoice.*"], ["customer.*"], ["*"]):
        made = await client.post(ENDPOINTS, json={"url": URL, "subjects": subjects})
        assert made.status_code == 201, made.text
    refused = await client.post(ENDPOINTS, json={"url": URL, "subjects": ["custom.published"]})
    assert refused.json()["errors"][0]["pointer"] == "/subjects/0"
    event = custom_event(tenant.id, "order.shipped", b'{"weight": 1.50, "b":null}')
    await publish(event, customer_created(tenant.id))
    found = (await client.get(DELIVERIES, params={"event_id": str(event.id)})).json()["data"]
    assert [row["subject"] for row in found] == ["order.shipped"] * 3
    detail = (await client.get(f"{DELIVERIES}/{found[0]['id']}")).json()
    assert detail["body"].startswith('{"type":"order.shipped","timestamp":')
    assert detail["body"].endswith('"data":{"weight": 1.50, "b":null}}'), "passed on byte for byte"
    assert len((await client.get(DELIVERIES, params={"subject": "order.*"})).json()["data"]) == 3
    assert len((await client.get(DELIVERIES, params={"subject": "customer.created"})).json()["data"]) == 2
    assert (await client.get(DELIVERIES, params={"subject": "order"})).json()["data"] == []


async def give_up(db, tenant) -> None:
    """All that waits becomes a dead letter."""
    async with db.system() as tx:
        await tx.conn.execute(
            "UPDATE webhook_deliveries SET status = 'dead_letter', next_attempt_at = NULL, attempts = 6 WHERE tenant_id = %s",
            (tenant.id,),
        )


async def test_dead_letters_since_a_time_are_delivered_again_the_oldest_first(db, clients, publish, customer_created):
    mine, theirs = clients
    endpoint, other = [(await mine.post(ENDPOINTS, json={"url": URL})).json() for _ in range(2)]
    await theirs.post(ENDPOINTS, json={"url": URL})
    await publish(customer_created(mine.tenant.id), customer_created(theirs.tenant.id))
    between = datetime.now(UTC) + timedelta(milliseconds=2)
    while datetime.now(UTC) <= between:
        pass
    await publish(*[customer_created(mine.tenant.id, n) for n in range(3)])
    await give_up(db, mine.tenant)
    await give_up(db, theirs.tenant)
    path = f"{ENDPOINTS}/{endpoint['id']}/redeliver-failed"
    since = {"since": between.isoformat()}
    assert (await theirs.post(path, json=since)).status_code == 404

    listed = (await mine.get(DELIVERIES, params={"endpoint_id": endpoint["id"], "from": between.isoformat()})).json()
    oldest_first = [row["id"] for row in reversed(listed["data"])]
    assert len(oldest_first) == 3
    assert len((await mine.get(DELIVERIES, params={"to": between.isoformat()})).json()["data"]) == 2
    assert (await mine.post(path, json=since | {"limit": 2})).json() == {"redelivered": 2, "more": True}
    waiting = (await mine.get(DELIVERIES, params={"status": "pending"})).json()["data"]
    assert {row["id"] for row in waiting} == set(oldest_first[:2])
    assert {row["attempts"] for row in waiting} == {0}
    assert (await mine.post(path, json=since | {"limit": 2})).json() == {"redelivered": 1, "more": False}

    assert (await mine.patch(f"{ENDPOINTS}/{other['id']}", json={"status": "disabled"})).status_code == 200
    refused = await mine.post(f"{ENDPOINTS}/{other['id']}/redeliver-failed", json=since)
    assert (refused.status_code, refused.json()["code"]) == (409, "endpoint_disabled")
    every = await mine.post(f"{DELIVERIES}/redeliver", json={"subject": "customer.*"})
    assert (every.status_code, every.json()) == (202, {"redelivered": 1, "more": False}), "none to the disabled one"
    dead = (await theirs.get(DELIVERIES, params={"status": "dead_letter"})).json()["data"]
    assert len(dead) == 1


async def test_what_waits_for_a_retry_comes_forward_and_what_a_worker_holds_does_not(
    db, clients, publish, customer_created
):
    client, _ = clients
    endpoint = (await client.post(ENDPOINTS, json={"url": URL})).json()
    await publish(*[customer_created(client.tenant.id, n) for n in range(3)])
    waiting, held, untried = (await client.get(DELIVERIES)).json()["data"]
    change = (
        "UPDATE webhook_deliveries SET attempts = 3, next_attempt_at = %s, leased_until = %s WHERE delivery_id = %s"
    )
    later = datetime.now(UTC) + timedelta(hours=10)
    async with db.system() as tx:
        await tx.conn.execute(change, (later, None, waiting["id"]))
        await tx.conn.execute(change, (later, later, held["id"]))
    since = {"since": "2026-01-01T00:00:00Z"}
    answer = await client.post(f"{ENDPOINTS}/{endpoint['id']}/redeliver-failed", json=since)
    assert answer.json() == {"redelivered": 1, "more": False}
    attempts = {row["id"]: row["attempts"] for row in (await client.get(DELIVERIES)).json()["data"]}
    assert attempts == {waiting["id"]: 0, held["id"]: 3, untried["id"]: 0}


async def test_what_was_delivered_comes_again_only_since_a_time(clients):
    client, _ = clients
    refused = await client.post(f"{DELIVERIES}/redeliver", json={"status": "delivered"})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/since")
    ancient = {"status": "delivered", "since": "0001-01-01T00:00:00Z", "until": "9999-12-31T00:00:00Z"}
    assert (await client.post(f"{DELIVERIES}/redeliver", json=ancient)).json() == {"redelivered": 0, "more": False}


async def test_an_endpoint_that_was_disabled_is_taken_up_again(clients):
    client, _ = clients
    made = (await client.post(ENDPOINTS, json={"url": URL})).json()
    path = f"{ENDPOINTS}/{made['id']}"
    off = (await client.patch(path, json={"status": "disabled"})).json()
    still = (await client.patch(path, json={"description": "later"})).json()
    assert off["disabled_at"] is not None
    assert still["disabled_at"] == off["disabled_at"]
    on = (await client.patch(path, json={"status": "active"})).json()
    assert (on["status"], on["disabled_at"], on["disabled_reason"]) == ("active", None, None)
