"""How a delivery proves where it comes from.

Standard Webhooks (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md): HMAC-SHA256
over `{id}.{timestamp}.{body}`; while a secret rotates, one signature for each secret. Beside it `X-Signature`, an HMAC over
the body alone with the newest secret, for receivers that can't build the signed text.
"""

import base64
import hmac
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

PREFIX = "whsec_"
SECRET_BYTES = 32


def secret_text(key: bytes) -> str:
    """A signing key as tenants see it: `whsec_` and base64."""
    return PREFIX + base64.b64encode(key).decode()


def secret_key(text: str) -> bytes:
    """The bytes that sign, from what the tenant was shown. Raises ValueError for anything else."""
    return base64.b64decode(text.removeprefix(PREFIX), validate=True)


def headers(
    *,
    tenant_id: UUID,
    event_id: UUID,
    subject: str,
    body: bytes,
    at: datetime,
    keys: Sequence[bytes],
    traceparent: str | None = None,
) -> dict[str, str]:
    """Every header of one attempt. `keys` are the valid ones, newest first; the id is the same over all attempts."""
    timestamp = str(int(at.timestamp()))
    signed = b"%b.%b.%b" % (str(event_id).encode(), timestamp.encode(), body)
    signatures = [b"v1," + base64.b64encode(hmac.digest(key, signed, "sha256")) for key in keys]
    sent = {
        "Content-Type": "application/json",
        "User-Agent": "corebilling-webhooks/1",
        "webhook-id": str(event_id),
        "webhook-timestamp": timestamp,
        "webhook-signature": b" ".join(signatures).decode(),
        "X-Signature": f"sbwh_sig=v1:{hmac.digest(keys[0], body, 'sha256').hex()}",
        "X-Event-ID": str(event_id),
        "X-Event-Type": subject,
        "X-Tenant-ID": str(tenant_id),
    }
    if traceparent is not None:
        sent["traceparent"] = traceparent
    return sent
