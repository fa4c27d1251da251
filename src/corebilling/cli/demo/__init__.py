"""`corebilling demo`: bill a month on a real installation on this machine, and check every figure."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from corebilling.cli.bootstrap import ledger_proof, platform_key, sealed_proof
from corebilling.cli.demo import show
from corebilling.cli.demo.figures import Figures
from corebilling.cli.demo.money import follow_the_money
from corebilling.cli.demo.month import bill_month
from corebilling.cli.demo.trace import bill_trace, read
from corebilling.cli.failures import told
from corebilling.cli.local import LocalInstallation, local_installation
from corebilling.ledger.domain.proof import ProofReport
from corebilling.ledger.seal_proof import SealReport

_ENVIRONMENT = {"LOG_LEVEL": "WARNING", "RATING_DEBOUNCE_SECONDS": "1"}


@told
def demo(
    customers: Annotated[int, typer.Option(min=1, max=100_000, help="how many customers, over three plans")] = 1_000,
    events: Annotated[int, typer.Option(min=1, max=20_000_000, help="how many usage events")] = 200_000,
    trace: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="bill this usage trace instead (CSV: TIMESTAMP,ContextTokens,GeneratedTokens)",
        ),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="leave it running for a look around, until Ctrl-C")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="end with one JSON object of all figures on standard output")
    ] = False,
    output: Annotated[Path, typer.Option(help="where the PDF goes")] = Path("demo-output"),
) -> None:
    """Bill a month end to end: usage over HTTP in; invoices, ledger and signed webhooks out. Exit code 1 if any figure is off."""
    console = Console(stderr=as_json, highlight=False)
    requests = None if trace is None else read(trace)  # before anything is started for a file that can't be read
    with (
        _interruptible(),
        local_installation(environment=_ENVIRONMENT, report=lambda line: console.print(f"• {line}")) as here,
    ):
        admin_key = platform_key(here.app_url, "demo")

        def proof() -> Awaitable[ProofReport]:
            return asyncio.to_thread(ledger_proof, here.app_url)

        def seals() -> Awaitable[SealReport]:
            return asyncio.to_thread(sealed_proof, here.app_url)

        async def both_chapters() -> Figures:
            url = here.api.url
            found = await bill_month(
                url, admin_key, proof, customers=customers, events=events, console=console, output=output
            )
            await follow_the_money(url, admin_key, proof, seals, figures=found, console=console, output=output)
            return found

        if requests is not None:
            story = bill_trace(here.api.url, admin_key, proof, requests=requests, console=console, output=output)
        else:
            story = both_chapters()
        figures = asyncio.run(story)
        show.ending(console, figures)
        if as_json:
            sys.stdout.buffer.write(figures.encoded() + b"\n")
            sys.stdout.flush()
        if keep:
            _linger(console, here, admin_key)
    if figures.failures:
        raise typer.Exit(1)


def _linger(console: Console, here: LocalInstallation, admin_key: str) -> None:
    console.print(f"\nrunning at {here.api.url} (documentation: {here.api.url}/docs), platform key {admin_key}")
    console.print("stop it with Ctrl-C")
    signal.pause()


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM ends the demo as Ctrl-C does: in order, leaving nothing running."""

    def end(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    finally:
        signal.signal(signal.SIGTERM, before)
