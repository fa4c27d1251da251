"""How a delivery proves where it comes from.

Standard Webhooks (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md) over
`{id}.{timestamp}.{body}`: `v1` is HMAC-SHA256 with a shared secret (`whsec_`), `v1a` is ed25519 with a private key (`whsk_`)
whose public half (`whpk_`) receivers know. While keys rotate there is one signature for each. Beside it `X-Signature`, an
HMAC over the body alone with the newest secret, for receivers that can't build the signed text.
"""

import base64
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from corebilling.webhook.domain.custom_headers import HIDDEN

Scheme = Literal["hmac", "ed25519", "both"]
"""What `webhook-signature` holds: `v1`, `v1a`, or both kinds."""

PREFIX = "whsec_"
PRIVATE_PREFIX = "whsk_"
PUBLIC_PREFIX = "whpk_"
SECRET_BYTES = 32
SEED_BYTES = 32


def secret_text(key: bytes) -> str:
    """A signing key as tenants see it: `whsec_` and base64."""
    return PREFIX + base64.b64encode(key).decode()


def secret_key(text: str) -> bytes:
    """The bytes that sign, from what the tenant was shown. Raises ValueError for anything else."""
    return base64.b64decode(text.removeprefix(PREFIX), validate=True)


def private_key_text(seed: bytes) -> str:
    """An ed25519 key of `SEED_BYTES` as it is sealed: `whsk_` and base64. Nobody is ever shown it."""
    return PRIVATE_PREFIX + base64.b64encode(seed).decode()


def private_key(text: str) -> Ed25519PrivateKey:
    """The key that signs, from the text that was sealed. Raises ValueError for anything else. Costs as much as a signature."""
    return Ed25519PrivateKey.from_private_bytes(base64.b64decode(text.removeprefix(PRIVATE_PREFIX), validate=True))


def public_key_text(key: Ed25519PrivateKey) -> str:
    """The public half as tenants see it: `whpk_` and base64 of its 32 bytes."""
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return PUBLIC_PREFIX + base64.b64encode(public).decode()


def headers(
    *,
    tenant_id: UUID,
    event_id: UUID,
    subject: str,
    body: bytes,
    at: datetime,
    keys: Sequence[bytes],
    ed25519_keys: Sequence[Ed25519PrivateKey] = (),
    scheme: Scheme = "hmac",
    custom: Mapping[str, str] | None = None,
    traceparent: str | None = None,
) -> dict[str, str]:
    """Every header of one attempt. Keys are the valid ones, newest first; the id is the same over all attempts.

    `custom` are the endpoint's own, which never win over ours. The log of attempts keeps `at` and `webhook-signature`:
    `logged_headers` needs both.
    """
    timestamp = str(int(at.timestamp()))
    signed = b"%b.%b.%b" % (str(event_id).encode(), timestamp.encode(), body)
    signatures: list[bytes] = []
    if scheme != "ed25519":
        signatures += [b"v1," + base64.b64encode(hmac.digest(key, signed, "sha256")) for key in keys]
    if scheme != "hmac":
        signatures += [b"v1a," + base64.b64encode(key.sign(signed)) for key in ed25519_keys]
    return _named(
        tenant_id=tenant_id,
        event_id=event_id,
        subject=subject,
        timestamp=timestamp,
        signature=b" ".join(signatures).decode(),
        body_signature=hmac.digest(keys[0], body, "sha256").hex(),
        custom=custom,
        traceparent=traceparent,
    )


def logged_headers(
    *,
    tenant_id: UUID,
    event_id: UUID,
    subject: str,
    at: datetime,
    signature: str,
    custom_names: Sequence[str] = (),
    traceparent: str | None = None,
) -> dict[str, str]:
    """The headers of an attempt that was made `at`, from what its log keeps. Values of custom headers aren't kept."""
    return _named(
        tenant_id=tenant_id,
        event_id=event_id,
        subject=subject,
        timestamp=str(int(at.timestamp())),
        signature=signature,
        body_signature=HIDDEN,
        custom=dict.fromkeys(custom_names, HIDDEN),
        traceparent=traceparent,
    )


def _named(
    *,
    tenant_id: UUID,
    event_id: UUID,
    subject: str,
    timestamp: str,
    signature: str,
    body_signature: str,
    custom: Mapping[str, str] | None,
    traceparent: str | None,
) -> dict[str, str]:
    sent = {
        **(custom or {}),
        "Content-Type": "application/json",
        "User-Agent": "corebilling-webhooks/1",
        "webhook-id": str(event_id),
        "webhook-timestamp": timestamp,
        "webhook-signature": signature,
        "X-Signature": f"sbwh_sig=v1:{body_signature}",
        "X-Event-ID": str(event_id),
        "X-Event-Type": subject,
        "X-Tenant-ID": str(tenant_id),
    }
    if traceparent is not None:
        sent["traceparent"] = traceparent
    return sent
