"""How far a member of a Kafka group is in its partitions.

Kafka keeps one number for a group in a partition: everything before it is done. Messages are acknowledged in any order,
so that number is the first one still open, and what was acknowledged beyond it is delivered again after a crash.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from corebilling.platform.bus.port import Delivery


@dataclass(frozen=True, slots=True)
class Receipt:
    """Belongs to a delivery: its partition as it was assigned then, and its offset there."""

    partition: "Partition"
    offset: int


@dataclass(slots=True)
class _Open:
    delivery: Delivery
    due: float
    """When it is delivered again unless it is acknowledged or extended; on the loop's clock."""


@dataclass(slots=True, eq=False)
class Partition:
    """One partition for as long as it is assigned to this member."""

    _open: dict[int, _Open] = field(default_factory=dict)
    end: int | None = None
    """The offset after the last one received; None before the first."""
    committed: int | None = None
    """What was last told to the broker."""

    @property
    def position(self) -> int | None:
        """Everything before it is acknowledged; None while nothing was received."""
        return next(iter(self._open), self.end)

    @property
    def ahead(self) -> int:
        """Offsets between the first open message and the last one received."""
        return 0 if self.end is None or not self._open else self.end - next(iter(self._open))

    @property
    def open(self) -> int:
        """Messages delivered and not acknowledged."""
        return len(self._open)

    def take(self, body: bytes, offset: int, due: float) -> Delivery:
        """Deliver a message."""
        delivery = Delivery(body, Receipt(self, offset))
        self._open[offset] = _Open(delivery, due)
        self.end = offset + 1
        return delivery

    def skip(self, offset: int) -> None:
        """Pass a message that the group has no use for."""
        self.end = offset + 1

    def acknowledge(self, offset: int) -> None:
        """Never deliver it again."""
        self._open.pop(offset, None)

    def extend(self, offset: int, due: float) -> None:
        """Put its next delivery off."""
        if (opened := self._open.get(offset)) is not None:
            opened.due = due

    def overdue(self, now: float, due: float) -> Iterator[Delivery]:
        """Deliver again what was neither acknowledged nor extended in time."""
        for opened in self._open.values():
            if opened.due <= now:
                opened.due = due
                yield opened.delivery
