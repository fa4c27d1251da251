"""How pricing is doing: interactive calculations, and the time one takes."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from time import perf_counter

from prometheus_client import Counter, Histogram

from corebilling.kernel.errors import DomainError

PRICING_SUCCESS = Counter("corebilling_pricing_success", "Quotes and previews that were calculated.", ["operation"])
PRICING_ERROR = Counter("corebilling_pricing_error", "Quotes and previews that were refused.", ["operation"])
PRICING_SECONDS = Histogram(
    "corebilling_pricing_calculation_seconds",
    "Time of one calculation, without the database.",
    ["operation"],
    buckets=(0.00001, 0.00005, 0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1),
)


@contextmanager
def counted(operation: str) -> Iterator[None]:
    """Counts one calculation, and measures it unless it is refused."""
    success, error, seconds = _series(operation)
    started = perf_counter()
    try:
        yield
    except DomainError:
        error.inc()
        raise
    seconds.observe(perf_counter() - started)
    success.inc()


@cache
def _series(operation: str) -> tuple[Counter, Counter, Histogram]:
    labelled = PRICING_SUCCESS.labels(operation), PRICING_ERROR.labels(operation)
    return (*labelled, PRICING_SECONDS.labels(operation))
