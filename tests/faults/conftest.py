"""An installation of its own for each fault test: real servers, and every role as a process that can be killed."""

import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext

import pytest

from corebilling.cli.bootstrap import platform_key
from corebilling.cli.local import LocalInstallation, local_installation

POSTGRES = {"shared_buffers": "128MB", "max_wal_size": "1GB"}
"""Little memory; durability as in production, because the tests are about it."""

ENVIRONMENT = {
    "LOG_LEVEL": "WARNING",
    "RATING_DEBOUNCE_SECONDS": "1",
    "WEBHOOK_HTTP_TIMEOUT_SECONDS": "2",
    "WEBHOOK_BASE_DELAY_SECONDS": "1",
    "GATEWAY_HTTP_TIMEOUT_SECONDS": "2",
    "GATEWAY_CERTAIN_SECONDS": "1",
}


@pytest.fixture
def here() -> Iterator[LocalInstallation]:
    """A running installation, gone at the end."""
    with local_installation(environment=ENVIRONMENT, postgres=POSTGRES) as installation:
        yield installation


@pytest.fixture
def admin_key(here: LocalInstallation) -> str:
    """A platform key with every scope."""
    return platform_key(here.app_url, "faults")


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Prints a line where whoever runs the tests sees it, although the test passes."""
    capture = request.config.pluginmanager.get_plugin("capturemanager")

    def line(text: str) -> None:
        with capture.global_and_fixture_disabled() if capture else nullcontext():
            sys.stdout.write(f"\n  {text}\n")

    return line
