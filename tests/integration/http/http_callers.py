"""Who calls in these tests: tenants' keys, and an identity provider that signs tokens."""

import time
from typing import Any, NamedTuple
from uuid import UUID

import jwt
import msgspec
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

ISSUER = "https://identity.example"
AUDIENCE = "corebilling"
TENANT_SCOPES = ["billing:read", "billing:write"]


class World(NamedTuple):
    """Two tenants, a suspended one, and everybody's keys."""

    one: UUID
    two: UUID
    suspended: UUID


_FIRST = rsa.generate_private_key(65537, 2048)  # made once: it takes its time


class KeyServer:
    """An identity provider's keys, published over HTTP."""

    def __init__(self) -> None:
        self.keys: dict[str, tuple[str, Any]] = {"rsa-1": ("RS256", _FIRST)}
        self.more: list[dict[str, Any]] = []
        self.fetched = 0
        self.url = ""

    def add(self, kid: str, algorithm: str) -> None:
        made: dict[str, Any] = {
            "RS256": lambda: rsa.generate_private_key(65537, 2048),
            "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
            "EdDSA": ed25519.Ed25519PrivateKey.generate,
        }
        self.keys[kid] = (algorithm, made[algorithm]())

    async def publish(self, _: web.Request) -> web.Response:
        self.fetched += 1
        as_jwk: dict[str, Any] = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}
        keys = [
            {**as_jwk[algorithm].to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig", "alg": algorithm}
            for kid, (algorithm, key) in self.keys.items()
        ]
        return web.Response(body=msgspec.json.encode({"keys": [*self.more, *keys]}), content_type="application/json")

    def token(self, kid: str = "rsa-1", *, signed_by: str | None = None, **claims: Any) -> str:
        algorithm, key = self.keys[signed_by or kid]
        filled = {
            "iss": ISSUER, "aud": AUDIENCE, "sub": "someone", "exp": time.time() + 60, "scope": " ".join(TENANT_SCOPES)
        } | claims  # fmt: skip
        kept = {name: value for name, value in filled.items() if value is not None}
        return jwt.encode(kept, key, algorithm=algorithm, headers={"kid": kid})


def key(name: str, **more: str) -> dict[str, str]:
    """Headers with an API key."""
    return {"X-API-Key": name, **more}


def bearer(token: str) -> dict[str, str]:
    """Headers with a token."""
    return {"Authorization": f"Bearer {token}"}
