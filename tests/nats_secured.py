"""A NATS server that encrypts and asks for a certificate of its clients, or knows its users by their JWTs."""

import base64
import binascii
import datetime
import ipaddress
import json
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID

from corebilling.platform.embedded import EmbeddedNats
from corebilling.platform.embedded.places import Home

UNLIMITED = dict.fromkeys(
    ("subs", "data", "payload", "imports", "exports", "conn", "leaf", "mem_storage", "disk_storage", "streams"), -1
) | {"consumer": -1, "wildcards": True}


class SecuredNats(EmbeddedNats):
    """An embedded server with more in its configuration. `pem` are files that it encrypts with (see `certificates`)."""

    def __init__(self, data: Path, more: dict[str, Any] | None = None, pem: dict[str, str] | None = None) -> None:
        super().__init__(data)
        self._more = more or {}
        self._pem = pem or {}

    def _command(self, home: Home, port: int) -> list[str | Path]:
        command = super()._command(home, port)
        configuration = json.loads(Path(command[-1]).read_text()) | self._more
        if self._pem:  # copies, because the server runs under an account of its own
            own = {f"{name}_file": str(home.write(name, Path(path).read_text())) for name, path in self._pem.items()}
            configuration["tls"] = own | {"verify": True}
        if "operator" in configuration:
            configuration.pop("authorization")
        return [*command[:-1], home.write("nats.conf", json.dumps(configuration))]


def certificates(directory: Path) -> dict[str, str]:
    """Paths of an authority (`ca`) and of a certificate and key it signed for loopback (`cert`, `key`)."""
    authority = ec.generate_private_key(ec.SECP256R1())
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority of a test")])
    now = datetime.datetime.now(datetime.UTC)

    def begun(name: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder(issuer, name, public, x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
        )

    root = (
        begun(issuer, authority.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority.public_key()), critical=False)
        .sign(authority, hashes.SHA256())
    )
    leaf = (
        begun(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")]), key.public_key())
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(authority, hashes.SHA256())
    )
    parts = {
        "ca": root.public_bytes(serialization.Encoding.PEM),
        "cert": leaf.public_bytes(serialization.Encoding.PEM),
        "key": key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    }
    for name, content in parts.items():
        (directory / name).write_bytes(content)
    return {name: str(directory / name) for name in parts}


_PREFIXES = {"O": 14 << 3, "A": 0, "U": 20 << 3}
_SEED = 18 << 3


class Identity:
    """An nkey: what operators, accounts and users of NATS sign with. `kind` is the prefix of its public form."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._key = Ed25519PrivateKey.generate()
        self.public = _encoded(bytes([_PREFIXES[kind]]) + self._key.public_key().public_bytes_raw())

    @property
    def seed(self) -> str:
        prefix = _PREFIXES[self.kind]
        head = bytes([_SEED | (prefix >> 5), (prefix & 31) << 3])
        return _encoded(head + self._key.private_bytes_raw())

    def signed(self, subject: "Identity", nats: dict[str, Any]) -> str:
        """A JWT about another identity."""
        claims = {"jti": subject.public, "iat": 1_700_000_000, "iss": self.public, "name": "test"}
        body = claims | {"sub": subject.public, "nats": nats | {"version": 2}}
        text = ".".join(_part(part) for part in ({"typ": "JWT", "alg": "ed25519-nkey"}, body))
        return f"{text}.{_unpadded(base64.urlsafe_b64encode(self._key.sign(text.encode())))}"


def user_known_by_jwt(directory: Path) -> tuple[dict[str, Any], str]:
    """A server's configuration, and the path of the credentials of a user in its one account."""
    operator, system, account, user = Identity("O"), Identity("A"), Identity("A"), Identity("U")
    limits = {"type": "account", "limits": UNLIMITED}
    configuration = {
        "operator": operator.signed(operator, {"type": "operator"}),
        "system_account": system.public,
        "resolver": "MEMORY",
        "resolver_preload": {
            system.public: operator.signed(system, {"type": "account", "limits": {"conn": -1}}),
            account.public: operator.signed(account, limits),
        },
    }
    jwt = account.signed(user, {"type": "user", "subs": -1, "data": -1, "payload": -1, "pub": {}, "sub": {}})
    creds = directory / "user.creds"
    creds.write_text(
        f"-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{user.seed}\n------END USER NKEY SEED------\n"
    )
    return configuration, str(creds)


def _encoded(raw: bytes) -> str:
    return base64.b32encode(raw + binascii.crc_hqx(raw, 0).to_bytes(2, "little")).decode().rstrip("=")


def _part(content: dict[str, Any]) -> str:
    return _unpadded(base64.urlsafe_b64encode(json.dumps(content, separators=(",", ":")).encode()))


def _unpadded(encoded: bytes) -> str:
    return encoded.decode().rstrip("=")
