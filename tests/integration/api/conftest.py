"""The whole installation, and two tenants on it that don't like one another."""

from collections.abc import AsyncIterator, Iterator

import pytest
from two_worlds import Guard, Rows, World, build, run

from corebilling.cli.local import LocalInstallation
from corebilling.container import Container
from corebilling.settings import Settings
from factories import Api


@pytest.fixture(scope="session")
def subscribed() -> list[tuple[str, str]]:
    """(subject, consumer) of every handler."""
    container = Container(settings=Settings(database_url="postgresql://", environment="development"))
    return list(container.subscriptions().pairs)


@pytest.fixture(scope="session")
def rows(installation: LocalInstallation) -> Iterator[Rows]:
    made = Rows(installation.stack.database_url)
    yield made
    made.close()


@pytest.fixture(scope="module")
def worlds(
    installation: LocalInstallation, platform_key: str, rows: Rows, subscribed: list[tuple[str, str]]
) -> tuple[World, World]:
    """The attacker and the attacked, both at rest."""

    async def make() -> tuple[World, World]:
        async with Api(installation.api.url, platform_key) as platform:
            return tuple([await build(platform, name, rows, subscribed) for name in ("aurora", "borealis")])

    made: tuple[World, World] = run(make)
    return made


@pytest.fixture(scope="module")
def guard(rows: Rows, worlds: tuple[World, World]) -> Guard:
    return Guard(rows, *worlds)


@pytest.fixture
async def attacker(installation: LocalInstallation, worlds: tuple[World, World]) -> AsyncIterator[Api]:
    """The first tenant, with every scope that a tenant can have."""
    async with Api(installation.api.url, worlds[0].key) as api:
        yield api


@pytest.fixture
async def platform(installation: LocalInstallation, platform_key: str) -> AsyncIterator[Api]:
    async with Api(installation.api.url, platform_key) as api:
        yield api
