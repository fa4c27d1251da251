from corebilling.pricing.domain.plan_ref import code_version
from corebilling.pricing.domain.price_code import MAX_LENGTH, codes, slug


def test_a_name_becomes_a_code() -> None:
    assert slug("Base fee") == "base-fee"
    assert slug("  Größe & Café (EU) ") == "grosse-cafe-eu"
    assert slug("基本料金") == "price"
    assert len(slug("x" * 200)) == MAX_LENGTH


def test_codes_of_one_plan_differ_and_own_ones_come_first() -> None:
    assert codes([(None, "Calls"), (None, "Calls"), ("calls", "Mine"), (None, "Calls 2")]) == [
        "calls-2",
        "calls-3",
        "calls",
        "calls-2-2",
    ]
    long = "x" * MAX_LENGTH
    assert codes([(None, long), (None, long)])[1] == "x" * (MAX_LENGTH - 2) + "-2"


def test_a_version_is_named_behind_its_code() -> None:
    assert code_version("pro@3") == ("pro", 3)
    assert [code_version(ref) for ref in ("pro", "@3", "pro@", "pro@x", "pro@-1", "pro@٣", "pro@" + "9" * 20)] == [
        None
    ] * 7
