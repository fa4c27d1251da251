"""`corebilling statements`: customers' statements of account, at an installation's database."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
import typer
from rich.console import Console

from corebilling.cli.bootstrap import with_container
from corebilling.cli.failures import told
from corebilling.cli.following import followed
from corebilling.cli.operate import AsJson, print_json, worker_settings
from corebilling.container import Container
from corebilling.invoice.schemas.statements import StatementRequest
from corebilling.platform.jobs.schemas import JobOut

statements = typer.Typer(help="Customers' statements of account.", no_args_is_help=True)

console = Console(stderr=True, highlight=False)


@statements.command("run")
@told
def run(
    tenant: Annotated[UUID, typer.Option(help="whose customers")],
    period: Annotated[str, typer.Option(help="a month in the tenant's zone that is over, such as 2026-01")],
    customer: Annotated[str | None, typer.Option(help="only this one: an id or external id")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="watch the job until it is over")] = False,
    as_json: AsJson = False,
) -> None:
    """Queue a job that gives each customer a statement of the month where it has none; workers (component jobs) do it.

    Exit code 1 if the job that was waited for didn't succeed. Interrupting it leaves the job as it is.

    Example:

    corebilling statements run --tenant 01981a50-0000-7000-8000-000000000000 --period 2026-01 --wait
    """

    async def work(container: Container) -> dict[str, Any]:
        database, jobs = container.database(), container.job_service()
        request = StatementRequest(period=period, customer_id=customer)
        async with database.tenant(tenant) as tx:
            queued = await container.statements().start(tx, tenant, request)

        async def again() -> dict[str, Any]:
            async with database.tenant(tenant) as tx:
                return _shown(await jobs.get(tx, tenant, queued.id))

        job = _shown(queued)
        return await followed(job, again, counts="customers", console=console) if wait else job

    job = with_container(worker_settings(), work)
    if as_json:
        print_json(job)
    elif job["state"] == "succeeded":
        done = job["result"]
        console.print(
            f"{done['statements']:,} statements made, {done['there_before']:,} were there; {done['customers']:,} customers"
        )
    elif not wait:
        console.print(f"job {job['id']} is {job['state']}; GET /v1/jobs/{job['id']} tells how far it is")
    if wait and job["state"] != "succeeded":
        console.print(f"the job {job['state']}{': ' + job['error'] if job['error'] else ''}", markup=False)
        raise typer.Exit(1)


def _shown(job: JobOut) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(job))
    return found
