"""What endpoints keep encrypted: the keys that sign, and the headers that tenants add."""

import secrets
from collections.abc import Mapping

from corebilling.kernel.errors import Unavailable, invalid_field
from corebilling.platform.secrets import SecretBox, SecretsError
from corebilling.webhook.domain import custom_headers, signing
from corebilling.webhook.queries.models import WebhookEndpoint


def new_secret() -> str:
    """A new secret for HMAC, as the tenant is shown it once."""
    return signing.secret_text(secrets.token_bytes(signing.SECRET_BYTES))


def new_private_key() -> str:
    """A new ed25519 key, as it is sealed; only its public half is ever shown."""
    return signing.private_key_text(secrets.token_bytes(signing.SEED_BYTES))


def public_key(row: WebhookEndpoint, box: SecretBox) -> str | None:
    """What verifies the endpoint's v1a signatures; None where there is none, or where no key opens what is kept."""
    try:
        return None if row.ed25519_sealed is None else _public(box.open(row.ed25519_sealed))
    except SecretsError:
        return None


def header_names(row: WebhookEndpoint, box: SecretBox) -> list[str] | None:
    """The names of the endpoint's own headers; None where no key opens what is kept: nothing else has to wait for that."""
    try:
        return list(headers(row, box))
    except Unavailable:
        return None


def headers(row: WebhookEndpoint, box: SecretBox) -> dict[str, str]:
    """The endpoint's own headers with their values. Raises `Unavailable` where no key opens what is kept."""
    if row.headers_sealed is None:
        return {}
    try:
        return custom_headers.unpacked(box.open(row.headers_sealed))
    except SecretsError as error:
        raise Unavailable(
            "the endpoint's headers can't be read now; ask the operator to put back the encryption key",
            code="secrets_unavailable",
        ) from error


def sealed_headers(wanted: Mapping[str, str], box: SecretBox) -> str | None:
    """As they are kept. Raises `Invalid` for what may not be a header, without repeating its value."""
    if refused := custom_headers.refusal(wanted):
        name, why = refused
        pointer = name.replace("~", "~0").replace("/", "~1")
        raise invalid_field(f"/headers/{pointer}", why, code="invalid_header")
    if len(wanted) > custom_headers.MOST_HEADERS:
        raise invalid_field("/headers", f"{custom_headers.MOST_HEADERS} headers are the most there can be; remove some")
    return box.seal(custom_headers.packed(wanted)) if wanted else None


def _public(private: str) -> str:
    return signing.public_key_text(signing.private_key(private))
