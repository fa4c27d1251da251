"""`rate_card`: what one order costs, by what it measures. Ranges are half-open, `[range_start, range_end)`."""

from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from functools import lru_cache

import msgspec

from corebilling.kernel.decimals import plain
from corebilling.kernel.errors import FieldError, Invalid
from corebilling.kernel.money import EXACT, exponent, to_minor
from corebilling.kernel.plan import RateCard
from corebilling.rating.domain.amounts import ZERO, faults, money_text

COMMON_METRICS = ("weight", "distance", "volume", "item_count")
"""What an order may always state, also when the card has no rule for it."""

MAX_RULES = 500

_ON_THE_WIRE = {"start": "range_start", "end": "range_end"}


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename=_ON_THE_WIRE):
    """A rule with its numbers read. Prices with rules of their own hold them in this form."""

    metric: str
    start: Decimal
    end: Decimal | None
    base_amount: Decimal = ZERO
    unit_amount: Decimal = ZERO
    unit: str | None = None

    def holds(self, value: Decimal) -> bool:
        """Whether the value lies in this rule's range."""
        return self.start <= value and (self.end is None or value < self.end)

    @property
    def name(self) -> str:
        """Such as `weight [10, 50) kg`."""
        end = "" if self.end is None else plain(self.end)
        return f"{self.metric} [{plain(self.start)}, {end}){f' {self.unit}' if self.unit else ''}"


class AppliedRule(msgspec.Struct, frozen=True):
    """One rule as it was applied: `subtotal` = `base_amount` + `value` x `unit_amount`, and `calculation` says so."""

    rule: str
    metric: str
    value: Decimal
    base_amount: Decimal
    unit_amount: Decimal
    subtotal: Decimal
    calculation: str


class Quote(msgspec.Struct, frozen=True):
    """An order's price: `total` is exact, `total_minor` is it rounded once."""

    total: Decimal
    total_minor: int
    applied: tuple[AppliedRule, ...]
    warnings: tuple[str, ...]


def check(card: RateCard) -> None:
    """Raises `Invalid`, with a pointer for each fault, unless every rule is readable and no two ranges overlap."""
    exponent(card.currency)
    found = list(_amount_faults(card.order_amount, "/order_amount"))
    if len(card.rules) > MAX_RULES:
        found.append(FieldError("/rules", f"must hold at most {MAX_RULES} rules"))
    for number, rule in enumerate(card.rules):
        at = f"/rules/{number}"
        if not rule.metric:
            found.append(FieldError(f"{at}/metric", "must name what is measured, such as weight"))
        for field in ("range_start", "base_amount", "unit_amount"):
            found.extend(_amount_faults(getattr(rule, field), f"{at}/{field}"))
        if rule.range_end is not None:
            found.extend(_amount_faults(rule.range_end, f"{at}/range_end"))
    if not found:
        found = list(range_faults(_rules(card), "/rules"))
    if found:
        first = found[0]
        raise Invalid(
            f"the rate card can't be used: {first.pointer} {first.detail}", code="invalid_rate_card", fields=found
        )


def quote(card: RateCard, order: Mapping[str, Decimal]) -> Quote:
    """What an order costs. A metric without a rule for its value is not priced, and a warning says so.

    Raises `Invalid` for values that can't be, and for a metric that neither the card nor any order knows: it is
    most likely misspelt, and leaving it out would make the order too cheap.
    """
    rules = _rules(card)
    metrics = list(dict.fromkeys(rule.metric for rule in rules))
    _check_order(order, metrics)
    applied, warnings = [], []
    for metric in metrics:
        value = order.get(metric)
        if value is None:
            warnings.append(f"the order states no {metric}: the card's rules for it were not applied")
            continue
        rule = next((rule for rule in rules if rule.metric == metric and rule.holds(value)), None)
        if rule is None:
            warnings.append(f"no rule covers a {metric} of {plain(value)}: it was not priced")
        else:
            applied.append(_apply(rule, value, card.currency))
    warnings += [
        f"the rate card has no rule for {metric}: it was not priced" for metric in order if metric not in metrics
    ]
    order_amount = Decimal(card.order_amount)
    if order_amount:
        text = f"{money_text(order_amount, card.currency)} per order"
        applied.append(AppliedRule("order", "order", Decimal(1), order_amount, ZERO, order_amount, text))
    total = ZERO
    for line in applied:
        total = EXACT.add(total, line.subtotal)
    return Quote(total, to_minor(total, card.currency), tuple(applied), tuple(warnings))


def _apply(rule: Rule, value: Decimal, currency: str) -> AppliedRule:
    subtotal = EXACT.add(rule.base_amount, EXACT.multiply(value, rule.unit_amount))
    measured = f"{plain(value)} {rule.unit}" if rule.unit else plain(value)
    text = f"{money_text(rule.base_amount, currency)} + {measured} x {money_text(rule.unit_amount, currency)}"
    return AppliedRule(rule.name, rule.metric, value, rule.base_amount, rule.unit_amount, subtotal, text)


def _check_order(order: Mapping[str, Decimal], metrics: Collection[str]) -> None:
    if not order:
        raise Invalid(
            f"the order states nothing to price; send at least one of {', '.join(metrics) or 'its metrics'}",
            code="empty_order",
            fields=[FieldError("/order", "must state at least one metric")],
        )
    found: list[FieldError] = []
    for metric, value in order.items():
        pointer = "/order/" + metric.replace("~", "~0").replace("/", "~1")
        if metric not in metrics and metric not in COMMON_METRICS:
            known = ", ".join(dict.fromkeys([*metrics, *COMMON_METRICS]))
            found.append(FieldError(pointer, f"is not a metric that can be priced; use one of {known}"))
        found.extend(faults(value, pointer))
    if found:
        first = found[0]
        raise Invalid(f"the order can't be priced: {first.pointer} {first.detail}", code="invalid_order", fields=found)


@lru_cache(maxsize=1000)
def _rules(card: RateCard) -> tuple[Rule, ...]:
    return tuple(
        Rule(
            rule.metric,
            Decimal(rule.range_start),
            None if rule.range_end is None else Decimal(rule.range_end),
            Decimal(rule.base_amount),
            Decimal(rule.unit_amount),
            rule.unit,
        )
        for rule in card.rules
    )


def _amount_faults(text: str, pointer: str) -> Iterator[FieldError]:
    try:
        yield from faults(Decimal(text), pointer)
    except InvalidOperation:
        yield FieldError(pointer, "must be a decimal such as 12.50")


def range_faults(rules: tuple[Rule, ...], at: str) -> Iterator[FieldError]:
    """Ranges below the pointer that are empty, or that overlap another of the same metric."""
    ends: dict[str, Decimal | None] = {}
    for number, rule in sorted(enumerate(rules), key=lambda item: (item[1].metric, item[1].start)):
        if rule.end is not None and rule.end <= rule.start:
            yield FieldError(f"{at}/{number}/range_end", f"must be above range_start ({plain(rule.start)})")
        before = ends.get(rule.metric, ZERO)
        if rule.metric in ends and (before is None or rule.start < before):
            yield FieldError(f"{at}/{number}/range_start", f"overlaps another range of {rule.metric}")
        ends[rule.metric] = rule.end
