"""Commands about the ledger: its proof, and its export to another ledger."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated, BinaryIO
from uuid import UUID

import msgspec
import typer
from rich.console import Console

from corebilling.cli.bootstrap import prove_ledger, with_container
from corebilling.cli.failures import told
from corebilling.container import Container
from corebilling.ledger.domain.gl_formats import Format
from corebilling.ledger.domain.proof import ProofReport
from corebilling.ledger.gl_export import Selection, T, Work
from corebilling.ledger.seal_proof import SealReport
from corebilling.settings import Settings, load_settings

ledger = typer.Typer(
    help="The ledger: its proof across all tenants, and the export of one tenant's.", no_args_is_help=True
)

console = Console(highlight=False, width=None if sys.stdout.isatty() else 200)


def _settings() -> Settings:
    return load_settings({"ENVIRONMENT": "development", **os.environ}, role="worker")


class Verification(msgspec.Struct, frozen=True):
    """Both halves of the proof."""

    holds: bool
    documents: ProofReport
    seals: SealReport


@ledger.command("verify")
@told
def verify(as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False) -> None:
    """Compare every document of every tenant with its journal, and every sealed journal with its seal.

    Exit code 1 if anything is off.
    """

    async def work(container: Container) -> Verification:
        documents = await prove_ledger(container)
        async with container.database().system() as tx:
            seals = await container.seal_proof().check(tx)
        return Verification(documents.holds and seals.holds, documents, seals)

    found = with_container(_settings(), work)
    if as_json:
        told_all = {"holds": found.holds, **msgspec.structs.asdict(found.documents), "seals": found.seals}
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(told_all), indent=2) + b"\n")
    else:
        _show(found.documents, found.seals)
    if not found.holds:
        raise typer.Exit(1)


def _show(report: ProofReport, seals: SealReport) -> None:
    for fault in report.mismatches:
        console.print(
            f"{fault.fault}: {fault.document_type} {fault.document_id} of tenant {fault.tenant_id}: {fault.detail}"
        )
    for imbalance in report.imbalances:
        console.print(f"tenant {imbalance.tenant_id}: {imbalance.balance_minor} {imbalance.currency} don't cancel out")
    for wrong in report.discrepancies:
        console.print(
            f"account {wrong.account} of tenant {wrong.tenant_id} is {wrong.booked_minor} {wrong.currency}, "
            f"and should be {wrong.held_minor}"
        )
    for broken in seals.broken:
        console.print(f"broken seal: block {broken.block_no} of tenant {broken.tenant_id}: {broken.detail}")
    if seals.overdue:
        console.print(f"{seals.overdue} journals should have been sealed long ago and are not")
    console.print(f"{report.documents} documents, {report.journals} journals, {report.fault_count} mismatches")
    console.print(
        f"{seals.blocks} sealed blocks of {seals.journals} journals, {seals.broken_count} broken; "
        f"{seals.unsealed} journals wait to be sealed"
    )


@ledger.command("seal")
@told
def seal() -> None:
    """Seal what isn't sealed yet, now, as the worker does every half minute."""
    with_container(_settings(), lambda container: container.sealer().run())
    console.print("all that was settled is sealed")


@ledger.command("export")
@told
def export(
    tenant: Annotated[UUID, typer.Option(help="whose ledger")],
    period: Annotated[str | None, typer.Option(help="a month in the tenant's zone, such as 2026-01")] = None,
    batch: Annotated[int | None, typer.Option(help="the number of a batch that was made before")] = None,
    new_batch: Annotated[
        bool, typer.Option("--new-batch", help="first make a batch of what the period has that is in none yet")
    ] = False,
    kind: Annotated[str, typer.Option("--format", help="csv, jsonl, hledger or beancount")] = "csv",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="a file instead of standard output")] = None,
) -> None:
    """Write a tenant's journals of a month, or of a batch, for another ledger to read."""
    if (period is None) == (batch is None) or (new_batch and period is None):
        raise typer.BadParameter("name either --period (with --new-batch, if it shall be kept) or --batch")
    try:
        wanted: Format = msgspec.convert(kind, Format)
    except msgspec.ValidationError:
        raise typer.BadParameter("choose --format csv, jsonl, hledger or beancount") from None

    async def work(container: Container, to: BinaryIO) -> None:
        database, gl_export = container.database(), container.gl_export()

        async def read(question: Work[T]) -> T:
            async with database.tenant(tenant) as tx:
                return await question(tx)

        number = batch
        if new_batch:
            assert period is not None
            made = await read(lambda tx: gl_export.create_batch(tx, tenant, period))
            number = made.id
            Console(stderr=True, highlight=False).print(f"batch {made.id}: {made.journal_count} journals")
        if number is not None:
            kept = await read(lambda tx: gl_export.batch(tx, tenant, number))
            selection = Selection(batch_no=kept.id)
        else:
            assert period is not None
            start, end = await read(lambda tx: gl_export.month(tx, tenant, period))
            selection = Selection(start, end)
        async for piece in gl_export.text(read, tenant, selection, wanted):
            await asyncio.to_thread(to.write, piece)

    if output is None:
        with_container(_settings(), lambda container: work(container, sys.stdout.buffer))
    else:
        with output.open("wb") as file:
            with_container(_settings(), lambda container: work(container, file))
        console.print(f"written to {output}")
