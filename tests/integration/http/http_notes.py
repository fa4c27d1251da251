"""A small context of its own for these tests: notes of tenants, and the keys that open them. Its tables are real."""

import asyncio
import hashlib
from typing import Literal
from uuid import UUID

import msgspec
from litestar.handlers import HTTPRouteHandler

from corebilling.kernel.errors import Conflict, Forbidden
from corebilling.kernel.ids import new_id
from corebilling.kernel.tenant import Principal
from corebilling.platform.db import Tx
from corebilling.platform.http import (
    DEFAULT_LIMIT,
    PUBLIC,
    Cursor,
    Edge,
    Limit,
    NamedDependency,
    Page,
    Response,
    after_id,
    get,
    page,
    post,
)

SCHEMA = """
SET ROLE corebilling_owner;
CREATE TABLE notes (tenant_id uuid NOT NULL, id uuid NOT NULL, text text NOT NULL, PRIMARY KEY (tenant_id, id), UNIQUE (tenant_id, text));
SELECT corebilling_secure('notes', app => 'SELECT, INSERT', router => 'SELECT, INSERT', system => 'SELECT');
CREATE TABLE note_keys (tenant_id uuid, key_hash bytea PRIMARY KEY, scopes text[] NOT NULL);
CREATE TABLE note_tenants (id uuid PRIMARY KEY, standing text NOT NULL);
GRANT SELECT ON note_keys, note_tenants TO corebilling_identity;
RESET ROLE;
"""


class StoredKeys:
    """Looks credentials up in the tables above, and counts how often it had to."""

    def __init__(self) -> None:
        self.lookups = 0

    async def identify(self, tx: Tx, key: str) -> Principal | None:
        self.lookups += 1
        found = await tx.conn.execute(
            "SELECT k.tenant_id, k.scopes, t.standing FROM note_keys k LEFT JOIN note_tenants t ON t.id = k.tenant_id"
            " WHERE key_hash = %s",
            (hashlib.sha256(key.encode()).digest(),),
        )
        row = await found.fetchone()
        if row is None:
            return None
        if row[2] == "suspended":
            raise Forbidden("this tenant is suspended; ask for it to be taken up again", code="tenant_suspended")
        return Principal(row[0], frozenset(row[1]), f"api_key:{key}")

    async def standing(self, tx: Tx, tenant_id: UUID) -> Literal["active", "suspended"] | None:
        found = await tx.conn.execute("SELECT standing FROM note_tenants WHERE id = %s", (tenant_id,))
        row = await found.fetchone()
        return None if row is None else row[0]


class NoteCreate(msgspec.Struct, forbid_unknown_fields=True):
    """A note to write."""

    text: str
    repeat: int = 1


class NoteOut(msgspec.Struct):
    """A note as stored."""

    id: UUID
    text: str


class Notes:
    """The service. `gate` holds up the writing of notes whose text is `wait`."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.entered = asyncio.Event()
        self.written = 0

    async def write(self, tx: Tx, tenant_id: UUID, data: NoteCreate) -> NoteOut:
        note = NoteOut(new_id(), data.text)
        await tx.conn.execute(
            "INSERT INTO notes (tenant_id, id, text) VALUES (%s, %s, %s)", (tenant_id, note.id, note.text)
        )
        self.written += 1
        if data.text == "wait":
            self.entered.set()
            await self.gate.wait()
        if data.text == "refused":
            raise Conflict("this text is refused; send another", code="refused_text")
        if data.text == "broken":
            raise RuntimeError("a secret that must not get out")
        return note

    async def find(self, tx: Tx, after: UUID | None, limit: int) -> list[NoteOut]:
        found = await tx.conn.execute(
            "SELECT id, text FROM notes WHERE (%s::uuid IS NULL OR id < %s) ORDER BY id DESC LIMIT %s",
            (after, after, limit),
        )
        return [NoteOut(*row) for row in await found.fetchall()]


@post("/v1/notes", scope="billing:write", summary="Write a note")
async def write_note(data: NoteCreate, edge: NamedDependency[Edge], notes: NamedDependency[Notes]) -> Response[NoteOut]:
    return await edge.command(lambda tx: notes.write(tx, edge.tenant_id, data), status=201)


@post("/v1/secret-notes", scope="billing:write", summary="Write a note that is shown once")
async def write_secret(
    data: NoteCreate, edge: NamedDependency[Edge], notes: NamedDependency[Notes]
) -> Response[NoteOut]:
    return await edge.command(lambda tx: notes.write(tx, edge.tenant_id, data), status=201, secret=True)


@post("/v1/tenant-notes/{tenant_id:uuid}", scope="platform.admin", summary="Write a note for a tenant")
async def write_for(
    tenant_id: UUID, data: NoteCreate, edge: NamedDependency[Edge], notes: NamedDependency[Notes]
) -> Response[NoteOut]:
    return await edge.command_for([tenant_id], lambda tx: notes.write(tx, tenant_id, data), status=201)


@get("/v1/notes", scope="billing:read", summary="List notes")
async def list_notes(
    edge: NamedDependency[Edge], notes: NamedDependency[Notes], limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Page[NoteOut]:
    rows = await edge.query(lambda tx: notes.find(tx, after_id(cursor), limit + 1))
    return page(rows, limit, key=lambda note: note.id)


@get("/v1/all-notes", scope="billing:read", summary="List every tenant's notes")
async def list_all(edge: NamedDependency[Edge], notes: NamedDependency[Notes]) -> list[NoteOut]:
    return await edge.system(lambda tx: notes.find(tx, None, 100))


@get("/v1/ping", scope=PUBLIC, summary="Anybody")
async def ping(edge: NamedDependency[Edge]) -> dict[str, str]:
    return {"request_id": edge.request_id}


ROUTES: tuple[HTTPRouteHandler, ...] = (write_note, write_secret, write_for, list_notes, list_all, ping)
