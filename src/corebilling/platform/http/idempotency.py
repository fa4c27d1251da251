"""Idempotency-Key: the same request sent again has the same answer, and its effect once.

The key is claimed with an advisory lock for the length of the transaction, so that a second request under it is
told so at once instead of waiting, and the answer commits with the effect: a crash keeps both or neither.
"""

import hashlib
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from corebilling.kernel.errors import Conflict, Invalid, invalid_field
from corebilling.platform.db import Database, Tx
from corebilling.platform.queries import idempotency as queries

KEPT_FOR = timedelta(hours=48)
MAX_KEY_LENGTH = 255
_BATCH = 5000


class Claim(msgspec.Struct, frozen=True):
    """A key as one request uses it. `body_hash` covers all that tells this request from another under the key."""

    tenant_id: UUID
    route: str
    key: str
    body_hash: bytes


class Answer(msgspec.Struct, frozen=True):
    """A successful answer. `body` None stands for one that held a secret and wasn't kept."""

    status: int
    content_type: str
    body: bytes | None


def checked_key(raw: bytes) -> str:
    """The key as text. Raises `Invalid` unless it is 1 to 255 visible ASCII characters."""
    if 0 < len(raw) <= MAX_KEY_LENGTH and all(0x21 <= byte <= 0x7E for byte in raw):
        return raw.decode("ascii")
    raise invalid_field(
        "/header/Idempotency-Key",
        f"an idempotency key is 1 to {MAX_KEY_LENGTH} visible ASCII characters; send for instance a UUID",
        code="invalid_idempotency_key",
    )


def request_hash(path: str, query: bytes, body: bytes) -> bytes:
    """What tells one request from another under the same key."""
    digest = hashlib.sha256(f"{len(path)}:{path}:{len(query)}:".encode())
    digest.update(query)
    digest.update(body)
    return digest.digest()


async def claim(tx: Tx, wanted: Claim, now: datetime) -> Answer | None:
    """Claim the key until the transaction ends; returns the answer where this request has had one.

    Raises `Conflict` while another request works under the key, or where the answer held a secret, and `Invalid`
    where the key belongs to a request with other content.
    """
    if not await queries.try_claim_key(tx.conn, lock_key=_lock_key(wanted)):
        raise Conflict(
            "a request with this Idempotency-Key is being worked on; send it again in a moment",
            code="idempotency_key_in_flight",
            retry_after_seconds=1,
        )
    found = await queries.find_answer(tx.conn, tenant_id=wanted.tenant_id, route=wanted.route, key=wanted.key, now=now)
    if found is None:
        return None
    if found.body_hash != wanted.body_hash:
        raise Invalid(
            "this Idempotency-Key was used for another request; send a new key with a new request",
            code="idempotency_key_reused",
        )
    if found.answer is None:
        raise Conflict(
            "this request succeeded before, and its answer held a secret that is shown only once; list what it made, "
            "and make another under a new Idempotency-Key if the secret is lost",
            code="secret_shown_once",
        )
    return Answer(found.status, found.content_type, found.answer)


async def keep(tx: Tx, wanted: Claim, answer: Answer, now: datetime) -> None:
    """Store the answer in the transaction that has the effect."""
    await queries.keep_answer(
        tx.conn,
        tenant_id=wanted.tenant_id,
        route=wanted.route,
        key=wanted.key,
        body_hash=wanted.body_hash,
        status=answer.status,
        content_type=answer.content_type,
        answer=answer.body,
        expires_at=now + KEPT_FOR,
    )


async def forget_expired(database: Database, now: datetime) -> int:
    """Housekeeping: delete expired answers in batches, each in a transaction of its own; returns how many."""
    total = 0
    while True:
        async with database.system() as tx:
            gone = len(await queries.delete_expired(tx.conn, now=now, batch_size=_BATCH))
        total += gone
        if gone < _BATCH:
            return total


def _lock_key(wanted: Claim) -> int:
    text = f"{wanted.tenant_id}\n{wanted.route}\n{wanted.key}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)
