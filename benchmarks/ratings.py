"""Pure ratings a second in one process, model by model: a price and a period's usage in, a derivation out."""

import time
from decimal import Decimal

from benchmarks.results import Result
from corebilling.kernel.usage import UsageFigures, UsageGroup
from corebilling.rating.domain.engine import of_quantity, rate
from corebilling.rating.domain.price import Price, parse

_TIERS = (
    '[{"up_to":"1000","unit_amount":"0.10"},{"up_to":"10000","unit_amount":"0.08"},'
    '{"up_to":"100000","unit_amount":"0.05","flat_amount":"10"},{"up_to":null,"unit_amount":"0.03"}]'
)
_RATES = '[{"up_to":"1000","rate":"0.03"},{"up_to":"10000","rate":"0.02"},{"up_to":null,"rate":"0.01"}]'
_CELLS = ",".join(f'{{"values":["region-{number}","large"],"unit_amount":"0.{number + 1:02}"}}' for number in range(12))
_RULES = (
    '[{"metric":"weight","range_end":"10","range_start":"0","base_amount":"15","unit_amount":"1.5"},'
    '{"metric":"weight","range_start":"10","range_end":null,"base_amount":"30","unit_amount":"2"}]'
)
_QUANTITIES = [Decimal(number * 7919 % 150_000) for number in range(500)]
_EVENTS = tuple(Decimal(number % 97 + 1) / 4 for number in range(100))


def run(scale: float) -> list[Result]:
    """Each model over 500 different periods, as often as fits."""
    return [_measured(name, definition, scale) for name, definition in _DEFINITIONS.items()]


_DEFINITIONS = {
    "flat": '{"model":"flat","amount":"49.90"}',
    "per_unit": '{"model":"per_unit","unit_amount":"0.0375"}',
    "per_unit, all four modifiers": '{"model":"per_unit","unit_amount":"0.0375","included_units":"1000","minimum_amount":"100",'
    '"maximum_amount":"4000","discount_percent":"12.5"}',
    "graduated, 4 tiers": f'{{"model":"graduated","tiers":{_TIERS}}}',
    "volume, 4 tiers": f'{{"model":"volume","tiers":{_TIERS}}}',
    "package": '{"model":"package","package_size":"100","package_amount":"5","free_units":"100"}',
    "percentage of a total": '{"model":"percentage","rate":"0.029","fixed_amount":"0.30"}',
    "percentage of 100 events": '{"model":"percentage","rate":"0.029","fixed_amount":"0.30","free_events":3,'
    '"min_per_event":"0.50","max_per_event":"2"}',
    "graduated_percentage, 3 tiers": f'{{"model":"graduated_percentage","tiers":{_RATES}}}',
    "dynamic": '{"model":"dynamic","multiplier":"1.2"}',
    "matrix, 13 groups": f'{{"model":"matrix","dimensions":["region","size"],"cells":[{_CELLS}],"default_unit_amount":"1"}}',
    "rate_card, 13 groups": f'{{"model":"rate_card","rules":{_RULES},"order_amount":"3"}}',
}


def _measured(name: str, definition: str, scale: float) -> Result:
    price = parse(definition)
    periods = [_period(price, quantity) for quantity in _QUANTITIES]
    per_event = price.detail != "total"
    rounds = max(1, int((10 if per_event else 100) * scale))
    started = time.perf_counter()
    for _ in range(rounds):
        for used in periods:
            rate(price, used)
    seconds = time.perf_counter() - started
    return Result(f"pure ratings, {name}", rounds * len(periods) / seconds, "ratings/s")


def _period(price: Price, quantity: Decimal) -> UsageFigures:
    if price.detail == "events":
        return UsageFigures(sum(_EVENTS, Decimal(0)), len(_EVENTS), amounts=_EVENTS)
    if price.detail == "groups":
        wide = len(price.group_by) > 1
        values = [(f"region-{n}", "large") if wide else (f"{n}.5",) for n in range(13)]
        return UsageFigures(quantity * 13, 13, tuple(UsageGroup(one, quantity) for one in values))
    return of_quantity(quantity)
