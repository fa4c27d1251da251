"""Traces: OpenTelemetry, set up once, sent over OTLP/gRPC. A collector that isn't there costs one warning.

Sampling follows the standard variables (OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG).
"""

import logging
from collections.abc import Sequence
from importlib.metadata import version

from loguru import logger
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

_EXPORT_TIMEOUT_SECONDS = 3


class QuietExporter(SpanExporter):
    """Says once that spans can't be delivered, and once that they can again, whatever the exporter itself would log."""

    def __init__(self, exporter: SpanExporter, endpoint: str) -> None:
        self._exporter = exporter
        self._endpoint = endpoint
        self._failing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        failing = result is not SpanExportResult.SUCCESS
        if failing and not self._failing:
            logger.warning("no collector takes traces at {}; they are dropped until one does", self._endpoint)
        elif self._failing and not failing:
            logger.info("traces are delivered to {} again", self._endpoint)
        self._failing = failing
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def set_up_telemetry(*, role: str, endpoint: str, disabled: bool, region: str = "") -> None:
    """Start tracing unless disabled (OTEL_SDK_DISABLED). What is left to send goes out when the process ends."""
    if disabled:
        return
    for name in ("opentelemetry.exporter.otlp.proto.grpc.exporter", "opentelemetry.exporter.otlp.proto.grpc"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    target = endpoint if "://" in endpoint else f"http://{endpoint}"
    resource = Resource.create(
        {
            "service.name": "corebilling",
            "service.version": version("corebilling"),
            "cloud.region": region,
            "corebilling.role": role,
        }
    )
    provider = TracerProvider(resource=resource)
    exporter = OTLPSpanExporter(
        endpoint=target, insecure=not target.startswith("https://"), timeout=_EXPORT_TIMEOUT_SECONDS
    )
    provider.add_span_processor(BatchSpanProcessor(QuietExporter(exporter, endpoint)))
    trace.set_tracer_provider(provider)


def tracing() -> bool:
    """Whether spans are recorded in this process."""
    return isinstance(trace.get_tracer_provider(), TracerProvider)


def tracer() -> trace.Tracer:
    """The product's tracer; without set-up its spans cost next to nothing and go nowhere."""
    return trace.get_tracer("corebilling")
