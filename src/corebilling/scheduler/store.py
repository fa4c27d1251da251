"""Schedules and cycles at rest, in batches."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from uuid import UUID

import msgspec

from corebilling.events.scheduler import BillingCycleClosed
from corebilling.kernel.contract import Calendar
from corebilling.kernel.period import Interval, Period
from corebilling.platform.db import Tx
from corebilling.scheduler.domain.cycle import Cycle, Together
from corebilling.scheduler.domain.schedule import Newest, Schedule
from corebilling.scheduler.queries import cycles as queries
from corebilling.scheduler.queries.models import BillingSchedule

Key = tuple[UUID, UUID]
"""(tenant, subscription)"""

_GROUPS_AT_ONCE = 200

_Claimed = queries.ClaimDueRow | queries.ClaimDueByClockRow | queries.ClaimDueGroupsRow


async def open_cycles(tx: Tx, cycles: Sequence[Cycle]) -> None:
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
            due_ats=[cycle.due_at for cycle in cycles],
            group_keys=[cycle.group_key for cycle in cycles],
        )


async def newest_cycles(tx: Tx, keys: Sequence[Key]) -> dict[Key, Newest]:
    """The newest cycle of each subscription that has one."""
    rows = await queries.latest_cycles(tx.conn, tenant_ids=[t for t, _ in keys], subscription_ids=[s for _, s in keys])
    return {
        (row.tenant_id, row.subscription_id): Newest(
            Period(row.period_start, row.period_end, row.period_index), row.due_at, row.state == "open", row.group_key
        )
        for row in rows
    }


async def claim_due(tx: Tx, now: datetime, clocks: Mapping[UUID, datetime], limit: int) -> list[Cycle]:
    """Lock up to `limit` cycles due on the wall clock and as many on the clocks of sandboxes; others' claims are skipped.

    Those that are invoiced together come whole or not at all, beyond the limit.
    """
    sandboxes = sorted(clocks)
    ours = [clocks[tenant_id] for tenant_id in sandboxes]
    rows: list[_Claimed] = []
    rows += await queries.claim_due(tx.conn, now=now, clocked_ids=sandboxes, row_limit=limit)
    if sandboxes:
        rows += await queries.claim_due_by_clock(tx.conn, clocked_ids=sandboxes, clocks=ours, row_limit=limit)
    grouped = await queries.claim_due_groups(
        tx.conn, now=now, clocked_ids=sandboxes, clocks=ours, row_limit=_GROUPS_AT_ONCE
    )
    found = Counter((row.tenant_id, row.group_key, row.due_at) for row in grouped)
    rows += [row for row in grouped if found[row.tenant_id, row.group_key, row.due_at] == row.members]
    return [_claimed(row) for row in rows]


def schedule_of(row: BillingSchedule) -> Schedule:
    """A schedule as it is known now; without calendars where only its end was told."""
    return Schedule(_calendars(row), row.ends_at, row.group_key)


def _claimed(row: _Claimed) -> Cycle:
    return Cycle(
        row.tenant_id,
        row.subscription_id,
        row.cycle_id,
        Period(row.period_start, row.period_end, row.period_index),
        Schedule(_calendars(row), row.ends_at, row.next_group_key),
        row.due_at,
        row.group_key,
    )


def _calendars(row: BillingSchedule | _Claimed) -> tuple[Calendar, ...]:
    if row.calendars is not None:
        return _decoded(row.calendars)
    if row.anchor_at is None or row.time_zone is None or row.interval_count is None:
        return ()
    unit = msgspec.convert(row.interval_unit, Interval)
    return (Calendar(row.anchor_at, row.time_zone, unit, row.interval_count, starts_at=row.anchor_at),)


@lru_cache(maxsize=4096)
def _decoded(calendars: str) -> tuple[Calendar, ...]:
    """Many subscriptions have the same calendars."""
    return msgspec.json.decode(calendars, type=tuple[Calendar, ...])


async def close_cycles(
    tx: Tx,
    cycles: Sequence[Cycle],
    epochs: Sequence[int],
    closed_ats: Sequence[datetime],
    groups: Sequence[Together | None],
) -> None:
    """Close claimed cycles for good."""
    if cycles:
        await queries.close_cycles(
            tx.conn,
            tenant_ids=[cycle.tenant_id for cycle in cycles],
            subscription_ids=[cycle.subscription_id for cycle in cycles],
            period_indexes=[cycle.period.index for cycle in cycles],
            epochs=epochs,
            closed_ats=closed_ats,
            group_ids=[group.group_id if group else None for group in groups],
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
