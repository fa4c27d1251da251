"""`corebilling dlq`: dead letters of all tenants, looked at, brought back and dropped."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
import typer

from corebilling.cli.acting import command_act
from corebilling.cli.bootstrap import with_container
from corebilling.cli.failures import errors, told
from corebilling.cli.instants import in_utc
from corebilling.cli.operate import AsJson, console, print_json, table, worker_settings
from corebilling.container import Container
from corebilling.platform import audit
from corebilling.platform.bus import deadletters
from corebilling.platform.bus.deadletters import MOST_AT_ONCE, Letters
from corebilling.platform.db import Tx
from corebilling.platform.queries.deadletters import ListDeadLettersRow
from corebilling.platform.queries.models import DeadLetter

dlq = typer.Typer(help="Dead letters: events that a consumer gave up.", no_args_is_help=True)

Tenant = Annotated[UUID | None, typer.Option(help="only this tenant's")]
Consumer = Annotated[str | None, typer.Option(help="only what this consumer gave up; dispatcher: what the bus refused")]
Subject = Annotated[str | None, typer.Option(help="only this subject, or all below a word: invoice.*")]
Error = Annotated[str | None, typer.Option("--error", help="only this type of error, such as ForeignKeyViolation")]
Reason = Annotated[str | None, typer.Option(help="only reasons that begin so, such as failed")]
Resource = Annotated[UUID | None, typer.Option(help="only events of this resource")]
From = Annotated[datetime | None, typer.Option("--from", help="failed last at this instant (UTC) or later")]
To = Annotated[datetime | None, typer.Option("--to", help="failed last before this instant (UTC)")]
Everything = Annotated[bool, typer.Option("--all", help="all that there are, without naming a filter")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="only say how many it would be")]
Yes = Annotated[bool, typer.Option("--yes", help="don't ask")]


@dlq.command("list")
@told
def dlq_list(
    tenant: Tenant = None,
    consumer: Consumer = None,
    subject: Subject = None,
    error: Error = None,
    reason: Reason = None,
    resource: Resource = None,
    since: From = None,
    before: To = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: AsJson = False,
) -> None:
    """List dead letters, the latest first."""
    which = Letters(tenant, None, consumer, subject, error, reason, resource, _utc(since), _utc(before))

    async def work(container: Container) -> tuple[list[ListDeadLettersRow], int]:
        async with container.database().system() as tx:
            return await deadletters.list_dead_letters(tx, which, limit=limit), await deadletters.count(tx, which)

    rows, there_are = with_container(worker_settings(), work)
    if as_json:
        print_json(rows)
        return
    shown = table("event", "tenant", "consumer", "subject", "attempts", "last failed", "why")
    for row in rows:
        shown.add_row(
            str(row.event_id), str(row.tenant_id), row.consumer, row.subject, str(row.attempts),
            f"{row.last_failed_at:%F %T}", f"{row.error_type}: {row.error}",
        )  # fmt: skip
    console.print(shown)
    console.print(f"{len(rows)} of {there_are} dead letters")


@dlq.command("show")
@told
def dlq_show(tenant: UUID, event: UUID) -> None:
    """Show all about one event's dead letters, with the event."""

    async def work(container: Container) -> list[DeadLetter]:
        async with container.database().system() as tx:
            return await deadletters.show(tx, tenant, event)

    rows = with_container(worker_settings(), work)
    if not rows:
        errors.print(
            f"corebilling: no consumer of tenant {tenant} gave up {event}; `corebilling dlq list` shows what was",
            soft_wrap=True,
        )
        raise typer.Exit(1)
    print_json([{**msgspec.structs.asdict(row), "envelope": msgspec.Raw(row.envelope.encode())} for row in rows])


@dlq.command("requeue")
@told
def dlq_requeue(
    event: Annotated[list[UUID] | None, typer.Argument(help="event ids; none: what the filters find")] = None,
    tenant: Tenant = None,
    consumer: Consumer = None,
    subject: Subject = None,
    error: Error = None,
    reason: Reason = None,
    resource: Resource = None,
    since: From = None,
    before: To = None,
    everything: Everything = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Give events a fresh start with the consumer that gave them up, once the cause is mended.

    Example:

    corebilling dlq requeue --consumer invoice --error UndefinedColumn --from 2026-11-20
    """
    which = Letters(tenant, event or None, consumer, subject, error, reason, resource, _utc(since), _utc(before))

    async def requeue(container: Container, tx: Tx) -> int:
        return await deadletters.requeue(tx, which, container.clock()())

    _act_on(which, requeue, "requeued", everything=everything, dry_run=dry_run, yes=yes)


@dlq.command("discard")
@told
def dlq_discard(
    event: Annotated[list[UUID] | None, typer.Argument(help="event ids; none: what the filters find")] = None,
    tenant: Tenant = None,
    consumer: Consumer = None,
    subject: Subject = None,
    error: Error = None,
    reason: Reason = None,
    resource: Resource = None,
    since: From = None,
    before: To = None,
    everything: Everything = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Drop dead letters for good: these events never have their effect."""
    which = Letters(tenant, event or None, consumer, subject, error, reason, resource, _utc(since), _utc(before))

    async def discard(container: Container, tx: Tx) -> int:
        return await deadletters.discard(tx, which)

    _act_on(which, discard, "discarded", everything=everything, dry_run=dry_run, yes=yes)


def _act_on(
    which: Letters,
    act: Callable[[Container, Tx], Awaitable[int]],
    verb: str,
    *,
    everything: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Say how many it is about, ask, and act in transactions of `MOST_AT_ONCE`; fewer than the named events is exit code 1."""
    if which == Letters() and not everything:
        raise typer.BadParameter("name events or a filter, or say --all")

    async def look(container: Container) -> int:
        async with container.database().system() as tx:
            return await deadletters.count(tx, which)

    async def work(container: Container) -> int:
        done, left = 0, found
        while left > 0:  # no more often than the count asked for: what dies again at once isn't taken a second time
            async with container.database().system() as tx:
                note = command_act(container.clock()(), "/v1/dead-letters")
                await audit.record(tx, note, [which.tenant_id] if which.tenant_id else [])
                done += await act(container, tx)
            left -= MOST_AT_ONCE
        return done

    found = with_container(worker_settings(), look)
    if dry_run:
        console.print(f"{found} would be {verb}")
        return
    if found and not yes:
        typer.confirm(f"{found} dead letters ({_said(which)}) will be {verb}. Go on?", abort=True)
    done = with_container(worker_settings(), work)
    console.print(f"{done} of {found} {verb}")
    if which.event_ids and done < len(which.event_ids):
        raise typer.Exit(1)


def _said(which: Letters) -> str:
    named = {name: value for name, value in msgspec.structs.asdict(which).items() if value is not None}
    if events := named.pop("event_ids", None):
        named["events"] = len(events)
    return ", ".join(f"{name} {value}" for name, value in named.items()) or "all there are"


def _utc(instant: datetime | None) -> datetime | None:
    return in_utc(instant) if instant else None
