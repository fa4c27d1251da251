"""`corebilling doctor`: what of an installation isn't as it should be, and what to do about each."""

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated

import typer
from rich.console import Console

from corebilling.cli.bootstrap import with_container
from corebilling.cli.bus import show
from corebilling.cli.doctor import database, eventbus, events, secrets
from corebilling.cli.failures import told
from corebilling.cli.operate import AsJson, print_json
from corebilling.container import Container
from corebilling.kernel.errors import DomainError
from corebilling.platform.bus.port import Finding, Level
from corebilling.settings import load_settings

Check = Callable[[Container], Awaitable[Sequence[Finding]]]

CHECKS: Mapping[str, Check] = {
    "database": database.server_and_login,
    "migrations": database.schema,
    "partitions": events.partitions,
    "bus": eventbus.topology,
    "retention": events.retention,
    "dispatching": events.dispatching,
    "sweep": events.sweep,
    "parked": events.parked,
    "dead letters": events.dead_letters,
    "secrets": secrets.keys,
}
"""In the order of asking. Without a database the others have nothing to ask."""

console = Console(highlight=False)


@told
def doctor(
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="tell only what isn't well")] = False,
) -> None:
    """Examine database, schema, event bus, dispatchers, dead letters and keys. Exit code 1 if anything is an error."""
    # With production's own demands, so that missing keys are told here and not by a role that won't start.
    settings = load_settings({"ENVIRONMENT": "development", **os.environ}, role="worker")
    findings = with_container(settings, _examine)
    worst = {finding.level for _, finding in findings}
    if as_json:
        print_json(
            {
                "well": Level.ERROR not in worst,
                "findings": [
                    {"area": area, "level": f.level, "what": f.what, "advice": f.advice} for area, f in findings
                ],
            }
        )
    else:
        show([(area, finding) for area, finding in findings if not quiet or finding.level is not Level.OK])
        errors = sum(finding.level is Level.ERROR for _, finding in findings)
        warnings = sum(finding.level is Level.WARNING for _, finding in findings)
        console.print(f"{_counted(errors, 'error')}, {_counted(warnings, 'warning')}")
    if Level.ERROR in worst:
        raise typer.Exit(1)


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


async def _examine(container: Container) -> list[tuple[str, Finding]]:
    found: list[tuple[str, Finding]] = []
    for area, check in CHECKS.items():
        found += [(area, finding) for finding in await _outcome(container, check)]
        if (
            area == "database"
            and any(f.level is Level.ERROR for _, f in found)
            and not await database.answers(container)
        ):
            break
    return found


async def _outcome(container: Container, check: Check) -> Sequence[Finding]:
    """A check that can't be made is itself a finding."""
    try:
        return await check(container)
    except DomainError as error:
        return [Finding(Level.ERROR, error.message)]
    except Exception as error:  # noqa: BLE001 - whatever fails here is what was looked for
        return [Finding(Level.ERROR, f"can't be examined: {type(error).__name__}: {str(error).strip()}")]
