"""From the end of the period to the last invoice: advance the clock, wait for the backbone, read what came out."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from corebilling.cli.client import Client, until
from corebilling.cli.demo.figures import Figures
from corebilling.cli.receiver import Receiver
from corebilling.ledger.domain.proof import ProofReport

_PATIENCE_SECONDS = 600.0

Proof = Callable[[], Awaitable[ProofReport]]
"""Compares every document with its journal, at the database."""


async def advance(client: Client, to: datetime) -> None:
    """Move the sandbox's clock and return when everything due on the way has been billed."""
    await client.post("/v1/test-clock/advance", {"to": to.isoformat()})

    async def arrived() -> bool:
        clock = await client.get("/v1/test-clock")
        return bool(clock["status"] == "ready")

    await until(arrived, seconds=_PATIENCE_SECONDS, what=f"the test clock to reach {to:%Y-%m-%d %H:%M}")


async def close_period(
    client: Client, receiver: Receiver, to: datetime, expected: int, progress: Callable[[int], None]
) -> float:
    """Bill everything up to `to`; answers the seconds from the advance to the last invoice that the receiver was told of."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    moving = asyncio.create_task(advance(client, to))
    shown, announced_at = 0, started

    async def all_announced() -> bool:
        nonlocal shown, announced_at
        now_known = receiver.verified["invoice.generated"]
        if now_known > shown:
            progress(now_known - shown)
            shown, announced_at = now_known, loop.time()
        return shown >= expected

    try:
        await until(all_announced, seconds=_PATIENCE_SECONDS, what=f"{expected} invoices announced by webhook")
    finally:
        await moving
    return announced_at - started


async def read_invoices(client: Client) -> list[dict[str, Any]]:
    """Every invoice of the tenant."""
    return [invoice async for invoice in client.pages("/v1/invoices")]


async def prove(client: Client, prove_ledger: Proof, figures: Figures) -> list[dict[str, Any]]:
    """Trial balance and invoice-to-ledger proof into the figures; answers the trial balance by currency."""
    balance = await client.get("/v1/ledger/trial-balance")
    currencies: list[dict[str, Any]] = balance["currencies"]
    off = sum(abs(c["debit_minor"] - c["credit_minor"]) for c in currencies)
    figures.trial_balance_minor += off
    report = await prove_ledger()
    figures.journals = report.journals
    figures.ledger_mismatches = report.mismatch_count + len(report.imbalances)
    figures.check(off == 0, f"the trial balance is off by {off}")
    figures.check(figures.ledger_mismatches == 0, f"{figures.ledger_mismatches} documents disagree with the ledger")
    return currencies


async def save_pdf(client: Client, invoice: dict[str, Any], folder: Path) -> Path:
    """Download an invoice's PDF."""
    document = await client.download(f"/v1/invoices/{invoice['id']}/download")
    return await save(document, folder / f"{invoice['number']}.pdf")


async def save(document: bytes, path: Path) -> Path:
    """Write a document to disk; answers where."""
    return await asyncio.to_thread(_save, document, path)


def _save(document: bytes, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(document)
    return path
