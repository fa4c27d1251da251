"""Up to which id nothing can appear any more: ids are made before their transactions commit, so a new one may be an old id.

A transaction that writes has a number, given at its first write or row lock; when all that had one at some instant have ended,
everything that they wrote is visible, and what others write later has later ids. Readers have no number and hold nothing back.
"""

from collections import deque
from datetime import datetime, timedelta
from uuid import UUID

from corebilling.kernel.ids import first_id_at

_SLACK = timedelta(seconds=2)
"""For clocks that differ between hosts, and for the moment between making an id and the first write."""

_SAMPLE = timedelta(milliseconds=100)
_MOST_NOTED = 1000


class Horizon:
    """Told of the numbers of transactions now and then, it knows the latest instant whose writers have all ended."""

    def __init__(self) -> None:
        self._noted: deque[tuple[int, datetime]] = deque()
        self._settled = UUID(int=0)
        self._due: datetime | None = None

    @property
    def id(self) -> UUID:
        """No event with a smaller id will appear; nil before enough is known."""
        return self._settled

    def is_due(self, now: datetime) -> bool:
        """Whether it is time to note the numbers again."""
        return self._due is None or now >= self._due

    def note(self, oldest_running: int, next_number: int, now: datetime) -> None:
        """The number of the oldest writer that still runs, and the one that the next will get."""
        self._due = now + _SAMPLE
        if len(self._noted) < _MOST_NOTED:
            self._noted.append((next_number, now))
        while self._noted and self._noted[0][0] <= oldest_running:
            self._settled = max(self._settled, first_id_at(self._noted.popleft()[1] - _SLACK))
