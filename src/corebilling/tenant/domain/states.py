"""The states of a tenant. The README draws this table, the CHECK on `tenants.status` repeats its words."""

from typing import Literal

from corebilling.kernel.errors import Conflict

TenantStatus = Literal["active", "suspended"]

INITIAL: TenantStatus = "active"

MOVES: frozenset[tuple[str, str]] = frozenset({("active", "suspended"), ("suspended", "active")})
"""Every allowed (before, after)."""


def require_move(before: str, after: str) -> None:
    """Raises `Conflict` unless the table allows the move."""
    if (before, after) not in MOVES:
        raise Conflict(f"a tenant that is {before} can't become {after}", code="tenant_state")
