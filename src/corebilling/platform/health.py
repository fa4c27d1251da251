"""Health: whether the process lives, and whether each part that it needs answers."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Literal

import msgspec
from loguru import logger

from corebilling.platform.expiring import ExpiringCache

Status = Literal["UP", "DOWN"]
Check = Callable[[], Awaitable[Mapping[str, Any]]]
"""Asks one part; what it returns is shown beside the status (`{"active_rate_cards": 1}`). Raising means DOWN."""

ALIVE = b'{"status":"UP"}'

_REPORT_SECONDS = 1.0


class HealthReport(msgspec.Struct, frozen=True):
    """The body of /ready."""

    status: Status
    components: dict[str, dict[str, Any]]

    @property
    def http_status(self) -> int:
        """200 while everything is up, else 503."""
        return 200 if self.status == "UP" else 503


class Health:
    """Runs the checks at once, each with a time limit. A report is good for a second, so that probes can't load the database.

    What is `advisory` is shown and doesn't decide: the process can do its work without it.
    """

    def __init__(
        self, checks: Mapping[str, Check], *, advisory: Collection[str] = (), timeout_seconds: float = 2.0
    ) -> None:
        self._checks = dict(checks)
        self._advisory = frozenset(advisory)
        self._timeout_seconds = timeout_seconds
        self._reports: ExpiringCache[str, HealthReport] = ExpiringCache(seconds=_REPORT_SECONDS, none_seconds=0, size=1)
        self._down: set[str] = set()

    async def report(self) -> HealthReport:
        """The state of every component, at most a second old."""
        report = await self._reports.get("ready", self._ask)
        assert report is not None
        return report

    async def _ask(self) -> HealthReport:
        answers = await asyncio.gather(*(self._component(name, check) for name, check in self._checks.items()))
        components = dict(zip(self._checks, answers, strict=True))
        up = all(component["status"] == "UP" for name, component in components.items() if name not in self._advisory)
        return HealthReport("UP" if up else "DOWN", components)

    async def _component(self, name: str, check: Check) -> dict[str, Any]:
        try:
            facts = await asyncio.wait_for(check(), self._timeout_seconds)
        except Exception as error:  # noqa: BLE001 - whatever a part does wrong, it is down
            if name not in self._down:
                self._down.add(name)
                logger.warning("{} is down: {}: {}", name, type(error).__name__, error)
            return {"status": "DOWN"}
        if name in self._down:
            self._down.discard(name)
            logger.info("{} is up again", name)
        return {"status": "UP", **facts}
