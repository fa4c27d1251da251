"""The demo's main story: a month of many customers, checked against arithmetic of its own."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from corebilling.cli.client import Client
from corebilling.cli.demo import billing, show, traffic, world
from corebilling.cli.demo.expected import invoice_cents
from corebilling.cli.demo.figures import Figures
from corebilling.cli.receiver import Receiver, receiving

AFTER_GRACE = world.MONTH_LAST_HOUR + timedelta(hours=3)
"""An hour to the end of January, an hour of grace, and one more."""


def bars(console: Console) -> Progress:
    """Progress bars that say how many of how many."""
    return Progress(
        TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )


async def listen_for_invoices(client: Client, receiver: Receiver) -> None:
    """Point a webhook endpoint of the tenant at the receiver."""
    endpoint = await client.post("/v1/webhook-endpoints", {"url": receiver.url, "subjects": ["invoice.*"]})
    receiver.secret = endpoint["secret"]


async def bill_month(
    url: str,
    admin_key: str,
    prove_ledger: billing.Proof,
    *,
    customers: int,
    events: int,
    console: Console,
    output: Path,
) -> Figures:
    """Set up, use, close, check, show."""
    figures = Figures(customers=customers, events_sent=events)
    wanted = world.customers(customers)
    made, truth = traffic.month(wanted, events)
    async with Client(url, admin_key) as admin:
        _, key = await world.create_tenant(admin, "Demo", world.MONTH_START)
    async with Client(url, key) as client, receiving() as receiver:
        await listen_for_invoices(client, receiver)
        await world.create_catalog(client)
        with bars(console) as progress:
            task = progress.add_task("customers and subscriptions", total=customers)
            await world.create_customers(client, wanted, lambda n: progress.advance(task, n))
            await billing.advance(client, world.MONTH_LAST_HOUR)
            task = progress.add_task("usage events", total=events)
            sent = await traffic.send(client, traffic.batches(made), lambda n: progress.advance(task, n))
            task = progress.add_task("invoices (by webhook)", total=customers)
            figures.billing_seconds = await billing.close_period(
                client, receiver, AFTER_GRACE, customers, lambda n: progress.advance(task, n)
            )
        _count_usage(figures, sent)
        rows = await billing.read_invoices(client)
        names = {c["id"]: c["external_id"] async for c in client.pages("/v1/customers")}
        _check_invoices(figures, rows, names, wanted, truth)
        balance = await billing.prove(client, prove_ledger, figures)
        await _show(console, client, figures, rows, names, balance, output)
        figures.webhooks_verified = receiver.verified.total()
        figures.webhooks_refused = receiver.refused
        figures.check(receiver.verified["invoice.generated"] == customers, "not every invoice was announced by webhook")
        figures.check(receiver.refused == 0, f"{receiver.refused} webhooks had a wrong signature")
    return figures


def _count_usage(figures: Figures, sent: traffic.Sent) -> None:
    figures.events_accepted, figures.duplicates, figures.rejected = sent.accepted, sent.duplicates, sent.rejected
    figures.ingest_seconds = sent.seconds
    figures.events_per_second = (sent.accepted + sent.duplicates) / max(sent.seconds, 1e-9)
    figures.check(
        sent.accepted == figures.events_sent, f"{sent.accepted} of {figures.events_sent} events were accepted"
    )
    figures.check(sent.rejected == 0, f"{sent.rejected} events were rejected")


def _check_invoices(
    figures: Figures,
    rows: list[dict[str, Any]],
    names: dict[str, str],
    wanted: list[world.Customer],
    truth: dict[str, traffic.Usage],
) -> None:
    figures.invoices = len(rows)
    figures.invoices_per_second = len(rows) / max(figures.billing_seconds, 1e-9)
    figures.invoiced_minor = sum(row["total_minor"] for row in rows)
    expected = {c.external_id: invoice_cents(c.plan, truth[c.external_id]) for c in wanted}
    figures.expected_minor = sum(expected.values())
    figures.check(len(rows) == len(wanted), f"{len(rows)} invoices for {len(wanted)} subscriptions")
    for row in rows:
        name = names[row["customer_id"]]
        figures.check(
            row["total_minor"] == expected[name],
            f"{row['number']} ({name}) is {row['total_minor']} and should be {expected[name]}",
        )


async def _show(
    console: Console,
    client: Client,
    figures: Figures,
    rows: list[dict[str, Any]],
    names: dict[str, str],
    balance: list[dict[str, Any]],
    output: Path,
) -> None:
    show.invoices(console, rows, names)
    if rows:
        largest = max(rows, key=lambda row: row["total_minor"])
        show.explanation(console, await client.get(f"/v1/invoices/{largest['id']}/explain"))
        figures.pdf = str(await billing.save_pdf(client, largest, output))
    show.trial_balance(console, balance)
