"""Contracts of subscriptions that are a single row, which most are: made without the detour over the whole agreement.

They say what `domain.timeline` would say of the same row; a test compares the two.
"""

from collections.abc import Sequence
from typing import Any

from corebilling.kernel.contract import Calendar, Contract, Phase
from corebilling.platform.db import Tx
from corebilling.subscription.domain.agreement import Key
from corebilling.subscription.queries import timelines


async def plain_contracts(tx: Tx, keys: Sequence[Key]) -> dict[Key, Contract]:
    """Those of the subscriptions that never changed, paused or redeemed anything; all others are absent."""
    rows = await timelines.get_plain_contracts(
        tx.conn, tenant_ids=[tenant for tenant, _ in keys], subscription_ids=[subscription for _, subscription in keys]
    )
    return {(row.tenant_id, row.subscription_id): _contract(row) for row in rows}


def _contract(row: Any) -> Contract:
    """The words of a row were checked by the table."""
    begins, ends = row.billing_starts_at or row.anchor_at, row.ends_at
    phase = Phase(begins, ends, row.plan_id, credit_unused=row.credit_at_end)
    return Contract(
        row.tenant_id,
        row.subscription_id,
        row.customer_id,
        row.plan_id,
        row.currency,
        (Calendar(row.anchor_at, row.time_zone, row.interval, row.interval_count, begins),),
        (phase,) if ends is None or begins < ends else (),
        ends,
        (),
        row.proration,
        row.consolidate,
    )
