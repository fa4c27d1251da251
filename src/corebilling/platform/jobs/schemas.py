"""How jobs look on the wire."""

from datetime import datetime
from uuid import UUID

import msgspec

from corebilling.platform.jobs.states import JobState


class Progress(msgspec.Struct):
    """`done` of `total`; the total is null until the first chunk is done."""

    done: int
    total: int | None


class JobOut(msgspec.Struct):
    """A job. `result` is there once it has succeeded, `error` once it has failed; `request` is what was asked for."""

    id: UUID
    kind: str
    state: JobState
    progress: Progress
    request: msgspec.Raw
    result: msgspec.Raw | None
    error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
