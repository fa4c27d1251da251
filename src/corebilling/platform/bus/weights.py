"""Tenants' shares of the dispatchers' attention while more events wait than can go out at once; 1 for those not set."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from corebilling.kernel.errors import Invalid
from corebilling.platform.db import Tx
from corebilling.platform.queries import outbox as queries
from corebilling.platform.queries.outbox import WeightsRow

HEAVIEST = 100


async def list_weights(tx: Tx) -> Sequence[WeightsRow]:
    """Those that were set. Needs a system transaction."""
    return await queries.weights(tx.conn)


async def set_weight(tx: Tx, tenant_id: UUID, weight: int, now: datetime) -> None:
    """A tenant of weight 3 gets three events out for each one of a tenant of weight 1; dispatchers follow within seconds.

    Needs a system transaction. Raises Invalid for a weight outside 1 to `HEAVIEST`.
    """
    if not 1 <= weight <= HEAVIEST:
        raise Invalid(f"a weight is between 1 and {HEAVIEST}; 1 is everybody's", code="weight_out_of_range")
    await queries.set_weight(tx.conn, tenant_id=tenant_id, weight=weight, now=now)
