"""The keys that secrets are sealed with."""

from corebilling.container import Container
from corebilling.payment import kept_secrets as payment
from corebilling.platform.bus.port import Finding, Level
from corebilling.platform.secrets import SecretBox, SecretsError
from corebilling.webhook import kept_secrets as webhook

_LOOK_AT = 200
_GENERATE = "`corebilling keys generate` makes one"


async def keys(container: Container) -> list[Finding]:
    """That there are keys to seal secrets and to sign the ledger with."""
    settings = container.settings()
    found = []
    if not settings.encryption_keys:
        found.append(Finding(Level.ERROR, "ENCRYPTION_KEYS is empty: stored secrets can't be opened", _GENERATE))
    else:
        try:
            found += await _stored(container, container.secret_box())
        except SecretsError as error:
            found.append(Finding(Level.ERROR, str(error)))
    if not settings.ledger_signing_key:
        found.append(
            Finding(Level.WARNING, "LEDGER_SIGNING_KEY is empty: sealed journals are chained, not signed", _GENERATE)
        )
    return found or [Finding(Level.OK, f"{len(settings.encryption_keys)} keys")]


async def _stored(container: Container, box: SecretBox) -> list[Finding]:
    """That the keys open what was sealed before."""
    found = []
    for what, kept in (("webhook endpoints", webhook.sealed_first), ("gateway accounts", payment.sealed_first)):
        async with container.database().system() as tx:
            stored = await kept(tx, _LOOK_AT)
        closed = sum(not _opens(box, sealed) for sealed in stored)
        if closed:
            found.append(
                Finding(
                    Level.ERROR,
                    f"no key of ENCRYPTION_KEYS opens the secrets of {closed} of the first {len(stored)} {what}",
                    "put back, behind the present one, the key that they were sealed with",
                )
            )
    return found


def _opens(box: SecretBox, sealed: str) -> bool:
    try:
        box.open(sealed)
    except SecretsError:
        return False
    return True
