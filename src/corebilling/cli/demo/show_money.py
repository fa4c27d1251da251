"""What a person sees of the money chapter."""

from typing import Any

from rich.console import Console
from rich.table import Table

from corebilling.cli.demo.seller import CUSTOMERS
from corebilling.cli.demo.show import amount

EUR = "EUR"
_LEFT = "left to pay"

Row = tuple[str, str, int]


def customers(console: Console, invoices: dict[str, dict[str, Any]], happened: dict[str, list[Row]]) -> None:
    """Each customer's invoice with its tax, what happened to it, and what is left to pay."""
    console.print("\nThe money of a second seller, in Berlin, with 19 % VAT")
    for name, invoice in invoices.items():
        console.print(f"[bold]{name}[/] {CUSTOMERS[name]}", soft_wrap=True)
        table = Table(show_header=False, box=None, padding=(0, 2, 0, 0), width=78)
        table.add_column(no_wrap=True)
        table.add_column(ratio=1)
        table.add_column(justify="right", no_wrap=True)
        net, tax = (amount(invoice[side], EUR) for side in ("subtotal_minor", "tax_minor"))
        rows = [(invoice["number"], f"{net} and VAT of {tax}", invoice["total_minor"]), *happened[name]]
        for number, what, minor in (*rows, ("", _LEFT, invoice["due_minor"])):
            table.add_row(f"  {number}", what, amount(minor, EUR) if minor or what == _LEFT else "")
        console.print(table)


def earned(console: Console, months: list[dict[str, Any]], still_deferred_minor: int) -> None:
    """The year paid ahead, by month."""
    shown = ", ".join(f"{month['month'][:7]} {amount(month['recognised_minor'], EUR)}" for month in months)
    console.print(f"  earned once the clock went on: {shown}", soft_wrap=True)
    console.print(f"  still to be earned: {amount(still_deferred_minor, EUR)}\n")


def ageing(console: Console, owed: dict[str, Any]) -> None:
    """What customers owe, by how long it is overdue."""
    table = Table(title="Ageing on 1 April: what customers owe, by days overdue", title_justify="left")
    columns = {
        "not due": "not_due_minor", "up to 30": "days_0_30_minor", "31 to 60": "days_31_60_minor",
        "61 to 90": "days_61_90_minor", "more": "over_90_minor", "together": "total_minor",
    }  # fmt: skip
    for heading in columns:
        table.add_column(heading, justify="right")
    table.add_row(*(amount(owed[field], EUR) if owed[field] else "" for field in columns.values()))
    console.print(table)
