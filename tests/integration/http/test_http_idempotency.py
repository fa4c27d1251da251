"""Idempotency-Key: one effect, one answer."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest
from http_callers import World, key
from http_notes import Notes

from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database
from corebilling.platform.http.idempotency import KEPT_FOR, forget_expired


def keyed(name: str, idempotency_key: str, **more: str) -> dict[str, str]:
    return key(name, **{"Idempotency-Key": idempotency_key}, **more)


async def write(
    client: httpx.AsyncClient, headers: dict[str, str], text: str, path: str = "/v1/notes"
) -> httpx.Response:
    return await client.post(path, headers=headers, json={"text": text})


async def count(client: httpx.AsyncClient, text: str, name: str = "one") -> int:
    listed = (await client.get("/v1/notes?limit=500", headers=key(name))).json()["data"]
    return sum(note["text"] == text for note in listed)


async def test_the_same_request_again_has_the_same_answer_and_one_effect(client: httpx.AsyncClient) -> None:
    used, text = str(uuid4()), str(uuid4())
    first = await write(client, keyed("one", used), text)
    again = await write(client, keyed("one", used), text)
    by_alias = await write(client, keyed("one", used), text, "/v1/billing/notes")
    assert (first.status_code, again.status_code, by_alias.status_code) == (201, 201, 201)
    assert first.content == again.content == by_alias.content
    assert again.headers["content-type"] == first.headers["content-type"]
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert await count(client, text) == 1


async def test_another_body_under_the_key_is_refused(client: httpx.AsyncClient) -> None:
    used = str(uuid4())
    await write(client, keyed("one", used), str(uuid4()))
    refused = await write(client, keyed("one", used), str(uuid4()))
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")


async def test_a_key_belongs_to_its_tenant_and_route(client: httpx.AsyncClient) -> None:
    used, text = str(uuid4()), str(uuid4())
    assert (await write(client, keyed("one", used), text)).status_code == 201
    other = await write(client, keyed("two", used), text)
    elsewhere = await write(client, keyed("one", used), text + "!", "/v1/secret-notes")
    assert (other.status_code, elsewhere.status_code) == (201, 201)
    assert "idempotency-replayed" not in other.headers
    assert await count(client, text, "two") == 1


async def test_a_second_request_in_flight_is_told_so_at_once(client: httpx.AsyncClient, notes: Notes) -> None:
    used = str(uuid4())
    first = asyncio.create_task(write(client, keyed("one", used), "wait"))
    await notes.entered.wait()
    refused = await write(client, keyed("one", used), "wait")
    assert (refused.status_code, refused.json()["code"]) == (409, "idempotency_key_in_flight")
    assert int(refused.headers["retry-after"]) >= 1
    notes.gate.set()
    assert (await first).status_code == 201
    assert (await write(client, keyed("one", used), "wait")).headers["idempotency-replayed"] == "true"
    assert notes.written == 1


async def test_many_at_once_have_one_effect(client: httpx.AsyncClient) -> None:
    used, text = str(uuid4()), str(uuid4())
    answers = await asyncio.gather(*(write(client, keyed("one", used), text) for _ in range(20)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert await count(client, text) == 1


@pytest.mark.parametrize(("text", "status"), [("refused", 409), ("broken", 500)])
async def test_what_failed_leaves_nothing_and_its_key_free(
    client: httpx.AsyncClient, notes: Notes, text: str, status: int
) -> None:
    used = str(uuid4())
    for _ in range(2):
        failed = await write(client, keyed("one", used), text)
        assert failed.status_code == status
        assert "idempotency-replayed" not in failed.headers
    assert await count(client, text) == 0
    assert (await write(client, keyed("one", used), str(uuid4()))).status_code == 201


async def test_an_answer_with_a_secret_is_not_kept(client: httpx.AsyncClient, notes: Notes) -> None:
    used, text = str(uuid4()), str(uuid4())
    assert (await write(client, keyed("one", used), text, "/v1/secret-notes")).status_code == 201
    again = await write(client, keyed("one", used), text, "/v1/secret-notes")
    assert (again.status_code, again.json()["code"]) == (409, "secret_shown_once")
    assert notes.written == 1


async def test_a_platform_caller_has_keys_of_its_own(client: httpx.AsyncClient, world: World, notes: Notes) -> None:
    used, text, path = str(uuid4()), str(uuid4()), f"/v1/tenant-notes/{world.two}"
    first = await write(client, keyed("platform", used), text, path)
    again = await write(client, keyed("platform", used), text, path)
    other = await write(client, keyed("platform", used), text, f"/v1/tenant-notes/{world.one}")
    assert first.status_code == 201
    assert again.content == first.content
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert notes.written == 1


@pytest.mark.parametrize("wrong", ["", "with blank", "x" * 256, "é"])
async def test_a_key_that_is_none_is_refused(client: httpx.AsyncClient, wrong: str) -> None:
    headers = [(b"X-API-Key", b"one"), (b"Idempotency-Key", wrong.encode())]
    refused = await client.post("/v1/notes", headers=headers, json={"text": str(uuid4())})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_idempotency_key")


async def test_expired_answers_are_forgotten_and_others_kept(client: httpx.AsyncClient, db: Database) -> None:
    used, text = str(uuid4()), str(uuid4())
    await write(client, keyed("one", used), text)
    await forget_expired(db, wall_clock())
    assert (await write(client, keyed("one", used), text)).headers["idempotency-replayed"] == "true"
    assert await forget_expired(db, wall_clock() + KEPT_FOR + timedelta(hours=1)) >= 1
    assert (await write(client, keyed("one", used), text + "2")).status_code == 201
