"""`corebilling replay`: send events of a tenant on their way again."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
import typer
from rich.console import Console

from corebilling.cli.acting import command_act
from corebilling.cli.bootstrap import with_container
from corebilling.cli.failures import told
from corebilling.cli.following import followed
from corebilling.cli.instants import in_utc
from corebilling.cli.operate import AsJson, console, print_json, table, worker_settings
from corebilling.container import Container
from corebilling.platform import audit
from corebilling.platform.eventlog.schemas_replay import MOST_PER_SECOND, ReplayPlan, ReplayRequest
from corebilling.platform.jobs.schemas import JobOut

progress = Console(stderr=True, highlight=False)


def _given(reason: str) -> str:
    if not reason.strip():
        raise typer.BadParameter("it is empty; whoever reads of this replay later wants to know why")
    return reason


@told
def replay(
    tenant: Annotated[UUID, typer.Option(help="whose events")],
    since: Annotated[datetime, typer.Option("--from", help="written at this instant (UTC) or later")],
    reason: Annotated[str, typer.Option(callback=_given, help="why, for whoever reads of it later")],
    before: Annotated[
        datetime | None, typer.Option("--to", help="written before this instant (UTC); until now")
    ] = None,
    subject: Annotated[list[str] | None, typer.Option(help="may be repeated; invoice.* for all below a word")] = None,
    resource: Annotated[UUID | None, typer.Option(help="only events of this resource")] = None,
    consumer: Annotated[str | None, typer.Option(help="only this consumer gets them")] = None,
    rate: Annotated[int, typer.Option(min=1, max=MOST_PER_SECOND, help="events a second at most")] = 500,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="empty the consumer's projection first")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only show what would be sent to whom")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="watch the job until it is over")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="don't ask")] = False,
    as_json: AsJson = False,
) -> None:
    """Queue a job that sends events on their way again; workers (component jobs) do it. Shows what it would send, and asks first.

    Consumers that have taken an event before leave it alone. Exit code 1 if the job that was waited for didn't succeed.

    Example:

    corebilling replay --tenant 01981a50-0000-7000-8000-000000000000 --from 2026-11-14 --consumer entitlements --rebuild --reason "a bug"
    """
    request = ReplayRequest(
        start=in_utc(since),
        end=in_utc(before) if before else None,
        subjects=subject or [],
        resource_id=resource,
        consumer=consumer,
        reason=reason,
        rate_per_second=rate,
        rebuild=rebuild,
        dry_run=dry_run,
    )

    async def look(container: Container) -> ReplayPlan:
        async with container.database().tenant(tenant) as tx:
            planned = await container.replay().plan(tx, tenant, request)
            await container.tenant_service().get(tx, tenant)
            return planned

    async def work(container: Container) -> dict[str, Any]:
        database, jobs = container.database(), container.job_service()
        act = command_act(container.clock()(), "/v1/events/replay")
        async with database.tenant(tenant) as tx:
            await audit.record(tx, act, [tenant])
            queued = await container.replay().start(tx, tenant, request, asked_by=act.actor)

        async def again() -> dict[str, Any]:
            async with database.tenant(tenant) as tx:
                return _shown(await jobs.get(tx, tenant, queued.id))

        job = _shown(queued)
        return await followed(job, again, counts="events", console=progress) if wait else job

    plan = with_container(worker_settings(), look)
    if dry_run:
        print_json(plan) if as_json else _tell(plan)
        return
    if not yes:
        _tell(plan)
        typer.confirm("Replay these events?", abort=True)
    job = with_container(worker_settings(), work)
    if as_json:
        print_json(job)
    elif job["state"] == "succeeded":
        console.print(f"{job['result']['replayed']:,} events replayed")
    elif not wait:
        console.print(f"job {job['id']} is {job['state']}; GET /v1/jobs/{job['id']} tells how far it is")
    if wait and job["state"] != "succeeded":
        console.print(f"the job {job['state']}{': ' + job['error'] if job['error'] else ''}", markup=False)
        raise typer.Exit(1)


def _tell(plan: ReplayPlan) -> None:
    subjects = table("subject", "events", "refused by the bus")
    for each in plan.subjects:
        subjects.add_row(each.subject, f"{each.events:,}", f"{each.unpublished:,}")
    consumers = table("consumer", "events", "taken already", "to be handled")
    for one in plan.consumers:
        consumers.add_row(one.consumer, f"{one.events:,}", f"{one.taken:,}", f"{one.to_be_handled:,}")
    for shown in (subjects, consumers):
        if shown.row_count:
            console.print(shown)
    console.print(f"{plan.events:,} events, at least {plan.seconds:,} seconds")


def _shown(job: JobOut) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(job))
    return found
