"""The guide for receivers, run: its Python against a request that was really delivered, its commands against the API's types."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from standardwebhooks import WebhookVerificationError

from corebilling.webhook.api import ROUTES
from corebilling.webhook.domain import signing
from corebilling.webhook.schemas import EndpointCreate, EndpointPatch
from corebilling.webhook.schemas_log import RedeliverFailed, RedeliverMatching

GUIDE = (Path(__file__).resolve().parents[3] / "docs" / "guides" / "webhooks.md").read_text()
ENDPOINT, DELIVERIES = "/v1/webhook-endpoints/{endpoint_id:uuid}", "/v1/webhook-deliveries"
BODIES = {
    ("POST", "/v1/webhook-endpoints"): EndpointCreate,
    ("PATCH", ENDPOINT): EndpointPatch,
    ("POST", f"{ENDPOINT}/redeliver-failed"): RedeliverFailed,
    ("POST", f"{DELIVERIES}/redeliver"): RedeliverMatching,
}

Verify = Callable[[str, dict[str, str], bytes], Any]


def examples() -> dict[str, Verify]:
    """What each block of Python in the guide defines, by the library that it shows."""
    found: dict[str, Verify] = {}
    for block in re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL):
        names: dict[str, Any] = {}
        exec(compile(block, "docs/guides/webhooks.md", "exec"), names)
        library = next((word for word in ("standardwebhooks", "svix", "cryptography") if word in block), "hmac")
        found[library] = names["verified"]
    return found


def refused(verify: Verify, secret: str, headers: dict[str, str], body: bytes) -> bool:
    """Whether the example raises what says that the delivery isn't ours."""
    try:
        verify(secret, headers, body)
    except (ValueError, WebhookVerificationError):
        return True
    return False


async def test_every_example_takes_a_real_delivery_and_refuses_another(
    new_tenant, receivers, publish, customer_created, delivering
) -> None:
    tenant, receiver = await new_tenant(), await receivers(204)
    endpoint = await tenant.endpoint(
        receiver.url, "customer.*", signature="both", headers={"Authorization": "Bearer one-of-yours"}
    )
    event = customer_created(tenant.id)
    await publish(event)
    async with delivering():
        [request] = await receiver.wait_for(1)
        await tenant.settled()
    async with tenant.db.tenant(tenant.id) as tx:
        rotated = await tenant.service.rotate_secret(tx, tenant.id, endpoint.id)
    await publish(second := customer_created(tenant.id))
    async with delivering():
        _, request_after = await receiver.wait_for(2)
        deliveries = await tenant.settled(2)

    secrets = {"cryptography": (endpoint.public_key, rotated.public_key)}
    shown = examples()
    assert shown.keys() == {"standardwebhooks", "svix", "cryptography", "hmac"}
    headers = {name.lower(): value for name, value in request.headers.items()}
    headers_after = {name.lower(): value for name, value in request_after.headers.items()}
    for library, verify in shown.items():
        old, new = secrets.get(library, (endpoint.secret, rotated.secret))
        assert verify(old, headers, request.body)["id"] == str(event.id), library
        assert verify(new, headers_after, request_after.body)["id"] == str(second.id), library
        if library != "hmac":  # two live keys
            assert verify(old, headers_after, request_after.body)["id"] == str(second.id), library
            for stale in ("1700000000", "4000000000"):
                assert refused(verify, old, headers | {"webhook-timestamp": stale}, request.body), library
            assert refused(verify, old, headers | {"webhook-id": str(second.id)}, request.body), library
        assert refused(verify, new, headers, request.body), f"{library} took a key that hadn't signed"
        assert refused(verify, old, headers, request.body.replace(b"EUR", b"USD")), library
    stranger = signing.public_key_text(Ed25519PrivateKey.generate())
    assert refused(shown["cryptography"], stranger, headers, request.body)

    assert headers["authorization"] == "Bearer one-of-yours"
    [first] = [delivery for delivery in deliveries if delivery.event_id == event.id]
    async with tenant.db.tenant(tenant.id) as tx:
        detail = await tenant.log.get(tx, tenant.id, first.id)
    [attempt] = detail.attempts_log
    assert attempt.url == receiver.url
    assert detail.body.encode() == request.body
    hidden = {"authorization": "(hidden)", "x-signature": "sbwh_sig=v1:(hidden)"}
    logged = {name.lower(): value for name, value in attempt.request_headers.items()}
    assert logged == {name: value for name, value in headers.items() if name in logged} | hidden
    assert headers.keys() - logged.keys() <= {"host", "accept", "accept-encoding", "content-length"}


def test_every_command_is_a_request_that_the_api_takes() -> None:
    routes = {(method, path) for route in ROUTES for method in route.http_methods for path in route.paths}
    commands = re.findall(r"curl -X (\w+) \$URL(/\S+)[^']*?-d '(\{.*?\})'", GUIDE, re.DOTALL)
    assert len(commands) == GUIDE.count("curl ") == 5
    for method, path, body in commands:
        asked = (method, path.replace("$ID", "{endpoint_id:uuid}"))
        assert asked in routes
        msgspec.convert(json.loads(body), BODIES[asked])


def test_every_route_that_the_guide_names_exists() -> None:
    paths = {re.sub(r"\{\w+:uuid\}", "{id}", path) for route in ROUTES for path in route.paths}
    named = set(re.findall(r"`(?:GET|POST|PATCH) (/v1/webhook-[^\s`]+)`", GUIDE))
    assert len(named) > 5
    assert named <= paths
