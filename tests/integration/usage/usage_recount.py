"""What each kind of meter should say of events: the documented semantics in plain Python."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from uuid import UUID

from usage_scene import LAST_EPOCH, Seller

from corebilling.kernel.usage import UsageFigures, UsageGroup, UsageQuestion, UsageWindow
from corebilling.usage.domain.figures import quotient
from corebilling.usage.domain.identity import event_key
from corebilling.usage.schemas import MeterCreate, MeterFilter

GROUPED = ["region", "tier"]
FILTERS = [MeterFilter("region", ["eu", "us"]), MeterFilter("tier", ["1", "2.5"])]
KINDS = {
    "k-count": MeterCreate("k-count", "count", group_by=GROUPED),
    "k-sum": MeterCreate("k-sum", "sum", group_by=GROUPED),
    "k-max": MeterCreate("k-max", "max", group_by=GROUPED),
    "k-min": MeterCreate("k-min", "min", value_property="gb", group_by=GROUPED),
    "k-avg": MeterCreate("k-avg", "avg", group_by=GROUPED, filters=FILTERS),
    "k-users": MeterCreate("k-users", "unique_count", unique_property="user", group_by=GROUPED),
    "k-latest": MeterCreate("k-latest", "latest", group_by=GROUPED, filters=FILTERS),
    "k-p95": MeterCreate("k-p95", "percentile", percentile=Decimal("66.6"), group_by=GROUPED),
    "k-level": MeterCreate("k-level", "weighted_sum", filters=FILTERS),
    "k-change": MeterCreate("k-change", "weighted_sum", weighted_by="change", value_property="gb"),
}


@dataclass
class Used:
    seller: Seller
    subscription: str
    meter: str
    at: datetime
    epoch: int
    value: Decimal
    properties: dict[str, object]
    id: str
    voided_in: int = LAST_EPOCH + 1

    @property
    def key(self) -> UUID:
        return UUID(event_key(None, self.id))

    @property
    def labels(self) -> tuple[str | None, ...]:
        return tuple(None if (v := self.properties.get(name)) is None else str(v) for name in GROUPED)

    @property
    def counts(self) -> bool:
        kind = KINDS[self.meter]
        texts = dict(zip(GROUPED, self.labels, strict=True))
        return all(texts[one.property] in one.values for one in kind.filters)


def _quantity(kind: MeterCreate, inside: Sequence[Used], before: Sequence[Used], window: UsageWindow) -> Decimal:
    """The documented semantics, word for word."""
    values = [used.value for used in inside]
    if kind.aggregation == "weighted_sum":
        return _weighted(kind, inside, before, window)
    if not inside:
        return Decimal(0)
    if kind.aggregation == "percentile":
        assert kind.percentile is not None
        rank = (kind.percentile * len(values) / 100).to_integral_value(ROUND_CEILING)
        return sorted(values)[int(rank) - 1]
    return {
        "count": lambda: Decimal(len(inside)),
        "sum": lambda: sum(values, Decimal(0)),
        "max": lambda: max(values),
        "min": lambda: min(values),
        "avg": lambda: quotient(sum(values, Decimal(0)), len(values)),
        "unique_count": lambda: Decimal(len({used.properties["user"] for used in inside})),
        "latest": lambda: inside[-1].value,
    }[kind.aggregation]()


def _weighted(kind: MeterCreate, inside: Sequence[Used], before: Sequence[Used], window: UsageWindow) -> Decimal:
    if window.end <= window.start:
        return Decimal(0)
    level = (before[-1].value if before else Decimal(0)) if kind.weighted_by != "change" else Decimal(0)
    if kind.weighted_by == "change":
        level = sum((used.value for used in before), Decimal(0))
    held_us, at = Decimal(0), window.start
    for used in inside:
        held_us += level * ((used.at - at) // timedelta(microseconds=1))
        level, at = (level + used.value if kind.weighted_by == "change" else used.value), used.at
    held_us += level * ((window.end - at) // timedelta(microseconds=1))
    length = (window.whole_end or window.end) - (window.whole_start or window.start)
    return quotient(held_us, length // timedelta(microseconds=1))


def expected(everything: Sequence[Used], question: UsageQuestion, meter: str) -> UsageFigures:
    window = question.window
    mine = [
        used
        for used in everything
        if used.meter == meter
        and used.seller.tenant_id == window.tenant_id
        and used.seller.subscriptions[used.subscription] == window.subscription_id
        and used.counts
        and used.epoch <= window.epoch < used.voided_in
    ]
    mine.sort(key=lambda used: (used.at, used.key))
    inside = [used for used in mine if window.start <= used.at < window.end]
    before = [used for used in mine if used.at < window.start]
    quantity = _quantity(KINDS[meter], inside, before, window)
    groups: dict[tuple[str | None, ...], list[Used]] = defaultdict(list)
    if question.detail == "groups":
        for used in inside:
            groups[tuple(used.labels[GROUPED.index(name)] for name in question.group_by)].append(used)
    order = sorted(groups, key=lambda values: [(value is not None, value or "") for value in values])
    return UsageFigures(
        quantity,
        len(inside),
        tuple(UsageGroup(values, _quantity(KINDS[meter], groups[values], [], window)) for values in order),
        tuple(used.value for used in inside) if question.detail == "events" and not is_of_ones(meter) else (),
    )


def is_of_ones(meter: str) -> bool:
    return KINDS[meter].aggregation in ("count", "unique_count")
