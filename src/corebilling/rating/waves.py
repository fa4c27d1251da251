"""Batches of events in waves, in each of which a subscription comes once: its ratings build on one another."""

from collections.abc import Iterable
from typing import TypeVar
from uuid import UUID

from corebilling.events.envelope import Envelope
from corebilling.events.scheduler import BillingCycleClosed
from corebilling.events.subscription import SubscriptionInvoiceRequested

P = TypeVar("P", BillingCycleClosed, SubscriptionInvoiceRequested)

Wave = dict[tuple[UUID, UUID], Envelope[P]]
"""By (tenant, subscription)."""


def waves(events: Iterable[Envelope[P]]) -> list[Wave[P]]:
    """At most one event of a subscription in each wave; those of one keep the order in which they come here."""
    found: list[Wave[P]] = []
    for event in events:
        key = (event.tenant_id, event.payload.subscription_id)
        wave = next((wave for wave in found if key not in wave), None)
        if wave is None:
            wave = {}
            found.append(wave)
        wave[key] = event
    return found
