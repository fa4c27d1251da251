"""API keys: what a secret looks like, and what of it is kept.

A secret is a readable prefix and 32 random bytes. Because it is that long and random, one SHA-256 is enough: there
is nothing to guess that a slow hash would have to protect.
"""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime
from typing import Literal, get_args

import msgspec

from corebilling.kernel.errors import FieldError, Invalid, invalid_field

Scope = Literal["usage:write", "billing:read", "billing:write", "billing:admin", "platform.finance", "platform.admin"]

ALL_SCOPES: frozenset[str] = frozenset(get_args(Scope))

TENANT_SCOPES: frozenset[str] = ALL_SCOPES - {"platform.admin"}
"""What a tenant's own key may be allowed. `platform.finance` lets it see its own books; no key of a tenant leaves that tenant."""

KeyKind = Literal["live", "test", "platform"]

ENTROPY_BYTES = 32
_MAX_SECRET_CHARACTERS = 80


class MintedKey(msgspec.Struct, frozen=True):
    """A new key: the secret to hand out once, and what is stored in its place."""

    secret: str
    key_hash: bytes
    prefix: str
    last_four: str


def mint(kind: KeyKind, entropy: bytes) -> MintedKey:
    """A key out of `ENTROPY_BYTES` random bytes: `cbk_live_…` of a tenant, `cbk_test_…` of a sandbox, `cbk_platform_…` of neither."""
    if len(entropy) < ENTROPY_BYTES:
        raise ValueError(f"a key needs {ENTROPY_BYTES} random bytes")
    heading = f"cbk_{kind}_"
    secret = heading + urlsafe_b64encode(entropy).rstrip(b"=").decode()
    return MintedKey(secret, hash_of(secret), secret[: len(heading) + 4], secret[-4:])


def looks_like_key(secret: str) -> bool:
    """Whether it is worth asking the database: the right heading, and not absurdly long."""
    return len(secret) <= _MAX_SECRET_CHARACTERS and secret.startswith("cbk_") and secret.isascii()


def hash_of(secret: str) -> bytes:
    """The 32 bytes that stand for the secret in the database."""
    return hashlib.sha256(secret.encode()).digest()


def holds(expires_at: datetime | None, revoked_at: datetime | None, now: datetime) -> bool:
    """Whether a key is good at an instant: neither revoked nor expired. A key ends at the very instant of its expiry."""
    return revoked_at is None and (expires_at is None or now < expires_at)


def checked_scopes(scopes: Sequence[str], allowed: frozenset[str]) -> list[str]:
    """The scopes once each, sorted. Raises `Invalid` for none, and for any that isn't allowed."""
    if not scopes:
        raise invalid_field("/scopes", f"a key needs a scope; choose from {', '.join(sorted(allowed))}")
    wrong = [
        FieldError(f"/scopes/{i}", f"'{scope}' can't be given to this key")
        for i, scope in enumerate(scopes)
        if scope not in allowed
    ]
    if wrong:
        raise Invalid(
            f"unknown or forbidden scopes; choose from {', '.join(sorted(allowed))}", code="invalid_scope", fields=wrong
        )
    return sorted(set(scopes))
