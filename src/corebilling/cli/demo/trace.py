"""`corebilling demo --trace`: bill a real usage trace of a language-model service, tokens in and tokens out."""

import csv
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from corebilling.cli.client import Client
from corebilling.cli.demo import billing, show, world
from corebilling.cli.demo.figures import Figures
from corebilling.cli.demo.month import bars, listen
from corebilling.cli.demo.traffic import UsageEvent, batches, send
from corebilling.cli.receiver import receiving
from corebilling.kernel.errors import Invalid
from corebilling.kernel.period import boundary

COLUMNS = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
METERS = (("input_tokens", "ContextTokens"), ("output_tokens", "GeneratedTokens"))

# Prices per 1,000 tokens, falling with volume within the month; amounts in EUR.
PER_THOUSAND = {
    "input_tokens": [("10000000", "0.0030"), (None, "0.0024")],
    "output_tokens": [("200000", "0.0150"), (None, "0.0120")],
}


class Request(msgspec.Struct, frozen=True):
    """One request of the trace: when, and how many tokens by column."""

    at: datetime
    tokens: dict[str, int]


def read(path: Path) -> list[Request]:
    """The trace, of one calendar month. Raises Invalid naming the line that can't be read."""
    with path.open(newline="", encoding="utf-8-sig") as lines:
        rows = csv.DictReader(lines)
        if missing := [c for c in COLUMNS if c not in (rows.fieldnames or [])]:
            raise Invalid(f"{path}: the columns {', '.join(missing)} are missing", code="bad_trace")
        found = []
        for row in rows:
            try:
                at = datetime.fromisoformat(row["TIMESTAMP"].strip()[:26]).replace(tzinfo=UTC)
                found.append(Request(at, {column: int(row[column]) for _, column in METERS}))
            except (TypeError, ValueError) as error:
                raise Invalid(f"{path}, line {rows.line_num}: {error}", code="bad_trace") from error
    if not found:
        raise Invalid(f"{path}: there are no requests in it", code="bad_trace")
    if len({(request.at.year, request.at.month) for request in found}) > 1:
        raise Invalid(f"{path}: the trace spans more than one calendar month; split it", code="bad_trace")
    return found


async def bill_trace(
    url: str, admin_key: str, prove_ledger: billing.Proof, *, requests: list[Request], console: Console, output: Path
) -> Figures:
    """One customer, two meters summed, graduated prices per 1,000 tokens; the month of the trace."""
    start = requests[0].at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    end = boundary(start, "UTC", "month", 1, 1)
    figures = Figures(customers=1, events_sent=2 * len(requests))
    async with Client(url, admin_key) as admin:
        _, key = await world.create_tenant(admin, "Trace", start)
    async with Client(url, key) as client, receiving() as receiver:
        await listen(client, receiver)
        await _create_plan(client)
        await billing.advance(client, end - timedelta(hours=1))
        with bars(console) as progress:
            task = progress.add_task("usage events", total=figures.events_sent)
            events = list(_events(requests))
            sent = await send(client, batches(events, repeat_every=10), lambda n: progress.advance(task, n))
            task = progress.add_task("invoices (by webhook)", total=1)
            figures.billing_seconds = await billing.close_period(
                client, receiver, end + timedelta(hours=2), 1, lambda n: progress.advance(task, n)
            )
        figures.events_accepted, figures.duplicates, figures.rejected = sent.accepted, sent.duplicates, sent.rejected
        figures.ingest_seconds = sent.seconds
        figures.events_per_second = (sent.accepted + sent.duplicates) / max(sent.seconds, 1e-9)
        figures.check(sent.accepted == figures.events_sent, f"{sent.accepted} of {figures.events_sent} events accepted")
        invoice = await _check(console, client, figures, requests)
        show.trial_balance(console, await billing.prove(client, prove_ledger, figures))
        figures.pdf = str(await billing.save_pdf(client, invoice, output))
        figures.webhooks_verified, figures.webhooks_refused = receiver.verified.total(), receiver.refused
        figures.check(receiver.refused == 0, f"{receiver.refused} webhooks had a wrong signature")
    return figures


async def _create_plan(client: Client) -> None:
    for meter, _ in METERS:
        await client.post("/v1/meters", {"code": meter, "name": meter.replace("_", " "), "aggregation": "sum"})
    prices = [
        {
            "kind": "usage", "name": meter.replace("_", " ").capitalize(), "meter": meter, "unit": "token",
            "price": {
                "model": "graduated",
                "tiers": [
                    {"up_to": up_to, "unit_amount": str(Decimal(per_thousand) / 1000), "flat_amount": "0"}
                    for up_to, per_thousand in tiers
                ],
            },
        }
        for meter, tiers in PER_THOUSAND.items()
    ]  # fmt: skip
    plan = {"code": "tokens", "name": "Tokens", "currency": "EUR", "interval": "month", "prices": prices}
    await client.post("/v1/admin/pricing/plans", plan)
    await client.post("/v1/customers", {"external_id": "code-completion", "name": "Code completion service"})
    await client.post("/v1/subscriptions", {"customer_id": "code-completion", "plan": "tokens"})


def _events(requests: list[Request]) -> Iterator[UsageEvent]:
    for number, request in enumerate(requests):
        for meter, column in METERS:
            yield UsageEvent(
                id=f"request-{number:06d}-{meter}",
                meter=meter,
                customer_id="code-completion",
                timestamp=request.at.isoformat(),
                value=str(request.tokens[column]),
            )


def expected_cents(meter: str, tokens: int) -> int:
    """The line's amount by the tiers above, in cents, half up."""
    amount, start = Decimal(0), 0
    for up_to, per_thousand in PER_THOUSAND[meter]:
        stop = tokens if up_to is None else min(tokens, int(up_to))
        amount += Decimal(max(0, stop - start)) * Decimal(per_thousand) / 1000
        start = stop
    return int(amount * 100 + Decimal("0.5"))


async def _check(console: Console, client: Client, figures: Figures, requests: list[Request]) -> dict[str, Any]:
    truth = {meter: sum(request.tokens[column] for request in requests) for meter, column in METERS}
    rows = await billing.read_invoices(client)
    figures.invoices = len(rows)
    figures.check(len(rows) == 1, f"{len(rows)} invoices for one subscription")
    invoice: dict[str, Any] = await client.get(f"/v1/invoices/{rows[0]['id']}")
    figures.expected_minor = sum(expected_cents(meter, tokens) for meter, tokens in truth.items())
    figures.invoiced_minor = invoice["total_minor"]
    figures.invoices_per_second = 1 / max(figures.billing_seconds, 1e-9)
    figures.check(
        figures.invoiced_minor == figures.expected_minor,
        f"the invoice is {figures.invoiced_minor} and should be {figures.expected_minor}",
    )
    billed = {line["meter"]: Decimal(line["quantity"]) for line in invoice["lines"]}
    for meter, tokens in truth.items():
        figures.usage[meter] = str(int(billed.get(meter, Decimal(0))))
        figures.check(billed.get(meter) == tokens, f"{meter}: billed {billed.get(meter)} and the trace holds {tokens}")
        console.print(f"{meter.replace('_', ' ')}: {tokens:,} in the trace, {figures.usage[meter]} billed")
    show.explanation(console, await client.get(f"/v1/invoices/{invoice['id']}/explain"))
    return invoice
