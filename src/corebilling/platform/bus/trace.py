"""What ties events to what caused them: W3C trace context.

Source: https://www.w3.org/TR/trace-context/ (traceparent, version 00).
"""

from typing import Any

from opentelemetry import trace
from opentelemetry.trace import SpanContext, TraceFlags

from corebilling.events.envelope import Envelope

_FIELDS = 4


def current_traceparent() -> str | None:
    """The present span as a traceparent; None where tracing is off."""
    span = trace.get_current_span().get_span_context()
    if not span.is_valid:
        return None
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-{int(span.trace_flags):02x}"


def traceparent_for(cause: Envelope[Any] | None, current: str | None) -> str | None:
    """The traceparent of an event to be written.

    An event stays in the trace of its cause. A handler's span covers events of many traces: it is the parent only for
    those of its own trace, so that one event's way can be followed through batches.
    """
    if cause is None or cause.traceparent is None:
        return current
    if current is not None and current[3:35] == cause.traceparent[3:35]:
        return current
    return cause.traceparent


def span_context(traceparent: str | None) -> SpanContext | None:
    """The span that a traceparent names, to be a parent or a link; None for none or a malformed one."""
    fields = traceparent.split("-") if traceparent else []
    if len(fields) != _FIELDS:
        return None
    try:
        context = SpanContext(int(fields[1], 16), int(fields[2], 16), True, TraceFlags(int(fields[3], 16)))
    except ValueError:
        return None
    return context if context.is_valid else None


def tracing_is_on() -> bool:
    """Whether spans are recorded at all: one cheap question before building links and attributes."""
    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider | trace.NoOpTracerProvider)
