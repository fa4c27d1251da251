"""What no dispatcher would publish: it ends alone in the dead letters, and the rest goes on."""

from typing import Any
from uuid import UUID, uuid4

import psycopg

from backbone import change, count, dispatcher, event, router, running, send, until
from corebilling.kernel.ids import new_id
from corebilling.platform.bus.nats import NatsBus
from corebilling.platform.bus.port import OutgoingMessage
from corebilling.platform.db import Database

Owner = psycopg.Connection[Any]

MESSAGE = (
    b'{"specversion":"1.0","id":"%s","source":"/elsewhere","time":"2026-11-21T00:00:00Z","tenantid":"%s",'
    b'"resourceid":"%s","correlationid":"%s","dataversion":1,%s}'
)
TYPE, SEQUENCE = b'"type":"rating.failed"', b'"resourceseq":1'
FINE = (
    b'"data":{"cycle_id":"01890000-0000-7000-8000-000000000000","subscription_id":"01890000-0000-7000-8000-000000000000",'
    b'"period_start":"2026-11-21T00:00:00Z","period_end":"2026-11-21T00:00:00Z","reason":"poison"%s}'
)


def hostile(*parts: bytes) -> OutgoingMessage:
    """A message with these parts besides those that are in order."""
    ids = [str(new_id()).encode() for _ in range(4)]
    return OutgoingMessage(f"{uuid4()}", "rating.failed", UUID(int=7), MESSAGE % (*ids, b",".join(parts)))


async def test_no_message_can_stop_a_router(db: Database, bus: NatsBus, owner: Owner) -> None:
    given_up = [
        hostile(TYPE, SEQUENCE, b'"data":{"reason":"\xff\xfe"}'),
        hostile(TYPE, SEQUENCE, b'"data":{"reason":"\\ud800"}'),
        hostile(TYPE, SEQUENCE, b'"data":{"reason":"\\u0000"}'),
        hostile(TYPE, SEQUENCE, b'"data":' + b"[" * 100_000 + b"]" * 100_000),
        hostile(b'"type":"rating.failed\\u0000"', SEQUENCE, b'"data":{}'),
        hostile(TYPE, b'"resourceseq":9223372036854775808', b'"data":{}'),
    ]
    parked = [
        hostile(TYPE, SEQUENCE, FINE % b',"beside":"\\u0000"'),
        hostile(TYPE, SEQUENCE, FINE % b',"beside":"\xff\xfe"'),
    ]
    async with running(dispatcher(db, bus), router(db, bus)):
        await bus.publish([*given_up, *parked])
        await until(lambda: count(owner, "dead_letters") == len(given_up), "those that say nothing kept")
        await until(lambda: count(owner, "inbox_retry") == len(parked), "those that fail put aside")
        await send(db, event(uuid4(), "1"))
        await until(lambda: count(owner, "seen") == 1, "another message")
        await change(owner, "INSERT INTO meanings VALUES ('poison', 13)")
        await change(owner, "UPDATE inbox_retry SET next_attempt_at = now()")
        await until(lambda: count(owner, "seen") == 1 + len(parked), "the others after the fix")
