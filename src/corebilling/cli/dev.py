"""`corebilling dev`: everything on this machine, until Ctrl-C."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from corebilling.cli.bootstrap import DevelopmentKeys, development_keys
from corebilling.cli.failures import told
from corebilling.cli.local import LocalInstallation, local_installation
from corebilling.cli.metrics import merged_metrics
from corebilling.platform.embedded import EmbeddedError


class Addresses(msgspec.Struct, frozen=True):
    """The one line that `--json` prints."""

    url: str
    api_key: str
    admin_api_key: str
    metrics_url: str
    database_url: str
    nats_url: str


@told
def dev(
    data: Annotated[Path | None, typer.Option(help="keep the data here and find it again next time")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="print the addresses and keys as one JSON object once everything is ready")
    ] = False,
) -> None:
    """Run PostgreSQL, NATS, the schema and every role here; prints the address and a development key."""
    console = Console(stderr=True, highlight=False)
    # Settings given in the environment reach the roles, where to connect is decided here.
    environment = {name: value for name, value in os.environ.items() if name in _PASSED_ON}
    with local_installation(data, environment=environment, report=lambda line: console.print(f"• {line}")) as here:
        keys = development_keys(here.app_url, here.data)
        asyncio.run(_serve(here, keys, console, as_json))


_PASSED_ON = frozenset(
    {
        "LOG_LEVEL", "RATING_DEBOUNCE_SECONDS", "USAGE_GRACE_SECONDS", "LATE_USAGE_DELAY_SECONDS",
        "DATABASE_POOL_SIZE", "JWKS_URL", "JWT_ISSUER", "JWT_AUDIENCE",
        "WEBHOOK_BASE_DELAY_SECONDS", "WEBHOOK_MAX_DELAY_SECONDS", "WEBHOOK_MAX_RETRIES",
        "WEBHOOK_HTTP_TIMEOUT_SECONDS", "WEBHOOK_WORKER_INTERVAL_SECONDS", "WEBHOOK_WORKER_LIMIT",
        "WEBHOOK_RETRY_SCHEDULE", "WEBHOOK_RETENTION_DAYS", "WEBHOOK_DISABLE_AFTER_HOURS",
        "EVENT_RETENTION_DAYS", "INBOX_RETENTION_DAYS", "OUTBOX_SWEEP_AFTER_SECONDS",
        "ROUTER_BATCH_SIZE", "ROUTER_MESSAGES_IN_FLIGHT", "ROUTER_GROUPS_AT_ONCE", "ROUTER_GROUPS_PER_SUBJECT",
        "OTEL_SDK_DISABLED", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTLP_ENDPOINT",
    }
)  # fmt: skip


async def _serve(here: LocalInstallation, keys: DevelopmentKeys, console: Console, as_json: bool) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with merged_metrics({role: process.metrics_url for role, process in here.roles.items()}) as metrics_url:
        addresses = Addresses(
            url=here.api.url,
            api_key=keys.api_key,
            admin_api_key=keys.admin_api_key,
            metrics_url=metrics_url,
            database_url=here.app_url,
            nats_url=here.stack.nats_url,
        )
        if as_json:
            sys.stdout.buffer.write(msgspec.json.encode(addresses) + b"\n")
            sys.stdout.flush()
        else:
            _announce(console, addresses)
        await _until(stopping, here)
    console.print("stopping: every role finishes what it holds")


def _announce(console: Console, addresses: Addresses) -> None:
    console.print(f"\n  API            {addresses.url}   (documentation: {addresses.url}/docs)", markup=False)
    console.print(f"  API key        {addresses.api_key}   (a sandbox tenant)", markup=False)
    console.print(f"  platform key   {addresses.admin_api_key}   (name the tenant in X-Tenant-ID)", markup=False)
    console.print(f"  metrics        {addresses.metrics_url}", markup=False)
    console.print(f"  PostgreSQL     {addresses.database_url}", markup=False)
    console.print(f"  NATS           {addresses.nats_url}", markup=False)
    console.print(f'\n  try: curl -s -H "X-API-Key: {addresses.api_key}" {addresses.url}/v1/settings', markup=False)
    console.print("  stop with Ctrl-C\n")


async def _until(stopping: asyncio.Event, here: LocalInstallation) -> None:
    """Wait for the signal, watching that every role lives. Raises EmbeddedError when one ends by itself."""
    while not stopping.is_set():
        for role, process in here.roles.items():
            if not process.running:
                raise EmbeddedError(f"the role {role} has ended; the end of {process.log}:\n{process.log_tail()}")
        try:
            await asyncio.wait_for(stopping.wait(), 0.5)
        except TimeoutError:
            continue
