"""Secrets at rest: what the product must be able to read again is stored encrypted (Fernet: AES-128-CBC with HMAC-SHA256).

Keys come from the setting ENCRYPTION_KEYS, newest first: the first one encrypts, all of them decrypt. So a key is
changed by putting a new one in front, and dropped once nothing sealed with it is left.
Source: https://github.com/fernet/spec/blob/master/Spec.md
"""

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class SecretsError(RuntimeError):
    """A key is malformed or missing; the message says what to do. It never holds a key or a secret."""


class SecretBox:
    """Seals and opens secrets. Raises `SecretsError` when made without keys or with one that is none."""

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise SecretsError("ENCRYPTION_KEYS is empty; set at least one key (`corebilling keys generate` makes one)")
        fernets = []
        for position, key in enumerate(keys, start=1):
            try:
                fernets.append(Fernet(key))
            except ValueError:
                raise SecretsError(
                    f"key {position} of ENCRYPTION_KEYS is not 32 bytes in URL-safe base64; "
                    "use one that `corebilling keys generate` made"
                ) from None
        self._fernet = MultiFernet(fernets)

    def seal(self, secret: str) -> str:
        """The secret encrypted with the first key, as text; different each time."""
        return self._fernet.encrypt(secret.encode()).decode()

    def open(self, sealed: str) -> str:
        """The secret again. Raises `SecretsError` where no key fits: sealed with one that was dropped, or altered."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise SecretsError(
                "no key of ENCRYPTION_KEYS opens this secret; put back the key it was sealed with"
            ) from None


def generate_key() -> str:
    """A new key for ENCRYPTION_KEYS."""
    return Fernet.generate_key().decode()
