from datetime import UTC, datetime, timedelta
from itertools import permutations
from uuid import UUID, uuid4

import msgspec
import pytest

from corebilling.customer.domain.entitlements import Told, gathered, merged, told
from corebilling.events.catalog import BY_PAYLOAD
from corebilling.events.envelope import Envelope
from corebilling.events.subscription import (
    SubscriptionCanceled,
    SubscriptionCreated,
    SubscriptionPriceUpdated,
    SubscriptionStatusChanged,
    SubscriptionUpdated,
)
from corebilling.events.webhook import WebhookTest
from corebilling.kernel.ids import made_at, new_id

TENANT, SUBSCRIPTION, CUSTOMER = uuid4(), uuid4(), uuid4()
BASIC, PRO, SEAT = uuid4(), uuid4(), uuid4()
START = datetime(2026, 4, 1, tzinfo=UTC)
MAY = datetime(2026, 5, 1, tzinfo=UTC)


def event(seq: int, payload: msgspec.Struct, subscription: UUID = SUBSCRIPTION) -> Envelope[msgspec.Struct]:
    at = START + timedelta(hours=seq)
    subject = BY_PAYLOAD[type(payload)].subject
    return Envelope(new_id(), subject, 1, TENANT, subscription, seq, new_id(), None, None, at, payload)


HISTORY = [
    event(
        1,
        SubscriptionCreated(
            SUBSCRIPTION, CUSTOMER, BASIC, "EUR", START, "UTC", "month", 1, "trialing", True, START, []
        ),
    ),
    # The same commit tells of the trial's end: the sequence number is the same, and the order of emission counts.
    event(1, SubscriptionStatusChanged(SUBSCRIPTION, "trialing", "active")),
    event(2, SubscriptionUpdated(SUBSCRIPTION, CUSTOMER, PRO, "active", "plan", START, None)),
    event(2, SubscriptionPriceUpdated(SUBSCRIPTION, START, [SEAT])),
    event(3, SubscriptionCanceled(SUBSCRIPTION, MAY)),
    event(4, SubscriptionStatusChanged(SUBSCRIPTION, "active", "past_due")),
]


def whole(*events: Envelope[msgspec.Struct]) -> Told:
    (only,) = gathered(events)
    return only


def test_a_history_amounts_to_its_latest_facts() -> None:
    known = whole(*HISTORY)
    assert (known.customer_id, known.plan_id, known.status) == (CUSTOMER, PRO, "past_due")
    assert (known.starts_at, known.ends_at, known.price_ids) == (START, MAY, (SEAT,))
    assert (known.seq, known.first_event_at, known.last_event_at) == (
        4,
        made_at(HISTORY[0].id),
        START + timedelta(hours=4),
    )


def test_any_order_and_any_repetition_amount_to_the_same() -> None:
    expected = whole(*HISTORY)
    for order in permutations(HISTORY):
        assert whole(*order, *order[:3]) == expected


def test_parts_put_together_amount_to_the_whole() -> None:
    expected = whole(*HISTORY)
    for cut in range(1, len(HISTORY)):
        before, after = whole(*HISTORY[:cut]), whole(*HISTORY[cut:])
        assert merged(before, after) == merged(after, before) == expected


def test_an_end_taken_back_is_no_end() -> None:
    uncanceled = event(5, SubscriptionUpdated(SUBSCRIPTION, CUSTOMER, PRO, "active", "cancellation", START, None))
    assert whole(uncanceled, *HISTORY).ends_at is None


def test_subscriptions_of_a_batch_stay_apart() -> None:
    other = uuid4()
    moved = event(9, SubscriptionStatusChanged(other, "active", "paused"), other)
    assert {each.subscription_id: each.status for each in gathered([*HISTORY, moved])} == {
        SUBSCRIPTION: "past_due",
        other: "paused",
    }


def test_an_event_of_another_kind_is_refused() -> None:
    with pytest.raises((TypeError, AttributeError)):
        told(event(1, WebhookTest(uuid4(), "hello")))
