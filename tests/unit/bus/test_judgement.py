"""Which failures are waited out, which are an event's own; and how long to wait."""

import psycopg
import pytest
from opentelemetry.trace import SpanContext

from corebilling.events.rating import RatingFailed
from corebilling.kernel.errors import Conflict, Invalid, NotFound, Unavailable
from corebilling.platform.bus.group import passes_by_itself
from corebilling.platform.bus.handlers import Consumer, Subscriptions
from corebilling.platform.bus.pace import backoff
from corebilling.platform.bus.trace import span_context

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    "error",
    [
        Unavailable("later", code="x"),
        psycopg.errors.DeadlockDetected(),
        psycopg.errors.SerializationFailure(),
        psycopg.errors.AdminShutdown(),
        psycopg.errors.DiskFull(),
        psycopg.errors.LockNotAvailable(),
        psycopg.OperationalError("the connection is lost"),
        psycopg.errors.UndefinedColumn(),
        ConnectionResetError(),
        TimeoutError(),
    ],
)
def test_outages_and_schemas_on_their_way_are_waited_out(error: Exception) -> None:
    assert passes_by_itself(error)


@pytest.mark.parametrize(
    "error",
    [
        Invalid("bad", code="x"),
        NotFound("none", code="x"),
        Conflict("no", code="x"),
        psycopg.errors.UniqueViolation(),
        psycopg.errors.NumericValueOutOfRange(),
        psycopg.errors.InsufficientPrivilege(),
        psycopg.errors.RaiseException(),
        KeyError("a bug"),
    ],
)
def test_bad_data_refusals_and_bugs_are_one_event_s_own(error: Exception) -> None:
    assert not passes_by_itself(error)


@pytest.mark.parametrize(("attempt", "most"), [(1, 1), (2, 2), (5, 16), (9, 256), (10, 300), (1000, 300)])
def test_waits_double_up_to_five_minutes_with_full_jitter(attempt: int, most: int) -> None:
    waits = [backoff(attempt).total_seconds() for _ in range(300)]
    assert 0 <= min(waits) < max(waits) <= most
    assert max(waits) > most / 2 > min(waits)


def test_a_traceparent_names_a_remote_span() -> None:
    context = span_context(TRACEPARENT)
    assert isinstance(context, SpanContext)
    assert context.is_remote
    assert f"{context.trace_id:x}" in TRACEPARENT


@pytest.mark.parametrize("text", [None, "", "00-0-0-01", "nonsense", "00-zz-zz-01"])
def test_a_broken_traceparent_is_none(text: str | None) -> None:
    assert span_context(text) is None


def test_two_consumers_of_one_name_are_refused() -> None:
    async def handler(service: object, tx: object, events: object) -> None: ...

    same = Consumer("invoice", object(), {RatingFailed: handler})
    assert Subscriptions([same]).pairs == (("rating.failed", "invoice"),)
    with pytest.raises(ValueError, match="share a name"):
        Subscriptions([same, same])
