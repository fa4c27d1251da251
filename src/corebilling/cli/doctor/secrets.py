"""The keys that secrets are sealed with."""

from corebilling.container import Container
from corebilling.platform.bus.port import Finding, Level
from corebilling.platform.secrets import SecretsError

_GENERATE = "`corebilling keys generate` makes one"


async def keys(container: Container) -> list[Finding]:
    """That there are keys to seal secrets and to sign the ledger with."""
    settings = container.settings()
    found = []
    if not settings.encryption_keys:
        found.append(Finding(Level.ERROR, "ENCRYPTION_KEYS is empty: stored secrets can't be opened", _GENERATE))
    else:
        try:
            box = container.secret_box()
            if box.open(box.seal("sealed and opened")) != "sealed and opened":
                found.append(Finding(Level.ERROR, "what the first key seals doesn't open", _GENERATE))
        except SecretsError as error:
            found.append(Finding(Level.ERROR, str(error)))
    if not settings.ledger_signing_key:
        found.append(
            Finding(Level.WARNING, "LEDGER_SIGNING_KEY is empty: sealed journals are chained, not signed", _GENERATE)
        )
    return found or [Finding(Level.OK, f"{len(settings.encryption_keys)} keys")]
