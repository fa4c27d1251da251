"""How pricing is doing: interactive calculations, and the time one takes."""

from prometheus_client import Counter, Histogram

PRICING_SUCCESS = Counter("corebilling_pricing_success", "Quotes and previews that were calculated.", ["operation"])
PRICING_ERROR = Counter("corebilling_pricing_error", "Quotes and previews that were refused.", ["operation"])
PRICING_SECONDS = Histogram(
    "corebilling_pricing_calculation_seconds",
    "Time of one calculation, without the database.",
    ["operation"],
    buckets=(0.00001, 0.00005, 0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1),
)
