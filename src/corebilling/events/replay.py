"""Payloads about the backbone itself."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec


class ReplayFinished(msgspec.Struct, frozen=True):
    """A replay has put its last event back on its way. `replayed` counts events, `reason` is what the caller gave."""

    replay_id: UUID
    outcome: Literal["succeeded", "canceled", "failed"]
    replayed: int
    subjects: list[str]
    consumer: str | None
    occurred_from: datetime
    occurred_to: datetime
    reason: str
