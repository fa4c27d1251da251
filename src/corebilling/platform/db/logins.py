"""The login of the running product: it owns nothing and inherits nothing, it may only switch to the product's roles."""

from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

APP_LOGIN = "corebilling_service"


def ensure_app_login(admin_url: str, password: str, login: str = APP_LOGIN) -> str:
    """Create the login, or give it this password, and answer the URL that connects as it to the same database.

    `admin_url` must be allowed to create roles. The roles themselves are granted by `migrate(app_login=...)`.
    """
    name, secret = sql.Identifier(login), sql.Literal(password)
    with psycopg.connect(admin_url, autocommit=True) as conn:
        exists = conn.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (login,)).fetchone()
        verb = sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}" if exists else "CREATE ROLE {} LOGIN NOINHERIT PASSWORD {}")
        conn.execute(verb.format(name, secret))
    parts = urlsplit(admin_url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(login)}:{quote(password, safe='')}@{host}"))
