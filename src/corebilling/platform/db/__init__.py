"""PostgreSQL: pools by role, transactions scoped to tenants, migrations, notifications."""

from corebilling.platform.db.pool import Connection, Database, DatabaseRole, Tx

__all__ = ["Connection", "Database", "DatabaseRole", "Tx"]
