"""`corebilling simulate`: what would past periods have cost with other prices? Asks a running installation."""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from corebilling.cli.client import ApiError, Client
from corebilling.cli.failures import told
from corebilling.cli.following import followed
from corebilling.kernel.money import from_minor

console = Console(stderr=True, highlight=False)


@told
def simulate(
    url: Annotated[str, typer.Option(help="where the API listens, such as http://127.0.0.1:3035")],
    api_key: Annotated[str, typer.Option(envvar="COREBILLING_API_KEY", help="a tenant's key with billing:admin")],
    since: Annotated[datetime, typer.Option("--from", help="periods that begin here or later; UTC without an offset")],
    before: Annotated[datetime, typer.Option("--to", help="periods that begin before this")],
    change: Annotated[
        list[str], typer.Option(help="PRICE=DEFINITION: a price's id or plan/price, and JSON or @FILE; may be repeated")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="print the finished job as JSON")] = False,
) -> None:
    """Rate the real usage of past periods with changed prices; nothing is billed or changed.

    Prints old and new totals and the ten customers that it affects most. Interrupting it cancels the job.

    Example:

    corebilling simulate --url http://127.0.0.1:3035 --from 2026-01-01 --to 2026-02-01
    --change 'pro/calls={"model":"per_unit","unit_amount":"0.002"}'
    """
    body = {
        "period": {"from": _instant(since), "to": _instant(before)},
        "changes": [_change(text) for text in change],
    }
    try:
        job = asyncio.run(_simulated(url, api_key, body))
    except (ApiError, OSError) as error:
        console.print(f"corebilling: {error}", markup=False)
        raise typer.Exit(1) from None
    if as_json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(job), indent=2) + b"\n")
    elif job["state"] == "succeeded":
        _show(job["result"])
    if job["state"] != "succeeded":
        console.print(f"the simulation {job['state']}{': ' + job['error'] if job['error'] else ''}", markup=False)
        raise typer.Exit(1)


async def _simulated(url: str, api_key: str, body: dict[str, Any]) -> dict[str, Any]:
    """The finished job. A caller who goes away takes the job along."""
    async with Client(url, api_key) as client:
        job: dict[str, Any] = await client.post("/v1/pricing/simulate", body)
        path = f"/v1/jobs/{job['id']}"
        try:
            return await followed(job, lambda: client.get(path), counts="subscriptions", console=console)
        except asyncio.CancelledError:
            await client.post(f"{path}/cancel")
            raise


def _change(text: str) -> dict[str, Any]:
    """`pro/calls={...}` or `pro/calls=@file.json` as the API takes it; the definition keeps its digits."""
    price, equals, definition = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"'{text}' has no '='; write PRICE=DEFINITION", param_hint="--change")
    try:
        raw = Path(definition[1:]).read_bytes() if definition.startswith("@") else definition.encode()
        msgspec.json.decode(raw)
    except (OSError, msgspec.DecodeError) as error:
        raise typer.BadParameter(f"the definition of {price} can't be read: {error}", param_hint="--change") from None
    return {"price": price, "definition": msgspec.Raw(raw)}


def _instant(at: datetime) -> str:
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).isoformat()


def _show(result: dict[str, Any]) -> None:
    out = Console(highlight=False, width=None if sys.stdout.isatty() else 200)
    table = _table(
        "currency", "old total", "new total", "difference", "customers", "subscriptions", "periods", "changed"
    )
    for currency, row in sorted(result["overall"].items()):
        table.add_row(
            currency,
            *_totals(row, currency),
            *(f"{row[name]:,}" for name in ("customers", "subscriptions", "periods", "changed")),
        )
    out.print(table)
    if result["customers"]:
        out.print("\nmost affected")
        most = _table("customer", "currency", "old total", "new total", "difference", "periods")
        for row in result["customers"]:
            most.add_row(
                row["customer_external_id"], row["currency"], *_totals(row, row["currency"]), f"{row['periods']:,}"
            )
        out.print(most)
    if result["skipped"]:
        out.print(f"{result['skipped']:,} periods could not be rated and are left out")


def _totals(row: dict[str, Any], currency: str) -> list[str]:
    names = ("old_total_minor", "new_total_minor", "difference_minor")
    return [f"{from_minor(row[name], currency):,f}" for name in names]


def _table(*headings: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(heading, justify="left" if heading in ("currency", "customer") else "right", overflow="fold")
    return table
