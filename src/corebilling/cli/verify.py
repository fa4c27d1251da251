"""`corebilling verify-invoice`: computes invoices again from what they are pinned to, at the installation's database."""

import sys
from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from corebilling.cli.bootstrap import with_container
from corebilling.cli.failures import told
from corebilling.cli.operate import print_json, worker_settings
from corebilling.container import Container
from corebilling.invoice.domain.findings import Finding
from corebilling.kernel.errors import NotFound
from corebilling.platform.db import Database

PAGE = 500
SHOWN = 1_000

errors = Console(stderr=True, highlight=False)


class Gap(msgspec.Struct, frozen=True):
    """A number series that gave another count of numbers than documents have."""

    tenant_id: UUID
    figure: str
    stored: str
    computed: str


class Verified(msgspec.Struct):
    """What came of it; of many findings the first are kept."""

    invoices: int = 0
    finding_count: int = 0
    findings: list[Finding] = []
    gaps: list[Gap] = []

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong."""
        return not self.finding_count and not self.gaps

    def add(self, invoices: int, found: list[Finding]) -> None:
        """Count a page."""
        self.invoices += invoices
        self.finding_count += len(found)
        self.findings += found[: SHOWN - len(self.findings)]


@told
def verify_invoice(
    invoice: Annotated[str | None, typer.Argument(help="an invoice's id or number")] = None,
    every: Annotated[bool, typer.Option("--all", help="every invoice there is, with the number series")] = False,
    tenant: Annotated[UUID | None, typer.Option(help="only this tenant's")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Compute invoices again from usage, prices and rates, and compare charges, lines, taxes, totals, payments and journals.

    Changes nothing. Exit code 1 if anything differs; each difference names the invoice, the line and both figures.
    """
    if every == (invoice is not None):
        raise typer.BadParameter("name an invoice, or --all")
    found = with_container(worker_settings(), lambda container: _verified(container, invoice, tenant))
    if as_json:
        print_json({"verified": found.holds, **msgspec.structs.asdict(found)})
    else:
        _show(found)
    if not found.holds:
        raise typer.Exit(1)


async def _verified(container: Container, reference: str | None, tenant: UUID | None) -> Verified:
    if reference is None:
        return await verify_all(container, tenant)
    database, verification, verified = container.database(), container.invoice_verification(), Verified()
    async with database.system() as tx:
        places = await verification.find(tx, reference, tenant)
    if not places:
        raise NotFound(f"there is no invoice {reference}; send its id or its number", code="invoice_not_found")
    for tenant_id, invoice_id in places:
        async with database.tenants([tenant_id]) as tx:
            verified.add(1, await verification.verify(tx, tenant_id, [invoice_id]))
    return verified


async def verify_all(container: Container, tenant: UUID | None = None) -> Verified:
    """Every invoice of every tenant, or of one, a page at a time, with a bar on standard error."""
    database, verified = container.database(), Verified()
    async with database.system() as tx:
        counts = await container.invoice_verification().counts(tx, tenant)
    columns = (TextColumn("invoices"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("verify", total=sum(counts.values()))
        for tenant_id in counts:
            async for checked, found in _pages(container, database, tenant_id):
                verified.add(checked, found)
                bar.advance(task, checked)
            async with database.tenants([tenant_id]) as tx:
                gaps = await container.invoice_verification().series(tx, tenant_id)
            verified.gaps += [Gap(tenant_id, gap.figure, gap.stored, gap.computed) for gap in gaps]
    return verified


async def _pages(container: Container, database: Database, tenant_id: UUID) -> AsyncIterator[tuple[int, list[Finding]]]:
    """The findings of each page of a tenant's invoices, and how many those are."""
    verification = container.invoice_verification()
    after: UUID | None = None
    while True:
        async with database.tenants([tenant_id]) as tx:
            ids = await verification.page(tx, tenant_id, after, PAGE)
            found = await verification.verify(tx, tenant_id, ids) if ids else []
        yield len(ids), found
        if len(ids) < PAGE:
            return
        after = ids[-1]


def _show(found: Verified) -> None:
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 200, soft_wrap=True)
    for one in found.findings:
        line = "" if one.line_no is None else f", line {one.line_no}"
        name = one.number or "draft"
        console.print(
            f"{name} ({one.invoice_id} of tenant {one.tenant_id}){line}: {one.figure} is {one.stored}, "
            f"comes out as {one.computed}",
            markup=False,
        )
    for gap in found.gaps:
        console.print(
            f"tenant {gap.tenant_id}: {gap.figure}: {gap.stored}, numbers given: {gap.computed}", markup=False
        )
    console.print(
        f"{found.invoices} invoices verified, {found.finding_count} findings, {len(found.gaps)} gaps in series"
    )
