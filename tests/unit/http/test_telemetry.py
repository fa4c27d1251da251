"""A collector that isn't there costs one warning."""

from collections.abc import Iterator, Sequence

import pytest
from loguru import logger
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from corebilling.platform.telemetry import QuietExporter


class Collector(SpanExporter):
    """Takes spans or doesn't."""

    def __init__(self) -> None:
        self.reachable = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.SUCCESS if self.reachable else SpanExportResult.FAILURE


@pytest.fixture
def lines() -> Iterator[list[str]]:
    written: list[str] = []
    sink = logger.add(lambda message: written.append(message.record["message"]), level="INFO")
    yield written
    logger.remove(sink)


def test_a_missing_collector_is_told_of_once_and_once_when_it_is_back(lines: list[str]) -> None:
    collector = Collector()
    exporter = QuietExporter(collector, "localhost:4317")
    for reachable in (False, False, False, True, True, False):
        collector.reachable = reachable
        exporter.export([])
    assert [("no collector" in line) for line in lines] == [True, False, True]
