"""Sandboxes' clocks, as the worker that advances them needs to know them."""

from datetime import datetime
from uuid import UUID

import msgspec


class SandboxClock(msgspec.Struct, frozen=True):
    """A sandbox that has a time of its own: it stands at `now_at` and is ordered to `target_at`, if at all.

    `advance_started_at` is when the order came, in wall time; the other two are the sandbox's time.
    """

    tenant_id: UUID
    now_at: datetime
    target_at: datetime | None
    advance_started_at: datetime | None
