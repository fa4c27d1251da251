"""How a connection to NATS proves who it is and knows whom it talks to: TLS, and the JWT of a credentials file.

The challenge of a server is signed here with `cryptography` (an nkey is an ed25519 seed in base32 with a prefix and a
checksum, https://docs.nats.io/using-nats/developer/connecting/creds), and the file is read at each connection, so that
renewed credentials are taken up without a restart.
"""

import base64
import binascii
import re
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from faststream.nats.security import NatsJWT, NatsSecurity

from corebilling.kernel.errors import Invalid

_PART = r"-----BEGIN {}-----\s*(\S+)\s*-+END {}-+"
_USER_SEED = re.compile(r"SU[A-Z2-7]{56}")


@dataclass(frozen=True, slots=True)
class NatsAccess:
    """Paths of PEM files and of a credentials file; an empty one means there is none."""

    creds: str = ""
    tls_ca: str = ""
    tls_cert: str = ""
    tls_key: str = ""

    def wants_tls(self, servers: list[str]) -> bool:
        """Whether a server that doesn't encrypt is refused."""
        return bool(self.tls_ca or self.tls_cert) or any(server.startswith("tls://") for server in servers)

    def security(self, *, encrypted: bool) -> NatsSecurity:
        """For the connection. Raises Invalid where a file can't be used."""
        context = self._context() if encrypted else None
        if not self.creds:
            return NatsSecurity(ssl_context=context, use_ssl=encrypted)
        self._jwt()
        self._sign("checked before the first connection")
        return NatsJWT(self._jwt, self._sign, ssl_context=context, use_ssl=encrypted)

    def _context(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self.tls_ca or None)
            if self.tls_cert:
                context.load_cert_chain(self.tls_cert, self.tls_key)
        except (OSError, ssl.SSLError) as error:
            raise Invalid(
                f"NATS_TLS_CA, NATS_TLS_CERT or NATS_TLS_KEY is no usable PEM file: {error}", code="nats_tls"
            ) from error
        return context

    def _jwt(self) -> bytes:
        return self._part("NATS USER JWT").encode()

    def _sign(self, challenge: str) -> bytes:
        key = Ed25519PrivateKey.from_private_bytes(_seed(self._part("USER NKEY SEED")))
        return base64.b64encode(key.sign(challenge.encode()))

    def _part(self, name: str) -> str:
        try:
            found = re.search(_PART.format(name, name), Path(self.creds).read_text(encoding="ascii"))
        except (OSError, UnicodeError) as error:
            raise Invalid(f"NATS_CREDS can't be read: {error}", code="nats_credentials") from error
        if found is None:
            raise Invalid(f"NATS_CREDS names a file without a {name}; `nsc` writes one", code="nats_credentials")
        return found[1]


def _seed(nkey: str) -> bytes:
    """The 32 bytes inside: two bytes of prefix, the seed, two of checksum (CRC-16/XMODEM, least significant first)."""
    raw = base64.b32decode(nkey + "=" * (-len(nkey) % 8)) if _USER_SEED.fullmatch(nkey) else b""
    if not raw or binascii.crc_hqx(raw[:-2], 0) != int.from_bytes(raw[-2:], "little"):
        raise Invalid("NATS_CREDS names a file whose seed is damaged; `nsc` writes one", code="nats_credentials")
    return raw[2:-2]
