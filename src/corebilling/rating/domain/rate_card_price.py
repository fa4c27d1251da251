"""`rate_card`: every event is an order, and rules price what its properties measure."""

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import ClassVar

from corebilling.kernel.charge import DerivationStep
from corebilling.kernel.errors import FieldError, Invalid
from corebilling.kernel.money import EXACT
from corebilling.kernel.usage import Detail, UsageFigures, UsageGroup
from corebilling.rating.domain.amounts import ZERO, faults
from corebilling.rating.domain.groups import grouped, without_first
from corebilling.rating.domain.modifiers import Modifiers
from corebilling.rating.domain.rate_card import MAX_RULES, Rule, range_faults


class RateCardPrice(Modifiers, frozen=True, forbid_unknown_fields=True, tag_field="model", tag="rate_card"):
    """An order costs `order_amount` and, for each metric that it states, what the rule for its value says.

    The quantity of the usage is the number of orders. A metric that is absent, or whose value no rule covers, isn't priced.
    """

    MODEL: ClassVar[str] = "rate_card"
    PRICES_USAGE: ClassVar[bool] = True

    rules: tuple[Rule, ...]
    order_amount: Decimal = ZERO

    @property
    def detail(self) -> Detail:
        """A quantity for each combination of values."""
        return "groups"

    @property
    def group_by(self) -> tuple[str, ...]:
        """The metrics that rules price."""
        return self._metrics

    def faults(self, at: str, currency: str | None) -> Iterator[FieldError]:
        """What is wrong with this definition."""
        if not 1 <= len(self.rules) <= MAX_RULES:
            yield FieldError(f"{at}/rules", f"must hold between 1 and {MAX_RULES} rules")
        found = list(self._number_faults(f"{at}/rules"))
        yield from found or range_faults(self.rules, f"{at}/rules")
        yield from faults(self.order_amount, f"{at}/order_amount")

    def _number_faults(self, at: str) -> Iterator[FieldError]:
        for number, rule in enumerate(self.rules):
            if not rule.metric:
                yield FieldError(f"{at}/{number}/metric", "must name the property that is measured, such as weight")
            yield from faults(rule.start, f"{at}/{number}/range_start")
            if rule.end is not None:
                yield from faults(rule.end, f"{at}/{number}/range_end")
            yield from faults(rule.base_amount, f"{at}/{number}/base_amount")
            yield from faults(rule.unit_amount, f"{at}/{number}/unit_amount")

    def beyond_included(self, used: UsageFigures) -> UsageFigures:
        """The orders that are left to price; those with the smallest values are included first."""
        return without_first(self.included_units, self._orders(used)) if self.included_units else used

    def steps(self, used: UsageFigures) -> tuple[DerivationStep, ...]:
        """One step for each rule that priced anything, over all orders, and one for the orders themselves."""
        orders: dict[int, Decimal] = {}
        measured: dict[int, Decimal] = {}
        number = ZERO
        for group in self._orders(used):
            number = EXACT.add(number, group.quantity)
            for metric, text in zip(self._metrics, group.values, strict=True):
                if text is None:
                    continue
                value = _number(metric, text)
                place = next((p for p, rule in self._of_metric[metric] if rule.holds(value)), None)
                if place is not None:
                    orders[place] = EXACT.add(orders.get(place, ZERO), group.quantity)
                    sum_so_far = measured.get(place, ZERO)
                    measured[place] = EXACT.add(sum_so_far, EXACT.multiply(value, group.quantity))
        steps = [_step(self.rules[place], orders[place], measured[place]) for place in sorted(orders)]
        if self.order_amount or not steps:
            per_order = EXACT.multiply(number, self.order_amount)
            steps.append(DerivationStep("orders", number, self.order_amount, ZERO, per_order))
        return tuple(steps)

    def _orders(self, used: UsageFigures) -> tuple[UsageGroup, ...]:
        return grouped(used, len(self._metrics))

    @cached_property
    def _metrics(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(rule.metric for rule in self.rules))

    @cached_property
    def _of_metric(self) -> dict[str, list[tuple[int, Rule]]]:
        found: dict[str, list[tuple[int, Rule]]] = {metric: [] for metric in self._metrics}
        for place, rule in enumerate(self.rules):
            found[rule.metric].append((place, rule))
        return found


def _step(rule: Rule, orders: Decimal, measured: Decimal) -> DerivationStep:
    flat = EXACT.multiply(orders, rule.base_amount)
    amount = EXACT.add(flat, EXACT.multiply(measured, rule.unit_amount))
    return DerivationStep(rule.name, measured, rule.unit_amount, flat, amount)


def _number(metric: str, text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    found = next(faults(value, metric), None)
    if found:
        raise Invalid(
            f"an event's {metric} is '{text[:40]}', which can't be priced: it {found.detail}; amend the event",
            code="unpriceable_usage",
            fields=[FieldError(f"/properties/{metric.replace('~', '~0').replace('/', '~1')}", found.detail)],
        )
    return value
