"""Whom an event belongs to: one subscription, named by itself or by its customer."""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from corebilling.kernel.party import Attribution
from corebilling.kernel.references import as_id
from corebilling.usage.domain.event import Refusal, SubjectEvent, UsageEvent


class Owner(msgspec.Struct, frozen=True, gc=False):
    """A subscription that may own usage. `hex` is its id as 32 hexadecimal digits, which is how it is sent and hashed:
    formatting it for every event would cost more than all the rest."""

    attribution: Attribution
    hex: str

    def covers(self, at: datetime) -> bool:
        """Whether usage of that instant is the subscription's own."""
        ends_at = self.attribution.ends_at
        return at >= self.attribution.starts_at and (ends_at is None or at < ends_at)


class Owners:
    """The subscriptions that a batch may name, by each of their names."""

    def __init__(self, attributions: Iterable[Attribution]) -> None:
        self._subscriptions: dict[str, Owner] = {}
        self._customers: dict[str, list[Owner]] = {}
        owners = {a.subscription_id.int: Owner(a, a.subscription_id.hex) for a in attributions}.values()
        for owner in owners:
            self._subscriptions[_dashed(owner.hex)] = owner
            customer = owner.attribution
            self._customers.setdefault(customer.customer_external_id, []).append(owner)
            customer_id = _dashed(customer.customer_id.hex)
            if customer_id != customer.customer_external_id:
                self._customers.setdefault(customer_id, []).append(owner)
        for owner in owners:
            if owner.attribution.external_id is not None:
                self._subscriptions.setdefault(owner.attribution.external_id, owner)

    def of(self, event: UsageEvent, at: datetime) -> Owner | Refusal:
        """The subscription that the event names and that covers the instant, or why there is none."""
        subscription, customer = event.subscription_id, event.customer_id
        if isinstance(event, SubjectEvent):
            named = self.subscription(event.subject) is not None
            subscription, customer = (event.subject, None) if named else (None, event.subject)
        pointer = "/subject" if isinstance(event, SubjectEvent) else None
        if subscription is not None:
            return self._by_subscription(subscription, customer, at, pointer or "/subscription_id")
        if customer is not None:
            return self._by_customer(customer, at, pointer or "/customer_id")
        return Refusal("no_owner", "name a subscription_id or a customer_id", "/subscription_id")

    def subscription(self, name: str) -> Owner | None:
        """The subscription of that id or external id."""
        owner = self._subscriptions.get(name)
        if owner is None and (subscription_id := as_id(name)):
            owner = self._subscriptions.get(str(subscription_id))
        return owner

    def _by_subscription(self, name: str, customer: str | None, at: datetime, pointer: str) -> Owner | Refusal:
        owner = self._subscriptions.get(name) or self.subscription(name)
        if owner is None:
            return Refusal("unknown_subscription", f"there is no subscription '{name}'; create it first", pointer)
        if customer is not None and owner not in self._customers.get(customer, ()):
            detail = f"subscription '{name}' is not of customer '{customer}'; send one of the two"
            return Refusal("customer_mismatch", detail, "/customer_id")
        if owner.covers(at):
            return owner
        return Refusal("outside_subscription", f"subscription '{name}' doesn't run at the event's timestamp", pointer)

    def _by_customer(self, name: str, at: datetime, pointer: str) -> Owner | Refusal:
        owners = self._customers.get(name) or self._customers.get(str(as_id(name)))
        if owners is None:
            return Refusal(
                "unknown_customer", f"there is no customer '{name}' with a subscription; create both first", pointer
            )
        covering = [owner for owner in owners if owner.covers(at)]
        if len(covering) == 1:
            return covering[0]
        if covering:
            detail = (
                f"customer '{name}' has {len(covering)} subscriptions at the event's timestamp; send subscription_id"
            )
            return Refusal("ambiguous_customer", detail, pointer)
        return Refusal(
            "outside_subscription", f"customer '{name}' has no subscription running at the event's timestamp", pointer
        )


def _dashed(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
