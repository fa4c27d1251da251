"""What one request carries along besides its bytes."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from litestar.connection import ASGIConnection

from corebilling.kernel.clock import Clock
from corebilling.kernel.tenant import Principal
from corebilling.platform.db import Database

if TYPE_CHECKING:
    from litestar.types import Scope

_KEY = "corebilling"

Dependencies = Mapping[str, Callable[[], object]]
"""Services by the name that handlers ask for them with; each is called once a request, so it should be a singleton's."""


class Surroundings:
    """What every request of one application shares."""

    __slots__ = ("clock", "database", "dependencies")

    def __init__(self, database: Database, clock: Clock, dependencies: Dependencies) -> None:
        self.database = database
        self.clock = clock
        self.dependencies = dependencies


class Exchange:
    """One request and its answer."""

    __slots__ = ("on_behalf", "platform", "principal", "request_id", "surroundings")

    def __init__(self, surroundings: Surroundings, request_id: str) -> None:
        self.surroundings = surroundings
        self.request_id = request_id
        self.principal: Principal | None = None
        self.platform = False  # may name any tenant, and work across them
        self.on_behalf = False  # a platform caller that named the tenant: what it does is audited

    def attach(self, scope: "Scope | dict[str, Any]") -> None:
        """Carry this along in the connection's scope."""
        cast("dict[str, Any]", scope)[_KEY] = self


def exchange_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Exchange:
    """The exchange of a connection inside our application."""
    return cast("Exchange", cast("dict[str, Any]", connection.scope)[_KEY])
