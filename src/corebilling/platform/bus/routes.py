"""Who gets which event: the consumers' tables turned round, by subject."""

from collections.abc import Sequence
from typing import Any

from corebilling.events.envelope import CloudEvent
from corebilling.platform.bus.handlers import Consumer, Handler, Subscriptions

Route = tuple[Consumer[Any], Handler[Any]]


class Routes:
    """The routes of one release. `subjects` is what it subscribes to."""

    def __init__(self, consumers: Sequence[Consumer[Any]]) -> None:
        self.subjects = Subscriptions(consumers).subjects
        self._by_subject: dict[str, list[Route]] = {}
        for consumer in consumers:
            for subject, handler in consumer.subjects().items():
                self._by_subject.setdefault(subject, []).append((consumer, handler))

    def of(self, event: CloudEvent) -> list[Route]:
        """Everybody who listens to the event's subject, or the one that it is replayed for."""
        routes = self._by_subject.get(event.type, [])
        return [route for route in routes if event.replayfor in (None, route[0].name)]
