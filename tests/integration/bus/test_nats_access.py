"""Connections to a NATS that encrypts, asks for certificates, or knows its users by their JWTs."""

from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from corebilling.kernel.errors import Invalid
from corebilling.platform.bus.nats import NatsBus
from corebilling.platform.bus.nats_access import NatsAccess
from corebilling.platform.bus.port import ACKNOWLEDGED, OutgoingMessage
from nats_secured import SecuredNats, certificates, user_known_by_jwt


async def _passes(url: str, access: NatsAccess) -> None:
    bus = NatsBus(url, access=access)
    await bus.connect()
    try:
        subscription = await bus.consume("access", ["plan.created"])
        sent = await bus.publish([OutgoingMessage(str(uuid4()), "plan.created", uuid4(), b"{}")])
        assert sent == [ACKNOWLEDGED]
        assert len(await subscription.fetch(1, 5.0)) == 1
    finally:
        await bus.close()


async def test_a_server_that_encrypts_and_asks_for_a_certificate(reachable_path: Path) -> None:
    files = certificates(reachable_path)
    with SecuredNats(reachable_path / "nats", pem=files) as server:
        await _passes(server.url, NatsAccess(tls_ca=files["ca"], tls_cert=files["cert"], tls_key=files["key"]))


async def test_a_user_known_by_a_jwt(reachable_path: Path) -> None:
    configuration, creds = user_known_by_jwt(reachable_path)
    with SecuredNats(reachable_path / "nats", configuration) as server:
        await _passes(f"nats://127.0.0.1:{urlsplit(server.url).port}", NatsAccess(creds=creds))


async def test_a_password_is_not_told_to_a_server_that_does_not_encrypt(nats_url: str, tmp_path: Path) -> None:
    bus = NatsBus(nats_url, access=NatsAccess(tls_ca=certificates(tmp_path)["ca"]))
    with pytest.raises(Invalid, match="doesn't encrypt"):
        await bus.connect()


JWT = "-----BEGIN NATS USER JWT-----\na.b.c\n------END NATS USER JWT------\n"
DAMAGED = f"-----BEGIN USER NKEY SEED-----\nSU{'A' * 56}\n------END USER NKEY SEED------\n"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [("nothing", "without a NATS USER JWT"), (JWT, "without a USER NKEY SEED"), (JWT + DAMAGED, "seed is damaged")],
)
async def test_damaged_credentials_are_refused_in_a_sentence(tmp_path: Path, content: str, complaint: str) -> None:
    (tmp_path / "creds").write_text(content)
    with pytest.raises(Invalid, match=complaint):
        await NatsBus("nats://127.0.0.1:1", access=NatsAccess(creds=str(tmp_path / "creds"))).connect()
