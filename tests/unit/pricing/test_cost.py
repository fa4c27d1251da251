from decimal import Decimal
from typing import Any

import pytest

from corebilling.pricing.domain.cost import cost_faults

GOOD: dict[str, Any] = {
    "meter": "calls",
    "dimensions": ("region",),
    "currency": "EUR",
    "unit_cost": Decimal("0.0004"),
    "dimension": None,
    "value": None,
}


def test_a_cost_is_of_a_meter_or_of_a_value_that_it_groups_by() -> None:
    assert not list(cost_faults(**GOOD))
    assert not list(cost_faults(**GOOD | {"dimension": "region", "value": "eu", "unit_cost": Decimal(0)}))


@pytest.mark.parametrize(
    ("wanted", "pointers"),
    [
        ({"dimensions": None, "dimension": "region", "value": "eu"}, ["/meter"]),
        ({"currency": "XQQ"}, ["/currency"]),
        ({"unit_cost": Decimal(-1)}, ["/unit_cost"]),
        ({"unit_cost": Decimal("Infinity")}, ["/unit_cost"]),
        ({"unit_cost": Decimal("1E-13")}, ["/unit_cost"]),
        ({"value": "eu"}, ["/dimension"]),
        ({"dimension": "region"}, ["/value"]),
        ({"dimension": "tier", "value": "gold"}, ["/dimension"]),
    ],
)
def test_a_cost_that_makes_no_sense_is_pointed_at(wanted: dict[str, Any], pointers: list[str]) -> None:
    assert [fault.pointer for fault in cost_faults(**GOOD | wanted)] == pointers
