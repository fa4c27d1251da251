"""Routes of dead letters."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from corebilling.platform.bus.deadletters import Letters
from corebilling.platform.db import Tx
from corebilling.platform.eventlog.letters import DeadLetters
from corebilling.platform.eventlog.schemas_letters import (
    DeadLetterOut,
    DeadLetterSelection,
    DeadLettersMoved,
    DeadLettersOfEvent,
)
from corebilling.platform.http import (
    DEFAULT_LIMIT,
    Cursor,
    Edge,
    Limit,
    NamedDependency,
    Page,
    QueryParameter,
    Response,
    bad_cursor,
    cursor_of,
    get,
    place_of,
    post,
)

_Subject = Annotated[str | None, QueryParameter(description="A subject, or `invoice.*` for all below a word.")]
_Reason = Annotated[str | None, QueryParameter(description="How the reason begins.")]
_Since = Annotated[datetime | None, QueryParameter(description="Failed last at this instant or later.")]
_Before = Annotated[datetime | None, QueryParameter(description="Failed last before this instant.")]


@get("/v1/dead-letters", scope="billing:admin", summary="List dead letters")
async def list_dead_letters(
    edge: NamedDependency[Edge],
    dead_letters: NamedDependency[DeadLetters],
    consumer: str | None = None,
    subject: _Subject = None,
    error_type: str | None = None,
    reason: _Reason = None,
    resource_id: UUID | None = None,
    failed_from: _Since = None,
    failed_to: _Before = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[DeadLetterOut]:
    """Events that a consumer gave up after its attempts, newest first; one for each consumer."""
    which = Letters(edge.tenant_id, None, consumer, subject, error_type, reason, resource_id, failed_from, failed_to)
    after = _after(cursor)
    found = await edge.query(lambda tx: dead_letters.find(tx, which, after=after, limit=limit + 1))
    shown = list(found[:limit])
    more = len(found) > limit
    return Page(shown, cursor_of(shown[-1].event_id.bytes + shown[-1].consumer.encode()) if more else None)


@get("/v1/dead-letters/{event_id:uuid}", scope="billing:admin", summary="Get an event's dead letters")
async def get_dead_letters(
    event_id: UUID, edge: NamedDependency[Edge], dead_letters: NamedDependency[DeadLetters]
) -> DeadLettersOfEvent:
    """Each consumer that gave the event up, with reason, error, the last steps before it, and the event itself."""
    return await edge.query(lambda tx: dead_letters.get(tx, edge.tenant_id, event_id))


@post("/v1/dead-letters/requeue", scope="billing:admin", summary="Requeue dead letters", status_code=200)
async def requeue_dead_letters(
    data: DeadLetterSelection, edge: NamedDependency[Edge], dead_letters: NamedDependency[DeadLetters]
) -> Response[DeadLettersMoved]:
    """Once the cause is mended: each event has all its attempts again with the consumer that gave it up. Audited."""

    async def requeue(tx: Tx) -> DeadLettersMoved:
        if not data.dry_run:
            await edge.note(tx)
        return await dead_letters.requeue(tx, edge.tenant_id, data)

    return await edge.command(requeue, status=200)


@post("/v1/dead-letters/discard", scope="billing:admin", summary="Discard dead letters", status_code=200)
async def discard_dead_letters(
    data: DeadLetterSelection, edge: NamedDependency[Edge], dead_letters: NamedDependency[DeadLetters]
) -> Response[DeadLettersMoved]:
    """For good: the events stay readable for the outbox's retention, but never have their effect. Audited."""

    async def discard(tx: Tx) -> DeadLettersMoved:
        if not data.dry_run:
            await edge.note(tx)
        return await dead_letters.discard(tx, edge.tenant_id, data)

    return await edge.command(discard, status=200)


def _after(cursor: str | None) -> tuple[UUID, str] | None:
    """The event and the consumer that the last page ended with. Raises `Invalid` for anything we didn't hand out."""
    if cursor is None:
        return None
    place = place_of(cursor)
    try:
        return UUID(bytes=place[:16]), place[16:].decode()
    except ValueError:
        raise bad_cursor() from None


ROUTES = (list_dead_letters, get_dead_letters, requeue_dead_letters, discard_dead_letters)

EXAMPLES = {DeadLetterSelection: {"consumer": "invoice", "subject": "rating.*", "error_type": "ForeignKeyViolation"}}
