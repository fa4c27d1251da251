"""Where an endpoint's deliveries go, what signs them, and what it asks for beyond that: opened once, used for many."""

import math
from datetime import datetime

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from yarl import URL

from corebilling.platform.outbound import addresses
from corebilling.platform.secrets import SecretBox
from corebilling.webhook.domain import custom_headers, signing
from corebilling.webhook.domain.retry import RetryPolicy
from corebilling.webhook.queries.deliveries import DescribeTargetsRow


class Target(msgspec.Struct, frozen=True):
    """An endpoint as posts need it. `problem` says why nothing can go there; `most_held` is what a limit leaves room for.

    `counted`: what is under lease is counted over all workers, so each end makes room.
    """

    url: URL
    url_text: str
    private: bool
    retries: RetryPolicy
    most_held: int | None = None
    counted: bool = False
    problem: str | None = None
    scheme: signing.Scheme = "hmac"
    keys: tuple[bytes, ...] = ()
    ed25519_keys: tuple[Ed25519PrivateKey, ...] = ()
    previous_until: datetime | None = None
    headers: dict[str, str] = msgspec.field(default_factory=dict)

    def live_keys(self, now: datetime) -> tuple[tuple[bytes, ...], tuple[Ed25519PrivateKey, ...]]:
        """The keys that sign now, newest first: those before the newest only until their end."""
        if self.previous_until is None or now < self.previous_until:
            return self.keys, self.ed25519_keys
        return self.keys[:1], self.ed25519_keys[:1]


def opened(row: DescribeTargetsRow, box: SecretBox, *, allow_private: bool, retries: RetryPolicy) -> Target:
    """The target that the endpoint describes. Raises SecretsError where what it keeps encrypted can't be read."""
    private = allow_private and row.sandbox
    policy, most_held, counted = retries.following(row.retry_schedule), _most_held(row), row.max_concurrency is not None
    problem = addresses.url_refusal(row.url, allow_private=private)
    if problem is not None:
        return Target(URL(), row.url, private, policy, most_held, counted, problem)
    secrets = (row.secret_sealed, row.previous_secret_sealed)
    privates = (row.ed25519_sealed, row.previous_ed25519_sealed)
    return Target(
        URL(row.url), row.url, private, policy, most_held, counted,
        scheme=msgspec.convert(row.signature, signing.Scheme),
        keys=tuple(signing.secret_key(box.open(sealed)) for sealed in secrets if sealed is not None),
        ed25519_keys=tuple(signing.private_key(box.open(sealed)) for sealed in privates if sealed is not None),
        previous_until=row.previous_secret_until,
        headers=custom_headers.unpacked(box.open(row.headers_sealed)) if row.headers_sealed is not None else {},
    )  # fmt: skip


def _most_held(row: DescribeTargetsRow) -> int | None:
    """What is held waits to be posted: no more than may be on the wire at once, and than a full bucket lets through."""
    limits = [row.max_concurrency, None if row.rate_limit is None else math.ceil(row.rate_limit / 10)]
    return min((limit for limit in limits if limit is not None), default=None)
