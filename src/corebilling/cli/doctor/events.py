"""Outbox, inbox and the log of webhooks: partitions, dispatchers, the sweep, what waits and what was given up."""

from datetime import UTC, date, datetime, timedelta

from corebilling.container import Container
from corebilling.kernel.ids import made_at
from corebilling.platform.bus.port import Finding, Level
from corebilling.platform.clock import wall_clock
from corebilling.platform.queries import doctor as queries

_DAYS_NEEDED = 1
_DAYS_AHEAD = 7
_DROPPED_WITHIN_DAYS = 2
_LOOK_AT = 1000
_WAITS = timedelta(minutes=1)
_WAITS_LONG = timedelta(minutes=10)
_SWEEP_LATE = timedelta(minutes=10)
_UNSETTLED_LONG = timedelta(hours=1)
_OVERDUE = timedelta(minutes=5)
_DISPATCHER = "start a worker whose WORKER_COMPONENTS have dispatcher"
_KEPT_BY = {
    "billing_events": _DISPATCHER,
    "inbox": _DISPATCHER,
    "webhook_attempt_log": "start a worker whose WORKER_COMPONENTS have webhook",
}
"""The tables in partitions by day, and who makes and drops these."""


async def partitions(container: Container) -> list[Finding]:
    """That rows of the coming days have a place of their own."""
    today = wall_clock().astimezone(UTC).date()
    async with container.database().system() as tx:
        missing = await queries.missing_days(
            tx.conn, parents=list(_KEPT_BY), first_day=today, last_day=today + timedelta(days=_DAYS_AHEAD - 1)
        )
    if not missing:
        return [Finding(Level.OK, f"there until {today + timedelta(days=_DAYS_AHEAD - 1)}")]
    soon = max(_day(name) for name in missing), min(_day(name) for name in missing)
    level = Level.ERROR if soon[1] <= today + timedelta(days=_DAYS_NEEDED) else Level.WARNING
    return [
        Finding(
            level,
            f"{len(missing)} are missing, the first is {min(missing)}",
            f"{_KEPT_BY[_table(min(missing))]}: it makes them",
        )
    ]


async def retention(container: Container) -> list[Finding]:
    """That they remember as long as the settings say; the bus itself tells of its own."""
    settings = container.settings()
    wanted = {
        "billing_events": settings.event_retention_days,
        "inbox": settings.inbox_days,
        "webhook_attempt_log": settings.webhook_retention_days,
    }
    today = wall_clock().astimezone(UTC).date()
    async with container.database().system() as tx:
        kept = {row.parent: row.oldest for row in await queries.days_kept(tx.conn, parents=list(_KEPT_BY))}
    found = []
    for table, days in wanted.items():
        oldest = kept.get(table)
        if oldest is not None and today - oldest > timedelta(days=days + _DROPPED_WITHIN_DAYS):
            found.append(
                Finding(
                    Level.WARNING,
                    f"{table} goes back to {oldest}, not {days} days",
                    f"{_KEPT_BY[table]}: it drops them",
                )
            )
    words = ", ".join(f"{table} {days} days" for table, days in wanted.items())
    return found or [Finding(Level.OK, words)]


async def dispatching(container: Container) -> list[Finding]:
    """That every shard has a dispatcher and nothing waits long for its publication."""
    now = wall_clock()
    async with container.database().system() as tx:
        state = await queries.dispatching(tx.conn)
        oldest = await queries.oldest_unpublished(tx.conn, look_at=_LOOK_AT)
    assert state is not None
    found = []
    if not state.living:
        found.append(Finding(Level.ERROR, "no dispatcher lives", _DISPATCHER))
    elif state.held < state.shards:
        found.append(
            Finding(
                Level.WARNING,
                f"{state.shards - state.held} of {state.shards} shards have no dispatcher",
                "ask again in ten seconds; if it stays so, look at the dispatchers' logs",
            )
        )
    for event in oldest:
        age = now - made_at(event.event_id)
        if age > _WAITS:
            why = f" ({event.retry_count} attempts, {event.last_error})" if event.last_error else ""
            found.append(
                Finding(
                    Level.ERROR if age > _WAITS_LONG else Level.WARNING,
                    f"{event.subject} {event.event_id} of tenant {event.tenant_id} waits for the bus since {_minutes(age)}{why}",
                    "see what doctor says of the bus and the dispatchers' logs",
                )
            )
    return found or [Finding(Level.OK, f"{state.living} dispatchers hold all {state.shards} shards")]


async def sweep(container: Container) -> list[Finding]:
    """That somebody looks for what was dispatched and not handled, and finds all settled."""
    now = wall_clock()
    async with container.database().system() as tx:
        state = await queries.sweep_state(tx.conn, late_before=now - _SWEEP_LATE)
    assert state is not None
    found = []
    if state.late:
        found.append(
            Finding(
                Level.WARNING,
                f"nobody swept for {_minutes(_SWEEP_LATE)}",
                f"{_DISPATCHER}; it sweeps once the routers have handled what it published",
            )
        )
    behind = now - made_at(state.swept_to)
    if behind > _UNSETTLED_LONG + container.settings().sweep_after:
        found.append(
            Finding(
                Level.WARNING,
                f"not all events are settled since {_minutes(behind)}",
                "routers have a backlog, or an event is published again and again and nobody takes it: see their logs",
            )
        )
    return found or [Finding(Level.OK, f"all settled until {_minutes(behind)} ago")]


async def parked(container: Container) -> list[Finding]:
    """That what failed is tried again in time."""
    now = wall_clock()
    async with container.database().system() as tx:
        rows = await queries.parked_by_consumer(tx.conn, overdue_before=now - _OVERDUE)
    found = []
    for row in rows:
        what = (
            f"{row.consumer}: {row.parked} events (tenants: {row.tenants}) wait for another attempt, "
            f"the first since {_minutes(now - row.since)}"
        )
        if row.overdue:
            what += f"; {row.overdue} are overdue"
            found.append(Finding(Level.ERROR, what, "start a router: it makes the attempts"))
        else:
            found.append(Finding(Level.WARNING, what, "the routers' logs say why; it goes on by itself"))
    return found or [Finding(Level.OK, "none")]


async def dead_letters(container: Container) -> list[Finding]:
    """What was given up and needs a person."""
    async with container.database().system() as tx:
        rows = await queries.dead_by_consumer(tx.conn)
    return [
        Finding(
            Level.WARNING,
            f"{row.consumer}: {row.dead} (tenants: {row.tenants}), the latest at {row.latest:%Y-%m-%d %H:%M} UTC",
            "see `corebilling dlq list`; requeue them once the cause is mended",
        )
        for row in rows
    ] or [Finding(Level.OK, "none")]


def _day(partition: str) -> date:
    return datetime.strptime(partition[-8:], "%Y%m%d").replace(tzinfo=UTC).date()


def _table(partition: str) -> str:
    return partition[: -len("_p20260101")]


def _minutes(age: timedelta) -> str:
    minutes = int(age.total_seconds() // 60)
    return f"{minutes} minutes" if minutes < 120 else f"{minutes // 60} hours"
