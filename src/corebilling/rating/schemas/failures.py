"""What the retry of failed ratings looks like on the wire."""

from typing import Annotated
from uuid import UUID

import msgspec


class RetryRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which failed periods to rate again; without `ids` all of them."""

    ids: Annotated[list[UUID], msgspec.Meta(min_length=1, max_length=1000)] | None = None


class RetryOut(msgspec.Struct, frozen=True):
    """How many periods are to be rated again. Those that fail once more are listed with their new reason."""

    marked: int
