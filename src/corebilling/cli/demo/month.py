"""The demo's main story: a month of many customers, checked against arithmetic of its own."""

from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from corebilling.cli.client import Client
from corebilling.cli.demo import billing, show, stories, traffic, world
from corebilling.cli.demo.expected import invoice_cents, story_cents
from corebilling.cli.demo.figures import Figures
from corebilling.cli.receiver import Receiver, receiving

AFTER_GRACE = world.MONTH_LAST_HOUR + timedelta(hours=3)
"""An hour to the end of January, an hour of grace, and one more."""


def bars(console: Console) -> Progress:
    """Progress bars that say how many of how many."""
    return Progress(
        TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )


async def listen(client: Client, receiver: Receiver) -> None:
    """Point a webhook endpoint of the tenant at the receiver."""
    subjects = ["invoice.*", "usage.quota.*"]
    endpoint = await client.post("/v1/webhook-endpoints", {"url": receiver.url, "subjects": subjects})
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
    expected = {c.external_id: [invoice_cents(c.plan, truth[c.external_id])] for c in wanted}
    expected |= story_cents(stories.USAGE)
    due = sum(map(len, expected.values()))
    async with Client(url, admin_key) as admin:
        _, key = await world.create_tenant(admin, "Demo", world.MONTH_START)
    async with Client(url, key) as client, receiving() as receiver:
        await listen(client, receiver)
        await world.create_catalog(client)
        with bars(console) as progress:
            task = progress.add_task("customers and subscriptions", total=customers)
            await world.create_customers(client, wanted, lambda n: progress.advance(task, n))
            await stories.begin(client)
            preview = await stories.half_way(client)
            await billing.advance(client, world.MONTH_LAST_HOUR)
            task = progress.add_task("usage events", total=events)
            sent = await traffic.send(client, traffic.batches(made), lambda n: progress.advance(task, n))
            task = progress.add_task("invoices (by webhook)", total=due)
            figures.billing_seconds = await billing.close_period(
                client, receiver, AFTER_GRACE, due, lambda n: progress.advance(task, n)
            )
        _count_usage(figures, sent)
        rows = await billing.read_invoices(client)
        names = {c["id"]: c["external_id"] async for c in client.pages("/v1/customers")}
        _check_invoices(figures, rows, names, expected)
        balance = await billing.prove(client, prove_ledger, figures)
        told = await stories.read(client, rows, names)
        stories.check(figures, told, preview)
        await _show_invoices(console, client, figures, rows, names, output)
        show.stories(console, told, preview, receiver.verified["usage.quota.warning"])
        show.trial_balance(console, balance)
        figures.webhooks_verified = receiver.verified.total()
        figures.webhooks_refused = receiver.refused
        figures.check(receiver.verified["invoice.generated"] == due, "not every invoice was announced by webhook")
        figures.check(receiver.verified["usage.quota.warning"] == 1, "the quota's warning didn't come exactly once")
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
    figures: Figures, rows: list[dict[str, Any]], names: dict[str, str], expected: dict[str, list[int]]
) -> None:
    figures.invoices = len(rows)
    figures.invoices_per_second = len(rows) / max(figures.billing_seconds, 1e-9)
    figures.invoiced_minor = sum(row["total_minor"] for row in rows)
    figures.expected_minor = sum(map(sum, expected.values()))
    billed: dict[str, list[int]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row["number"]):
        billed[names[row["customer_id"]]].append(row["total_minor"])
    for name, amounts in expected.items():
        figures.check(billed[name] == amounts, f"{name} was invoiced {billed[name]} and should be {amounts}")


async def _show_invoices(
    console: Console,
    client: Client,
    figures: Figures,
    rows: list[dict[str, Any]],
    names: dict[str, str],
    output: Path,
) -> None:
    show.invoices(console, rows, names)
    if rows:
        largest = max(rows, key=lambda row: row["total_minor"])
        show.explanation(console, await client.get(f"/v1/invoices/{largest['id']}/explain"))
        figures.pdf = str(await billing.save_pdf(client, largest, output))
