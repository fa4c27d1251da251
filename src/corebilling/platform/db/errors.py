"""What a database error means: wait and try again, poison, or a caller's mistake."""

import psycopg
from psycopg_pool import PoolClosed, PoolTimeout, TooManyRequests

from corebilling.kernel.errors import DomainError, Invalid, Unavailable

_TRANSIENT_CLASSES = ("08", "40", "53", "57")
_CANCELED = "57014"
_POISON_CLASSES = ("22", "23")


def sqlstate(error: BaseException | None) -> str | None:
    """The SQLSTATE behind an error, following causes; None where no database error is involved."""
    seen = 0
    while error is not None and seen < 10:
        if isinstance(error, psycopg.Error):
            return error.sqlstate or ("08000" if isinstance(error, psycopg.OperationalError) else None)
        error, seen = error.__cause__, seen + 1
    return None


def is_transient(error: BaseException) -> bool:
    """Whether the same work may succeed later: lost connections, deadlocks, resources, shutdown, lock timeouts."""
    if isinstance(error, PoolTimeout | PoolClosed | TooManyRequests | Unavailable | ConnectionError | TimeoutError):
        return True
    state = sqlstate(error)
    return state is not None and (state[:2] in _TRANSIENT_CLASSES or state == "55P03")


def is_poison(error: BaseException) -> bool:
    """Whether one item of a batch is to blame: bad data, a constraint, a typed refusal or a bug in handling it."""
    if isinstance(error, DomainError):
        return not isinstance(error, Unavailable)
    state = sqlstate(error)
    if state is None:
        return not is_transient(error)
    return state[:2] in _POISON_CLASSES


def translated(error: psycopg.Error | PoolTimeout) -> Exception:
    """The error that callers should see: `Unavailable` for what passes, `Invalid` for data PostgreSQL can't hold."""
    if sqlstate(error) == _CANCELED:
        return Unavailable(
            "the request took too long and was ended; ask for less at once, such as a shorter time",
            code="took_too_long",
        )
    if is_transient(error):
        return Unavailable(
            "the database doesn't answer right now; try the same request again shortly",
            code="database_unavailable",
            retry_after_seconds=1,
        )
    if isinstance(error, psycopg.DataError):
        return Invalid(
            "a value is outside what can be stored (too large, or text with a NUL character); correct it and send it again",
            code="value_out_of_range",
        )
    return error
