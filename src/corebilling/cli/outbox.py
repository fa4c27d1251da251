"""`corebilling outbox`: how the dispatchers share their attention between tenants."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import typer

from corebilling.cli.acting import command_act
from corebilling.cli.bootstrap import with_container
from corebilling.cli.failures import told
from corebilling.cli.operate import AsJson, console, print_json, table, worker_settings
from corebilling.container import Container
from corebilling.platform import audit
from corebilling.platform.bus.weights import HEAVIEST, list_weights, set_weight
from corebilling.platform.queries.outbox import WeightsRow

outbox = typer.Typer(help="The outbox: tenants' shares while many events wait.", no_args_is_help=True)


@outbox.command("weights")
@told
def weights(as_json: AsJson = False) -> None:
    """List the tenants with a weight of their own; everybody else's is 1."""

    async def work(container: Container) -> Sequence[WeightsRow]:
        async with container.database().system() as tx:
            return await list_weights(tx)

    rows = with_container(worker_settings(), work)
    if as_json:
        print_json(rows)
        return
    shown = table("tenant", "weight")
    for row in rows:
        shown.add_row(str(row.tenant_id), str(row.weight))
    console.print(shown)


@outbox.command("set-weight")
@told
def change_weight(tenant: UUID, weight: Annotated[int, typer.Argument(help=f"1 to {HEAVIEST}")]) -> None:
    """Give a tenant its share: with weight 3, three of its events go out for each one of a tenant with weight 1.

    It matters only while more events wait than the dispatchers can send at once; they follow within seconds.
    """

    async def work(container: Container) -> None:
        now = container.clock()()
        async with container.database().system() as tx:
            await container.tenant_service().get(tx, tenant)
            await set_weight(tx, tenant, weight, now)
            await audit.record(tx, command_act(now, f"/v1/tenants/{tenant}"), [tenant])

    with_container(worker_settings(), work)
    console.print(f"weight of {tenant}: {weight}")
