"""Wire structs of what is handed over to a general ledger outside."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

Period = Annotated[
    str, Meta(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$(?!\n)", description="A month in the tenant's zone: 2026-01.")
]
Outside = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$(?!\n)")]


class BatchCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All journals of a month that are in no batch yet."""

    period: Period


class BatchOut(msgspec.Struct, frozen=True):
    """A numbered batch of journals, always the same ones. `id` is its number."""

    id: int
    period_start: datetime
    period_end: datetime
    journal_count: int
    created_at: datetime


class MappingPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What accounts are called outside, by their code here; null takes a name away, accounts not named stay as they are."""

    accounts: Annotated[dict[Annotated[str, Meta(max_length=45)], Outside | None], Meta(min_length=1, max_length=500)]


class MappingOut(msgspec.Struct, frozen=True):
    """An account and its name in the ledger outside; `id` is its code."""

    id: str
    external_account: str
