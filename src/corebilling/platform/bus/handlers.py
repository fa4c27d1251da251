"""What a context gives the router: functions over batches of events, in a table by payload type.

A handler is called once per group of events with one subject, of many tenants, inside one transaction that sees just
those tenants, and each event comes once for every commit. Groups come in any order and at the same time, so handlers are
set-based and never rest on the order of arrival.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec

from corebilling.events.catalog import BY_PAYLOAD
from corebilling.events.envelope import Envelope
from corebilling.platform.db import Tx

S = TypeVar("S")

Handler = Callable[[S, Tx, Sequence[Envelope[Any]]], Awaitable[None]]
Forget = Callable[[S, Tx, UUID, datetime], Awaitable[int]]
"""Deletes a tenant's rows whose first event was written (the instant in its id) at an instant or later; answers how many."""
HandlerTable = Mapping[type[msgspec.Struct], Handler[S]]


@dataclass(frozen=True, slots=True)
class Consumer(Generic[S]):
    """One context's handlers with the service that they call. `name` is the key of its inbox: never rename it.

    With `forget` it is a projection: it writes only what its events say, newer over older by `resource_seq`, emits nothing,
    and can be rebuilt by replay.
    """

    name: str
    service: S
    table: HandlerTable[S]
    forget: Forget[S] | None = None

    def subjects(self) -> dict[str, Handler[S]]:
        """Its handlers by subject. Raises KeyError for a payload type that is not in the catalog."""
        return {BY_PAYLOAD[payload].subject: handler for payload, handler in self.table.items()}


class NotYet(Exception):
    """Raised by a handler when events need an earlier fact that hasn't arrived: just these are parked and retried."""

    def __init__(self, message: str, event_ids: Collection[UUID]) -> None:
        super().__init__(message)
        self.event_ids = frozenset(event_ids)


class Subscriptions:
    """Which consumers want which subject: for the broker's filter, the sweep and the question what is unhandled."""

    def __init__(self, consumers: Sequence[Consumer[Any]]) -> None:
        pairs = [(subject, consumer.name) for consumer in consumers for subject in consumer.subjects()]
        self.pairs: tuple[tuple[str, str], ...] = tuple(sorted(pairs))
        if len(set(self.pairs)) < len(self.pairs):
            raise ValueError("two consumers share a name; each needs its own")

    @property
    def subjects(self) -> list[str]:
        """Every subject that somebody wants, sorted."""
        return sorted({subject for subject, _ in self.pairs})

    @property
    def pair_subjects(self) -> list[str]:
        """The subject of each pair, aligned with `pair_consumers`, as queries take them."""
        return [subject for subject, _ in self.pairs]

    @property
    def pair_consumers(self) -> list[str]:
        """The consumer of each pair."""
        return [consumer for _, consumer in self.pairs]
