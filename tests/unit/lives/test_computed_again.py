"""Whatever happened in a life, what was charged is what its pinned inputs give when it is computed again, years later."""

from decimal import Decimal

import pytest
from msgspec.structs import replace
from story import Options, Story

from corebilling.kernel.charge import BilledCharge
from corebilling.rating.domain.rating import Rated
from corebilling.rating.domain.recomputing import Difference, Recount
from corebilling.subscription.domain import timeline


def lived(seed: int, options: Options = Options()) -> Story:
    story = Story(seed, options)
    story.live(12)
    story.die()
    return story


def again(story: Story, rated: Rated, charges: tuple[BilledCharge, ...]) -> list[Difference]:
    """What differs in these charges of a rating, by the contract as it is in the end."""
    ratings = story.ratings
    prices = {price.price_id: price for price in ratings.offers.prices.values()}
    recount = Recount(timeline.contract(story.business.agreement), ratings.offers, prices)
    figures = {number: ratings.figures(question.window) for number, question in recount.questions(charges)}
    assert figures.keys() >= {
        charge.charge_no for charge in charges if charge.kind in ("usage", "late_usage") and charge.price_id
    }
    return list(recount.differences(charges, figures, rated.total_minor))


@pytest.mark.parametrize("first", range(0, 240, 40))
def test_everything_that_was_ever_charged_comes_out_the_same(first: int) -> None:
    for seed in range(first, first + 40):
        story = lived(seed, Options(lag=seed % 3 == 0, discount=Decimal("0.5") if seed % 5 == 0 else None))
        for rated in story.ratings.made:
            assert again(story, rated, rated.charges) == [], f"seed {seed}:\n" + "\n".join(story.log)


def test_a_charge_that_was_changed_is_named_with_both_figures() -> None:
    named = 0
    for seed in range(40):
        story = lived(seed)
        for rated in story.ratings.made:
            for place, charge in enumerate(rated.charges):
                wrong = replace(charge, amount_minor=charge.amount_minor - 1)
                changed = (*rated.charges[:place], wrong, *rated.charges[place + 1 :])
                found = again(story, rated, changed)
                assert (
                    Difference(charge.charge_no, "amount_minor", str(wrong.amount_minor), str(charge.amount_minor))
                    in found
                )
                named += 1
    assert named > 100


def test_usage_that_was_changed_is_named_with_both_figures() -> None:
    named = 0
    for seed in range(40):
        story = lived(seed)
        before = [(rated, again(story, rated, rated.charges)) for rated in story.ratings.made]
        assert all(not found for _, found in before)
        for used in story.ratings.used:
            used.quantity += 1
        for rated, _ in before:
            named += sum(difference.figure == "usage" for difference in again(story, rated, rated.charges))
    assert named > 40
