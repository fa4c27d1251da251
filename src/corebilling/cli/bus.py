"""`corebilling bus`: declare what the event bus needs, look at it, and wait until nothing is left on it."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar, get_args

import typer
from rich.console import Console

from corebilling.cli.failures import told
from corebilling.cli.operate import AsJson, print_json
from corebilling.container import Container
from corebilling.container.buses import DURABLE
from corebilling.kernel.errors import Unavailable
from corebilling.platform.bus.port import Bus, BusUnavailable, Finding, Level
from corebilling.settings import BusName, Settings, load_settings

T = TypeVar("T")

EVENT_BUSES: tuple[str, ...] = get_args(BusName)

bus = typer.Typer(help="The event bus: its streams or topics, and what is left on it.", no_args_is_help=True)

console = Console(highlight=False)

_CONNECT_SECONDS = 10.0
_LOOK_SECONDS = 0.5
_LOOKS = 3

OtherBus = Annotated[str | None, typer.Option("--bus", help="nats or kafka; default: EVENT_BUS")]

MARKS = {Level.OK: "ok", Level.WARNING: "warning", Level.ERROR: "error"}


def bus_settings(name: str | None) -> Settings:
    """The settings, with another bus than EVENT_BUS where one is named. Raises BadParameter for one that isn't known."""
    if name is not None and name not in EVENT_BUSES:
        raise typer.BadParameter(f"--bus is {name!r}; choose from {', '.join(EVENT_BUSES)}")
    return load_settings({"ENVIRONMENT": "development", **os.environ}, role="worker", event_bus=name)


async def looking_at(container: Container, work: Callable[[Bus], Awaitable[T]]) -> T:
    """Work on the bus of this container without declaring anything by connecting. Raises Unavailable."""
    chosen = container.bus()
    name = container.settings().event_bus
    try:
        try:
            await asyncio.wait_for(chosen.connect(declare=False), _CONNECT_SECONDS)
        except TimeoutError as error:
            raise Unavailable(
                f"{name} doesn't answer within {_CONNECT_SECONDS:.0f} s; look at its address and at the servers",
                code="bus_unavailable",
            ) from error
        return await work(chosen)
    except BusUnavailable as error:
        raise Unavailable(f"{name} is in trouble: {error}", code="bus_unavailable") from error
    finally:
        await chosen.close()


def show(findings: list[tuple[str, Finding]]) -> None:
    """A line for each finding, with what to do about it."""
    for area, finding in findings:
        advice = f"; {finding.advice}" if finding.advice else ""
        console.print(f"{MARKS[finding.level]:8} {area:12} {finding.what}{advice}", markup=False, soft_wrap=True)


async def declare_topology(container: Container) -> list[str]:
    """Make or mend what the bus needs; a line for each change. Raises Unavailable."""
    subjects = container.subscriptions().subjects

    async def work(chosen: Bus) -> list[str]:
        return list(await chosen.declare(DURABLE, subjects))

    return await looking_at(container, work)


@bus.command("declare")
@told
def declare(name: OtherBus = None) -> None:
    """Make or mend stream or topic and consumer group as the settings say; `corebilling migrate` does this as well."""
    settings = bus_settings(name)
    changes = asyncio.run(declare_topology(Container(settings=settings)))
    for change in changes:
        console.print(change, markup=False)
    console.print(f"{settings.event_bus} is as the settings say; {len(changes)} changes")


@bus.command("status")
@told
def status(name: OtherBus = None, as_json: AsJson = False) -> None:
    """What is there against what the settings say, and how much the routers haven't acknowledged. Exit code 1 on errors."""
    settings = bus_settings(name)
    container = Container(settings=settings)
    subjects = container.subscriptions().subjects

    async def work(chosen: Bus) -> tuple[list[Finding], int | None]:
        return list(await chosen.inspect(DURABLE, subjects)), await chosen.backlog(DURABLE)

    findings, backlog = asyncio.run(looking_at(container, work))
    if as_json:
        print_json({"bus": settings.event_bus, "findings": findings, "backlog": backlog})
    else:
        show([(settings.event_bus, finding) for finding in findings])
        console.print("no consumer group yet" if backlog is None else f"{backlog} messages not acknowledged")
    if any(finding.level is Level.ERROR for finding in findings):
        raise typer.Exit(1)


@bus.command("drained")
@told
def drained(
    name: OtherBus = None,
    wait: Annotated[bool, typer.Option("--wait", help="return once nothing is left")] = False,
    patience_seconds: Annotated[float, typer.Option(help="how long to wait with --wait")] = 3600.0,
) -> None:
    """Whether the routers have acknowledged all that lies on a bus; exit code 1 if not.

    With --wait it asks until that stays so for a few looks in a row. Ask the bus that dispatchers have left, while routers
    still run on it.
    """
    settings = bus_settings(name)
    container = Container(settings=settings)
    left = asyncio.run(looking_at(container, lambda chosen: _left(chosen, wait, patience_seconds)))
    if left is None:
        console.print(f"{settings.event_bus} has no consumer group: no router was ever there")
    else:
        console.print(f"{left} messages left on {settings.event_bus}")
    if left:
        raise typer.Exit(1)


async def _left(chosen: Bus, wait: bool, patience_seconds: float) -> int | None:
    deadline = asyncio.get_running_loop().time() + patience_seconds
    still = 0
    while True:
        late = not wait or asyncio.get_running_loop().time() >= deadline
        try:
            left = await chosen.backlog(DURABLE)
            still = still + 1 if left == 0 else 0
            if late or left is None or still == _LOOKS:
                return left
        except BusUnavailable:  # between two leaders: not drained yet
            still = 0
            if late:
                raise
        await asyncio.sleep(_LOOK_SECONDS)
