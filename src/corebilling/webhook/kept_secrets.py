"""The endpoints' signing secrets as they are kept, for the question whether the present encryption keys open them."""

from corebilling.platform.db import Tx
from corebilling.webhook.queries import kept_secrets as queries


async def sealed_first(tx: Tx, count: int) -> list[str]:
    """Of those that were made first, across tenants; needs a transaction of the system."""
    return [row.sealed for row in await queries.oldest_secrets(tx.conn, max_rows=count)]
