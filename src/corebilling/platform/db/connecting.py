"""How every connection of the product is made."""

from typing import Any

CONNECTION_OPTIONS: dict[str, Any] = {
    "autocommit": True,
    "connect_timeout": 5,
    # A host that vanishes without closing its sockets is given up after some 20 seconds instead of hours.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 20_000,
}
"""Libpq's names. Statements bring their own BEGIN and COMMIT, hence autocommit."""
