"""What names an event, and what it says: 16-byte BLAKE2b hashes, written as 32 hexadecimal digits."""

from hashlib import blake2b
from uuid import UUID

ROTATION_LOCK = int.from_bytes(blake2b(b"corebilling usage keys", digest_size=8).digest(), signed=True)
"""Advisory lock that writers hold shared and the rotation of key generations holds alone."""


def epoch_lock(tenant_id: UUID) -> int:
    """The tenant's advisory lock: shared by who writes usage, held alone by who seals the epoch."""
    return int.from_bytes(blake2b(tenant_id.bytes, digest_size=8, person=b"usage epoch").digest(), signed=True)


def correction_lock(tenant_id: UUID) -> int:
    """The advisory lock that a tenant's corrections hold, one after the other."""
    return int.from_bytes(blake2b(tenant_id.bytes, digest_size=8, person=b"usage correction").digest(), signed=True)


def corrected_key(correction_id: UUID, name_key: str) -> str:
    """The key of the event that a correction puts under a name that was taken: the name's own key stays with the first."""
    return blake2b(correction_id.bytes + bytes.fromhex(name_key), digest_size=16).hexdigest()


def event_key(source: str | None, event_id: str) -> str:
    """The hash of what names an event. The lengths keep `a` + `bc` apart from `ab` + `c`; no source is the empty one."""
    source = source or ""
    named = f"usage {len(source)}:{source} {len(event_id)}:{event_id}"
    return blake2b(named.encode(), digest_size=16).hexdigest()


def event_body(subscription: str, meter: str, quantity: str, unique_value: str | None, properties: bytes | None) -> str:
    """The hash of what an event says, by which a retry is told from another event under the same name.

    The timestamp is left out: senders that stamp a retry anew repeat themselves all the same.
    """
    said = f"{subscription}{meter}{quantity} {unique_value}\n".encode()
    return blake2b(said + properties if properties else said, digest_size=16).hexdigest()
