"""Blocks of a tenant's journals in a hash chain, and the keys that sign them (docs/adr/0010).

Signatures are Ed25519 (RFC 8032) over the block's hash.
"""

import base64
import binascii
from collections.abc import Sequence
from hashlib import sha256
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

FORMAT = b"corebilling.seal.v1"
"""First of what a block's hash covers; a change of that changes this."""

BEGINNING = bytes(32)
"""The hash before the first block."""


class Block(msgspec.Struct, frozen=True):
    """A block: its place in the chain, the digests of its journals in their order, and the block before."""

    tenant_id: UUID
    block_no: int
    previous_hash: bytes
    digests: tuple[bytes, ...]

    @property
    def hash(self) -> bytes:
        """SHA-256 over the format, tenant, number (8 bytes, big-endian), the hash before, and all digests."""
        head = FORMAT + self.tenant_id.bytes + self.block_no.to_bytes(8, "big") + self.previous_hash
        return sha256(head + b"".join(self.digests)).digest()


class SigningKey:
    """The key that signs blocks; what it is called is the start of its public half's SHA-256."""

    def __init__(self, encoded: str) -> None:
        """From 32 bytes in base64. Raises `ValueError` for anything else."""
        try:
            seed = base64.b64decode(encoded, altchars=b"-_", validate=True)
        except binascii.Error:
            seed = b""
        if len(seed) != 32:
            raise ValueError("a signing key is 32 bytes in base64; `corebilling keys generate` makes one")
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._private.public_key()
        self.key_id = key_id(self.public)

    def sign(self, block_hash: bytes) -> bytes:
        """64 bytes over a block's hash."""
        return self._private.sign(block_hash)


def key_id(public: Ed25519PublicKey) -> str:
    """What a key is called: 16 hexadecimal digits."""
    return sha256(public.public_bytes_raw()).hexdigest()[:16]


def signed_by(public: Ed25519PublicKey, signature: bytes, block_hash: bytes) -> bool:
    """Whether this key signed that hash."""
    try:
        public.verify(signature, block_hash)
    except InvalidSignature:
        return False
    return True


def next_block(tenant_id: UUID, last_no: int, last_hash: bytes | None, digests: Sequence[bytes]) -> Block:
    """The next block of a chain that ends with `last_no` (0: none yet)."""
    return Block(tenant_id, last_no + 1, last_hash or BEGINNING, tuple(digests))
