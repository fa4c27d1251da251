"""Hundreds of random lives, of the real rules in memory: whatever happened, all that was billed is what the oracle says is owed.

Plans of two intervals in three currencies, seats, own prices, one-offs, prices due every second or third period, add-ons,
commitments, trials, starts in the past, calendars, pauses, changes now, at renewal and at an instant, called off or not,
several in one second, cancellations ordered and taken back, usage that comes late and is taken back, also after the end;
exactly where a period ends and in the grace after it. News arrive in any order.
"""

from decimal import Decimal

import pytest
from story import Options, Story

from corebilling.rating.domain.carrying import CARRIED


def lived(seed: int, options: Options = Options()) -> Story:
    story = Story(seed, options)
    story.live(12)
    story.die()
    return story


def charged(story: Story) -> int:
    return sum(line.amount_minor for line in story.ratings.charges if line.derivation.model != CARRIED)


@pytest.mark.parametrize("first", range(0, 240, 40))
def test_all_that_was_billed_is_what_was_owed(first: int) -> None:
    foreseen = 0
    for seed in range(first, first + 40):
        story = lived(seed)
        assert charged(story) == story.oracle.total(), f"seed {seed}:\n" + "\n".join(story.log)
        foreseen += story.ratings.foresights
    assert foreseen > 10, "upcoming invoices were held against the closings that followed"


@pytest.mark.parametrize("seed", [61, 146, 151, 160, 198, 238, 354, 422, 864, 903, 1073, 3354, 4188])
def test_lives_that_once_came_out_wrong(seed: int) -> None:
    story = lived(seed)
    assert charged(story) == story.oracle.total()


@pytest.mark.parametrize("off", ["0.5", "1"])
def test_a_percentage_off_takes_its_share_of_all_of_it(off: str) -> None:
    """Each discount is rounded by itself: the sum may be a unit off for every line."""
    for seed in range(80):
        story = lived(seed, Options(discount=Decimal(off)))
        difference = charged(story) - (1 - Decimal(off)) * story.oracle.total()
        assert abs(difference) <= len(story.ratings.charges), f"seed {seed}:\n" + "\n".join(story.log)


def test_what_is_kept_without_proration_is_paid_and_nothing_takes_its_place() -> None:
    for seed in range(80):
        story = lived(seed, Options(keeps=True))
        assert charged(story) == story.oracle.total(), f"seed {seed}:\n" + "\n".join(story.log)


@pytest.mark.parametrize("seed", [76, 185, 419, 577, 1008])
def test_a_period_that_the_scheduler_closed_too_late_is_billed_as_far_as_it_was_agreed(seed: int) -> None:
    """News that are later than the grace: another calendar, or the end, is heard of after the closing."""
    story = lived(seed, Options(lag=True))
    assert charged(story) == story.oracle.total()
