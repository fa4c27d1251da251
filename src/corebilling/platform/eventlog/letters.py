"""A tenant's dead letters: looked at, brought back, dropped, each act with a line in the audit trail."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from corebilling.kernel.clock import Clock
from corebilling.kernel.errors import NotFound, invalid_field
from corebilling.platform.bus import deadletters
from corebilling.platform.bus.deadletters import Letters
from corebilling.platform.db import Tx
from corebilling.platform.eventlog.schemas_letters import (
    DeadLetterOut,
    DeadLetterSelection,
    DeadLettersMoved,
    DeadLettersOfEvent,
    DeadLetterWhole,
)


class DeadLetters:
    """What consumers gave up of one tenant's events."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock

    async def find(
        self, tx: Tx, which: Letters, *, after: tuple[UUID, str] | None, limit: int
    ) -> Sequence[DeadLetterOut]:
        """Dead letters, the newest event first, its consumers by name."""
        rows = await deadletters.list_dead_letters(tx, which, after=after, limit=limit)
        return [msgspec.convert(row, DeadLetterOut, from_attributes=True) for row in rows]

    async def get(self, tx: Tx, tenant_id: UUID, event_id: UUID) -> DeadLettersOfEvent:
        """One event's dead letters. Raises `NotFound`."""
        rows = await deadletters.show(tx, tenant_id, event_id)
        if not rows:
            raise NotFound(
                f"no consumer has given up event {event_id}; GET /v1/events/{event_id} tells where it is",
                code="dead_letter_not_found",
            )
        return DeadLettersOfEvent(
            event_id,
            [
                DeadLetterWhole(
                    **msgspec.structs.asdict(msgspec.convert(row, DeadLetterOut, from_attributes=True)),
                    stack=row.stack,
                    envelope=msgspec.Raw(row.envelope.encode()),
                )
                for row in rows
            ],
        )

    async def requeue(self, tx: Tx, tenant_id: UUID, selection: DeadLetterSelection) -> DeadLettersMoved:
        """Give events a fresh start with the consumers that gave them up. Raises `Invalid` for a selection that says nothing."""
        which = _meant(tenant_id, selection)
        there_are = await deadletters.count(tx, which)
        if selection.dry_run:
            return _moved(min(there_are, selection.limit), there_are, selection)
        return _moved(await deadletters.requeue(tx, which, self._clock(), limit=selection.limit), there_are, selection)

    async def discard(self, tx: Tx, tenant_id: UUID, selection: DeadLetterSelection) -> DeadLettersMoved:
        """Drop dead letters for good. Raises `Invalid` for a selection that says nothing."""
        which = _meant(tenant_id, selection)
        there_are = await deadletters.count(tx, which)
        if selection.dry_run:
            return _moved(min(there_are, selection.limit), there_are, selection)
        return _moved(await deadletters.discard(tx, which, limit=selection.limit), there_are, selection)


def _meant(tenant_id: UUID, selection: DeadLetterSelection) -> Letters:
    which = Letters(
        tenant_id,
        selection.event_ids,
        selection.consumer,
        selection.subject,
        selection.error_type,
        selection.reason,
        selection.resource_id,
        selection.failed_from,
        selection.failed_to,
    )
    if which == Letters(tenant_id) and not selection.all:
        detail = "say which dead letters: event_ids or another condition, or all: true"
        raise invalid_field("/all", detail, code="nothing_selected")
    return which


def _moved(letters: int, there_are: int, selection: DeadLetterSelection) -> DeadLettersMoved:
    return DeadLettersMoved(letters, max(there_are - letters, 0), selection.dry_run)
