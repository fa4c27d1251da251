"""Cycles at rest, in batches."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from corebilling.events.scheduler import BillingCycleClosed
from corebilling.kernel.period import Interval, Period
from corebilling.platform.db import Tx
from corebilling.scheduler.domain.cycle import Calendar, Cycle
from corebilling.scheduler.queries import cycles as queries


async def open_cycles(tx: Tx, cycles: Sequence[Cycle], grace: timedelta) -> None:
    """Open them; those that exist already stay as they are."""
    if cycles:
        await queries.open_cycles(
            tx.conn,
            tenant_ids=[cycle.tenant_id for cycle in cycles],
            subscription_ids=[cycle.subscription_id for cycle in cycles],
            period_indexes=[cycle.period.index for cycle in cycles],
            cycle_ids=[cycle.cycle_id for cycle in cycles],
            period_starts=[cycle.period.start for cycle in cycles],
            period_ends=[cycle.period.end for cycle in cycles],
            due_ats=[cycle.due_at(grace) for cycle in cycles],
        )


async def claim_due(tx: Tx, now: datetime, clocks: Mapping[UUID, datetime], limit: int) -> list[Cycle]:
    """Lock up to `limit` cycles due on the wall clock and as many on the clocks of sandboxes; others' claims are skipped."""
    sandboxes = sorted(clocks)
    rows: list[queries.ClaimDueRow | queries.ClaimDueByClockRow] = []
    rows += await queries.claim_due(tx.conn, now=now, clocked_ids=sandboxes, row_limit=limit)
    if sandboxes:
        rows += await queries.claim_due_by_clock(
            tx.conn, clocked_ids=sandboxes, clocks=[clocks[tenant_id] for tenant_id in sandboxes], row_limit=limit
        )
    return [
        Cycle(
            row.tenant_id,
            row.subscription_id,
            row.cycle_id,
            Period(row.period_start, row.period_end, row.period_index),
            Calendar(
                row.anchor_at,
                row.time_zone,
                msgspec.convert(row.interval_unit, Interval),
                row.interval_count,
                row.ends_at,
            ),
        )
        for row in rows
    ]


async def close_cycles(tx: Tx, cycles: Sequence[Cycle], epochs: Sequence[int], closed_ats: Sequence[datetime]) -> None:
    """Close claimed cycles for good."""
    if cycles:
        await queries.close_cycles(
            tx.conn,
            tenant_ids=[cycle.tenant_id for cycle in cycles],
            subscription_ids=[cycle.subscription_id for cycle in cycles],
            period_indexes=[cycle.period.index for cycle in cycles],
            epochs=epochs,
            closed_ats=closed_ats,
        )


async def drop_beyond_end(tx: Tx, cycles: Sequence[Cycle]) -> list[tuple[UUID, BillingCycleClosed]]:
    """Remove cycles that should never have been opened; answers, by tenant, the closing of the last one that counts."""
    if not cycles:
        return []
    rows = await queries.drop_beyond_end(
        tx.conn,
        tenant_ids=[cycle.tenant_id for cycle in cycles],
        subscription_ids=[cycle.subscription_id for cycle in cycles],
        period_indexes=[cycle.period.index for cycle in cycles],
    )
    return [
        (
            row.tenant_id,
            BillingCycleClosed(
                row.cycle_id,
                row.subscription_id,
                row.period_index,
                row.period_start,
                row.period_end,
                row.epoch,
                row.closed_at,
                is_last=True,
            ),
        )
        for row in rows
    ]
