from decimal import Decimal

import pytest

from corebilling.kernel.plan import Commitment
from corebilling.pricing.domain.selling import commitments, currencies, currency_faults


def test_a_plan_is_sold_in_its_own_currency_first_then_in_those_named_or_priced() -> None:
    assert currencies("EUR", ["USD", "EUR", "JPY"], ["KWD"]) == ("EUR", "USD", "JPY")
    assert currencies("EUR", None, ["KWD", "KWD", "JPY"]) == ("EUR", "KWD", "JPY")
    assert currencies("EUR", [], ["KWD"]) == ("EUR",)


def test_an_unknown_currency_is_pointed_at() -> None:
    assert [fault.pointer for fault in currency_faults("XQQ", ["USD", "USS"])] == ["/currency", "/currencies/1"]


def test_a_commitment_has_an_amount_in_each_currency() -> None:
    made, wrong = commitments(Decimal("100.00"), {"JPY": Decimal(15000)}, ("EUR", "JPY"))
    assert made == (Commitment("EUR", Decimal("100.00")), Commitment("JPY", Decimal(15000)))
    assert not wrong
    assert commitments(None, {}, ("EUR", "JPY")) == ((), [])


def test_a_commitment_that_lacks_a_currency_or_is_too_fine_or_nothing_is_pointed_at() -> None:
    _, wrong = commitments(Decimal(0), {"JPY": Decimal("0.5"), "USD": Decimal(1)}, ("EUR", "JPY", "KWD"))
    assert [fault.pointer for fault in wrong] == [
        "/commitment/currencies/KWD",
        "/commitment/currencies/USD",
        "/commitment/amount",
        "/commitment/currencies/JPY",
    ]


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-1", "0.001", "1E+999999", "92233720368547758.08", "1E-999999"])
def test_an_amount_that_no_document_can_hold_is_refused(amount: str) -> None:
    _, (fault,) = commitments(Decimal(amount), {}, ("EUR",))
    assert fault.pointer == "/commitment/amount"
