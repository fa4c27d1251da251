"""What a person sees at the end of the demo."""

from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.tree import Tree

from corebilling.cli.demo.figures import Figures
from corebilling.kernel.money import from_minor


def amount(minor: int, currency: str) -> str:
    """`1234567` EUR as `12,345.67 EUR`."""
    return f"{from_minor(minor, currency):,} {currency}"


def invoices(console: Console, rows: list[dict[str, Any]], names: dict[str, str], most: int = 8) -> None:
    """The largest few invoices, and the sum of all."""
    table = Table(title=f"Invoices: the largest {min(most, len(rows))} of {len(rows):,}", title_justify="left")
    for heading in ("number", "customer", "period", "status"):
        table.add_column(heading)
    table.add_column("total", justify="right")
    for row in sorted(rows, key=lambda row: -row["total_minor"])[:most]:
        table.add_row(
            row["number"],
            names.get(row["customer_id"], row["customer_id"]),
            f"{row['period_start'][:10]} to {row['period_end'][:10]}",
            row["status"],
            amount(row["total_minor"], row["currency"]),
        )
    if rows:
        table.add_section()
        table.add_row("", "all", "", "", amount(sum(r["total_minor"] for r in rows), rows[0]["currency"]))
    console.print(table)


def explanation(console: Console, explained: dict[str, Any]) -> None:
    """One invoice, down to the steps of each charge, so that it can be checked by hand."""
    currency = explained["currency"]
    tree = Tree(f"[bold]{explained['number']}[/]: {amount(explained['total_minor'], currency)}")
    for line in explained["lines"]:
        node = tree.add(f"{line['description']}: {amount(line['amount_minor'], currency)}")
        for step in line["steps"]:
            parts = f"{step['label']}: {Decimal(step['quantity']):,} x {step['unit_amount']}"
            if Decimal(step["flat_amount"]):
                parts += f" + {step['flat_amount']}"
            node.add(f"{parts} = {step['amount']}")
        if line["kind"] != "recurring":
            node.add(f"[dim]exact {line['exact_amount']}, rounded once; events: {line['events']}[/]")
    console.print(tree)


def trial_balance(console: Console, rows: list[dict[str, Any]]) -> None:
    """Debits and credits by account."""
    table = Table(title="Trial balance", title_justify="left")
    table.add_column("account")
    table.add_column("debit", justify="right")
    table.add_column("credit", justify="right")
    for row in rows:
        shown = [amount(row[side], row["currency"]) if row[side] else "" for side in ("debit_minor", "credit_minor")]
        table.add_row(f"{row['account']} {row['name']}", *shown)
    console.print(table)


def ending(console: Console, figures: Figures) -> None:
    """The figures, and whether they hold."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_row("usage", f"{figures.events_accepted:,} events accepted, {figures.duplicates:,} duplicates recognised")
    table.add_row("", f"{figures.events_per_second:,.0f} events/s over HTTP, each answered once it was committed")
    table.add_row(
        "billing", f"{figures.invoices:,} invoices, {figures.invoices_per_second:,.0f}/s up to the webhook received"
    )
    table.add_row(
        "", f"{amount(figures.invoiced_minor, figures.currency)}, as computed a second time without the engine"
    )
    table.add_row(
        "ledger",
        f"{figures.journals:,} journals, trial balance {figures.trial_balance_minor}, {figures.ledger_mismatches} mismatches",
    )
    table.add_row(
        "webhooks",
        f"{figures.webhooks_verified:,} received, every signature verified, {figures.webhooks_refused} refused",
    )
    if figures.pdf:
        table.add_row("PDF", figures.pdf)
    console.print(table)
    if figures.failures:
        console.print("\n[bold red]FAILED[/]")
        for failure in figures.failures:
            console.print(f"  {failure}", markup=False)
    else:
        console.print("\n[bold green]PASSED[/] every figure holds")
