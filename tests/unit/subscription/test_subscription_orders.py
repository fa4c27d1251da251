from datetime import timedelta
from decimal import Decimal

import pytest
from made_agreements import BASIC, CATALOG, EXTRAS, METERED, NOW, PRO, TEAM, TENANT, accept, agreement, customer
from msgspec.structs import replace

from corebilling.kernel.errors import Conflict, Invalid
from corebilling.subscription.domain import orders
from corebilling.subscription.domain.agreement import ItemChange
from corebilling.subscription.domain.catalog import AddOn, Catalog
from corebilling.subscription.domain.terms import FIRST_PAYMENT, Asked

BILLING = NOW.replace(microsecond=0)


def fault(plan: str, **wanted: object) -> tuple[str, str]:
    with pytest.raises((Invalid, Conflict)) as caught:
        agreement(plan, **wanted)  # type: ignore[arg-type]
    return caught.value.fields[0].pointer, caught.value.message


def test_a_plan_alone_is_one_term_without_items_of_its_own() -> None:
    made = agreement("pro")
    assert made.is_plain
    assert made.terms[0].items is None
    assert (made.status, made.opening_at, made.reminder_at, made.expires_at) == ("active", BILLING, None, None)


def test_nothing_opens_a_subscription_that_pays_in_arrears() -> None:
    assert agreement("metered").opening_at is None


def test_quantities_and_prices_of_ones_own_make_items_and_leave_the_others_alone() -> None:
    own = '{"model":"per_unit","unit_amount":"0.01"}'
    made = agreement("team", items=(ItemChange("seat", Decimal(5)), ItemChange("calls", definition=own)))
    seat, calls, setup = made.terms[0].items or ()
    assert (seat.quantity, seat.price_id, calls.definition) == (Decimal(5), TEAM.prices[0].price_id, own)
    assert seat.item_id != seat.price_id
    assert setup.item_id == setup.price_id


def test_what_is_asked_of_items_must_make_sense() -> None:
    assert fault("team", items=(ItemChange("chair", pointer="/items/0"),))[0] == "/items/0/price"
    twice = (ItemChange("seat", Decimal(2), pointer="/items/0"), ItemChange("seat", pointer="/items/1"))
    assert fault("team", items=twice)[0] == "/items/1/price"
    assert fault("team", items=(ItemChange("seat", Decimal(-1), pointer="/x"),))[0] == "/x/quantity"
    assert fault("team", items=(ItemChange("seat", Decimal(10) ** 15 + 1, pointer="/x"),))[0] == "/x/quantity"
    assert fault("team", commitment=Decimal(-1), pointer="/items/0")[0] == "/items/0/commitment/amount"
    assert fault("team", commitment=Decimal(10) ** 18)[0] == "/commitment/amount"
    pointer, message = fault("team", items=(ItemChange("calls", Decimal(2), pointer="/x"),))
    assert pointer == "/x/quantity"
    assert "its meter counts" in message


def test_an_add_on_is_named_by_plan_and_code_or_by_id() -> None:
    for reference in ("extras/support", str(EXTRAS.prices[0].price_id)):
        made = agreement("basic", add_ons=(AddOn(reference, Decimal(3)),))
        base, support = made.terms[0].items or ()
        assert (base.reference, support.reference, support.quantity) == ("base", "extras/support", Decimal(3))
        assert support.price_id == EXTRAS.prices[0].price_id


def test_an_add_on_has_the_plans_interval_and_the_customers_currency() -> None:
    pointer, message = fault("basic", add_ons=(AddOn("yearly-extras/audit", pointer="/add_ons/0"),))
    assert (pointer, "every 1 year" in message) == ("/add_ons/0/price", True)
    assert fault("basic", add_ons=(AddOn("extras/nothing", pointer="/add_ons/0"),))[0] == "/add_ons/0/price"
    dollars = Catalog({"basic": replace(BASIC, currency="USD", currencies=("USD", "EUR"))} | {"extras": EXTRAS}, {})
    order = orders.Order(customer="acme", plan="basic", add_ons=(AddOn("extras/support", pointer="/add_ons/0"),))
    with pytest.raises(Conflict, match="not sold in USD"):
        orders.agreements(
            [order], {"acme": customer("USD")}, dollars, orders.Seller(TENANT, NOW, NOW, "second"), accept
        )
    assert "already" in fault("basic", add_ons=(AddOn("extras/support"), AddOn("extras/support")))[1]


def test_the_plans_commitment_holds_unless_another_was_agreed() -> None:
    assert agreement("minimal").terms[0].commitment == Decimal(100)
    assert not agreement("minimal").is_plain
    assert agreement("minimal", commitment=Decimal(70)).terms[0].commitment == Decimal(70)


def test_a_version_that_is_not_sold_any_more_takes_nobody() -> None:
    gone = Catalog({"basic": replace(BASIC, deprecated=True)}, {})
    order = orders.Order(customer="acme", plan="basic", pointer="/items/0")
    with pytest.raises(Conflict, match="not sold any more"):
        orders.agreements([order], {"acme": customer()}, gone, orders.Seller(TENANT, NOW, NOW, "day"), accept)


def test_the_tenants_way_of_proration_is_the_default() -> None:
    order = orders.Order(customer="acme", plan="basic")
    by_day = orders.Seller(TENANT, NOW, NOW, "day")
    (made,) = orders.agreements([order], {"acme": customer()}, CATALOG, by_day, accept)
    assert made.proration == "day"
    assert agreement(proration="day").proration == "day"


def test_a_trial_begins_trialing_and_one_that_is_over_already_does_not() -> None:
    on_trial = agreement(asked=Asked(trial_days=14))
    assert (on_trial.status, on_trial.reminder_at) == ("trialing", BILLING + timedelta(days=11))
    over = agreement(asked=Asked(start_at=BILLING - timedelta(days=20), trial_days=14))
    assert (over.status, over.reminder_at, over.opening_at) == ("active", None, BILLING - timedelta(days=6))


def test_a_first_payment_is_waited_for_where_something_is_due_at_the_start() -> None:
    waiting = agreement(payment_behavior="require_first_payment")
    assert (waiting.status, waiting.expires_at) == ("incomplete", NOW + FIRST_PAYMENT)
    assert agreement(METERED.code, payment_behavior="require_first_payment").status == "active"
    pointer, _ = fault(PRO.code, payment_behavior="require_first_payment", asked=Asked(trial_days=3))
    assert pointer == "/payment_behavior"
