"""The application over the notes context, on a real socket and a real database, with a real key server beside it."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from aiohttp import web
from http_callers import AUDIENCE, ISSUER, TENANT_SCOPES, KeyServer, World
from http_notes import ROUTES, SCHEMA, Notes, StoredKeys

from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database
from corebilling.platform.health import Health
from corebilling.platform.http.app import http_app
from corebilling.platform.http.auth import Authenticator
from corebilling.platform.http.jwks import Jwks, TokenVerifier
from corebilling.platform.http.server import serve


@pytest.fixture(scope="module")
def world(owner_url: str) -> World:
    made = World(uuid4(), uuid4(), uuid4())
    keys: list[tuple[str, UUID | None, list[str]]] = [
        ("one", made.one, TENANT_SCOPES),
        ("two", made.two, TENANT_SCOPES),
        ("suspended", made.suspended, TENANT_SCOPES),
        ("bookkeeper", made.one, ["platform.admin", "platform.finance", *TENANT_SCOPES]),
        ("reader", made.one, ["billing:read"]),
        ("platform", None, ["platform.admin", *TENANT_SCOPES]),
    ]
    with psycopg.connect(owner_url, autocommit=True) as conn:
        conn.execute(SCHEMA)
        for tenant_id in made:
            standing = "suspended" if tenant_id == made.suspended else "active"
            conn.execute("INSERT INTO note_tenants VALUES (%s, %s)", (tenant_id, standing))
        for key, owner, scopes in keys:
            digest = hashlib.sha256(key.encode()).digest()
            conn.execute("INSERT INTO note_keys VALUES (%s, %s, %s)", (owner, digest, scopes))
    return made


@pytest.fixture
async def key_server() -> AsyncIterator[KeyServer]:
    server = KeyServer()
    app = web.Application()
    app.add_routes([web.get("/jwks", server.publish)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/jwks"
    yield server
    await runner.cleanup()


@pytest.fixture
def stored_keys() -> StoredKeys:
    return StoredKeys()


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
async def client(
    db: Database, world: World, notes: Notes, stored_keys: StoredKeys, key_server: KeyServer
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application; sends no credential by itself."""
    jwks = Jwks(key_server.url, again_seconds=0)
    tokens = TokenVerifier(jwks, issuer=ISSUER, audience=AUDIENCE)

    async def answers() -> dict[str, int]:
        async with db.system() as tx:
            found = await tx.conn.execute("SELECT 1")
            await found.fetchone()
        return {"asked": 1}

    app = http_app(
        routes=ROUTES,
        dependencies={"notes": lambda: notes},
        authenticator=Authenticator(database=db, keys=stored_keys, tokens=tokens),
        database=db,
        clock=wall_clock,
        health=Health({"db": answers}),
        version="1.0",
    )
    stopping = asyncio.Event()
    listening: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(app, 0, stopping, host="127.0.0.1", listening=listening.set_result))
    port = await listening
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as made:
        yield made
    stopping.set()
    await serving
    await jwks.close()
