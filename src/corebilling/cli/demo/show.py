"""What a person sees at the end of the demo."""

from typing import Any
from urllib.parse import unquote

from rich.console import Console
from rich.table import Table

from corebilling.cli.demo.figures import Figures
from corebilling.cli.demo.stories import STORIES
from corebilling.kernel.money import from_minor


def amount(minor: int, currency: str) -> str:
    """`1234567` EUR as `12,345.67 EUR`."""
    return f"{from_minor(minor, currency):,} {currency}"


def invoices(console: Console, rows: list[dict[str, Any]], names: dict[str, str], most: int = 8) -> None:
    """The largest few invoices, and the sum of all."""
    period = f"{rows[0]['period_start'][:10]} to {rows[0]['period_end'][:10]}" if rows else ""
    table = Table(
        title=f"Invoices of {period}: the largest {min(most, len(rows))} of {len(rows):,}", title_justify="left"
    )
    for heading in ("number", "customer", "status"):
        table.add_column(heading, no_wrap=True)
    table.add_column("total", justify="right", no_wrap=True)
    for row in sorted(rows, key=lambda row: -row["total_minor"])[:most]:
        customer = names.get(row["customer_id"], row["customer_id"])
        table.add_row(row["number"], customer, row["status"], amount(row["total_minor"], row["currency"]))
    if rows:
        table.add_section()
        table.add_row("", "all", "", amount(sum(r["total_minor"] for r in rows), rows[0]["currency"]))
    console.print(table)


def explanation(console: Console, explained: dict[str, Any]) -> None:
    """One invoice, down to the steps of each charge, so that it can be checked by hand."""
    currency = explained["currency"]
    console.print(f"\n[bold]{explained['number']}[/]: {amount(explained['total_minor'], currency)}")
    for line in explained["lines"]:
        console.print(f"  {line['description']}: {amount(line['amount_minor'], currency)}")
        steps = [f"{step['label']}: {step['calculation']}" for step in line["steps"]]
        for said in (*steps, line["rounding"]):
            console.print(f"    {said}", markup=False, soft_wrap=True)
        if line["usage_events"]:
            console.print(f"    [dim]GET {unquote(line['usage_events'])}[/]", soft_wrap=True)
    console.print()


def stories(console: Console, told: dict[str, list[dict[str, Any]]], preview: dict[str, Any], warnings: int) -> None:
    """What happened to the customers with a story, line by line."""
    said = {
        "upgrader": f"previewed at {amount(preview['total_minor'], preview['currency'])}, with the same lines",
        "watched": f"usage.quota.warning came by webhook {'once' if warnings == 1 else f'{warnings} times'}",
    }
    console.print("Four customers with a story")
    for name, invoices_of_one in told.items():
        console.print(f"[bold]{name}[/] {STORIES[name]}", soft_wrap=True)
        table = Table(show_header=False, box=None, padding=(0, 2, 0, 0), width=78)
        table.add_column(no_wrap=True)
        table.add_column(ratio=1)
        table.add_column(justify="right", no_wrap=True)
        for invoice in invoices_of_one:
            for place, line in enumerate(invoice["lines"]):
                number = "" if place else f"  {invoice['number']}"
                table.add_row(number, line["description"], amount(line["amount_minor"], invoice["currency"]))
        console.print(table)
        if name in said:
            console.print(f"  {said[name]}", soft_wrap=True)
    console.print()


def trial_balance(console: Console, currencies: list[dict[str, Any]], title: str = "Trial balance") -> None:
    """Debits and credits by account."""
    table = Table(title=title, title_justify="left")
    table.add_column("account")
    table.add_column("debit", justify="right")
    table.add_column("credit", justify="right")
    for currency in currencies:
        for row in currency["accounts"]:
            table.add_row(f"{row['account']} {row['name']}", *_sides(row, currency["currency"]))
        table.add_section()
        table.add_row("sum", *_sides(currency, currency["currency"]))
    console.print(table)


def _sides(row: dict[str, Any], currency: str) -> list[str]:
    return [amount(row[side], currency) if row[side] else "" for side in ("debit_minor", "credit_minor")]


def _compared(figures: Figures) -> str:
    billed, expected = (amount(of, figures.currency) for of in (figures.invoiced_minor, figures.expected_minor))
    if billed == expected:
        return f"{billed}, as computed a second time without the engine"
    return f"{billed}, but {expected} as computed a second time without the engine"


def ending(console: Console, figures: Figures) -> None:
    """The figures, and whether they hold."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_row("usage", f"{figures.events_accepted:,} events accepted, {figures.duplicates:,} duplicates recognised")
    table.add_row("", f"{figures.events_per_second:,.0f} events/s over HTTP, each answered once it was committed")
    table.add_row(
        "billing", f"{figures.invoices:,} invoices, {figures.invoices_per_second:,.0f}/s up to the webhook received"
    )
    table.add_row("", _compared(figures))
    if (money := figures.money).invoiced_minor:
        tax, overdue = amount(money.tax_minor, "EUR"), amount(money.overdue_minor, "EUR")
        table.add_row("money", f"{tax} of tax, {overdue} overdue, every account as computed again")
    table.add_row(
        "ledger",
        f"{figures.journals:,} journals, trial balance {figures.trial_balance_minor}, {figures.ledger_mismatches} mismatches",
    )
    if figures.sealed_journals:
        table.add_row("", f"{figures.sealed_journals:,} journals sealed, {figures.broken_seals} seals broken")
    table.add_row(
        "webhooks",
        f"{figures.webhooks_verified:,} received, every signature verified, {figures.webhooks_refused} refused",
    )
    if figures.pdf:
        table.add_row("PDF", figures.pdf)
    if figures.money.e_invoice:
        table.add_row("", f"{figures.money.e_invoice}, an e-invoice (Factur-X)")
        table.add_row("", f"{figures.money.statement}, a statement of account")
    console.print(table)
    if figures.failures:
        console.print("\n[bold red]FAILED[/]")
        for failure in figures.failures:
            console.print(f"  {failure}", markup=False)
    else:
        console.print("\n[bold green]PASSED[/] every figure holds")
