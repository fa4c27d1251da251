"""The clock is passed in: whoever needs the time is given one of these."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Answers the present instant, aware, in UTC."""

    def __call__(self) -> datetime: ...
