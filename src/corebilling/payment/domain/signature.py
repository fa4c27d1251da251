"""How a notice proves that it comes from the gateway: `t=<unix seconds>,v1=<hex>`, an HMAC-SHA256 over `{t}.{body}`.

Source: https://docs.stripe.com/webhooks#verify-manually
"""

import hmac
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

TOLERANCE = timedelta(minutes=5)
"""How far the clocks may differ, and for how long somebody who overheard a notice could send it again."""

_NOBODYS_KEY = b"compared with where there is no key, so that it takes as long"
_MOST_SIGNATURES = 10


def sign(secret: str, body: bytes, at: datetime) -> str:
    """The header of a notice that is sent at that time."""
    timestamp = str(int(at.timestamp()))
    return f"t={timestamp},v1={_digest(secret.encode(), timestamp, body)}"


def genuine(secrets: Sequence[str], header: str, body: bytes, now: datetime) -> bool:
    """Whether one of the secrets signed this body within the tolerance. Takes the same time wherever a signature goes wrong."""
    timestamp, signatures = _parts(header)
    keys = [secret.encode() for secret in secrets] or [_NOBODYS_KEY]
    matched = False
    for key in keys:
        expected = _digest(key, timestamp, body)
        for signature in signatures or [""]:
            matched |= hmac.compare_digest(expected.encode(), signature.encode())
    return matched and bool(secrets) and _fresh(timestamp, now)


def _parts(header: str) -> tuple[str, list[str]]:
    timestamp = ""
    signatures: list[str] = []
    for part in header.split(","):
        name, _, value = part.strip().partition("=")
        if name == "t":
            timestamp = value
        elif name == "v1" and len(signatures) < _MOST_SIGNATURES:
            signatures.append(value)
    return timestamp, signatures


def _fresh(timestamp: str, now: datetime) -> bool:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 11):
        return False
    return abs(now - datetime.fromtimestamp(int(timestamp), UTC)) <= TOLERANCE


def _digest(key: bytes, timestamp: str, body: bytes) -> str:
    signed = timestamp.encode("utf-8", "replace") + b"." + body
    return hmac.new(key, signed, "sha256").hexdigest()
