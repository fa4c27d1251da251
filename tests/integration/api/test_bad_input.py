"""Whatever is sent to whichever route, the answer is a problem that names the field, and never a fault of ours."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from problems import checked, pointers
from routes_under_test import Operation, operations
from two_worlds import World

from corebilling.cli.local import LocalInstallation
from factories import Api

ASKING = [o for o in operations() if o.scope is not None]
TAKING = [o for o in ASKING if o.body_schema is not None]
JSON = {"Content-Type": "application/json"}
MEGABYTES_16 = 16 * 1024 * 1024

NO_JSON = {
    "empty": b"", "cut": b'{"name":"a', "no comma": b'{"a":1 "b":2}', "NaN": b'{"a":NaN}', "minus infinity": b"[-Infinity]",
    "UTF-16": '{"a":1}'.encode("utf-16"), "invalid UTF-8": b'{"name":"\xc3\x28"}', "bytes": b"\xff\xfe\x00",
    "single quotes": b"{'a':1}", "comment": b"{}//", "two": b"{}{}",
}  # fmt: skip
NOT_FITTING = {
    "null": b"null", "text": b'"text"', "number": b"1", "deep list": b"[" * 100_000 + b"]" * 100_000,
    "deep object": b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "unknown field": b'{"no_such_field":1}',
    "twice unknown": b'{"no_such_field":1,"no_such_field":2}',
}  # fmt: skip

ABSURD = (
    "null", "true", "-1", "0", "1e400", "-1e400", "1e-400", "9" * 400, "1.5", '""', '"NaN"', '"-Infinity"', '"1e400"', '"1e999999999"',
    '"\\u0000"', '"a\\u0000b"', '"\\ud800"', '"' + "x" * 20_000 + '"', "[]", "{}", "[[[[[]]]]]", '"2026-01-01T00:00:00"',
    '"0001-01-01T00:00:00Z"', '"9999-12-31T23:59:59.999999Z"', '"0001-01-01T00:00:00+23:59"',
    '"9999-12-31T23:59:59-23:59"', '"-5"', '"+1"', '" 1"',
    '"\\u202e"', '"<script>"', '"\'; DROP TABLE invoices; --"', '"00000000-0000-0000-0000-000000000000"', '"🧾"',
)  # fmt: skip


@pytest.fixture
async def caller(
    installation: LocalInstallation, platform_key: str, worlds: tuple[World, World]
) -> AsyncIterator[dict[bool, Api]]:
    """Clients by whether the route is the platform's."""
    async with Api(installation.api.url, worlds[0].key) as tenant, Api(installation.api.url, platform_key) as platform:
        yield {False: tenant, True: platform}


def of(caller: dict[bool, Api], operation: Operation) -> Api:
    return caller[operation.scope == "platform.admin"]


@pytest.mark.parametrize("operation", TAKING, ids=str)
async def test_a_body_that_is_not_json_is_said_to_be_none(
    operation: Operation, caller: dict[bool, Api], worlds: tuple[World, World]
) -> None:
    request = operation.request(worlds[0].own)
    del request["json"]
    for name, body in NO_JSON.items():
        problem = checked(await of(caller, operation).send(**request, content=body, headers=JSON))
        # An unknown field is met before the place where the JSON breaks off: naming it is right as well.
        assert (problem["status"], problem["code"]) in {(400, "malformed_json"), (422, "invalid_body")}, (name, problem)
        assert problem["status"] == 400 or pointers(problem), name
    for name, body in NOT_FITTING.items():
        problem = checked(await of(caller, operation).send(**request, content=body, headers=JSON))
        assert problem["status"] in {400, 422}, (name, problem)
        assert problem["status"] == 400 or problem.get("errors"), (name, problem)
    for kind in ("text/plain", "application/xml", "multipart/form-data", "application/jsonp", "", "💥".encode()):
        sent = await of(caller, operation).send(**request, content=b"{}", headers={"Content-Type": kind})
        assert checked(sent)["status"] == 415, kind


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value inside a JSON value, and to itself."""
    if path:
        yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from leaves(inner, (*path, key))


def replaced(value: Any, path: tuple[Any, ...], token: str) -> bytes:
    """The value as JSON, with raw JSON in one place."""
    mark = "a place to fill"
    copy = json.loads(json.dumps(value))
    inner = copy
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = mark
    return json.dumps(copy).replace(json.dumps(mark), token).encode()


@pytest.mark.parametrize("operation", TAKING, ids=str)
async def test_an_absurd_value_in_any_field_is_refused_by_name_or_harmless(
    operation: Operation, caller: dict[bool, Api], worlds: tuple[World, World]
) -> None:
    request = operation.request(worlds[0].own)
    body = request.pop("json")
    api = of(caller, operation)
    for path in (*leaves(body), *operation.optional(body)):
        for token in ABSURD:
            answer = await api.send(**request, content=replaced(body, path, token), headers=JSON)
            if answer.is_success:
                continue
            problem = checked(answer)
            if problem["code"] in {"invalid_body", "invalid_value"}:
                named = "/" + "/".join(str(step) for step in path)
                assert any(p.startswith((named, named.rpartition("/")[0])) for p in pointers(problem)), (token, problem)
            assert problem["status"] in {400, 404, 409, 422}, (path, token, problem)
            assert problem["status"] != 422 or "errors" in problem, (path, token, problem)


@pytest.mark.parametrize("operation", [o for o in ASKING if o.parameters("query")], ids=str)
async def test_an_absurd_query_is_refused_by_name_or_finds_nothing(
    operation: Operation, caller: dict[bool, Api], worlds: tuple[World, World]
) -> None:
    request = operation.request(worlds[0].own)
    values = ("", "-1", "0", "501", "1e9", "abc", "9" * 400, "\x00", "%", "💥", "x" * 4000, "2026-01-01T00:00:00", "0001-01-01T00:00:00Z",
              "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-23:59", "null",
              "AAAAAAAAAAAAAAAAAAAAAA", "////////", "01a1fcb5-5fc6-774e-ba85-ea46b6d85d2b-99999",
              "01a1fcb5-5fc6-774e-ba85-ea46b6d85d2b--1", "[]")  # fmt: skip
    for name in operation.parameters("query"):
        for value in values:
            answer = await of(caller, operation).send(**request | {"params": request["params"] | {name: value}})
            if answer.is_success:
                assert name != "limit" or value == "", (name, value, answer.text)
                continue
            problem = checked(answer)
            assert problem["status"] in {404, 422}, (name, value, problem)
            assert problem["status"] == 404 or f"/query/{name}" in pointers(problem), (name, value, problem)


@pytest.mark.parametrize("operation", [o for o in ASKING if o.parameters("path")], ids=str)
async def test_an_absurd_path_leads_nowhere(
    operation: Operation, caller: dict[bool, Api], worlds: tuple[World, World]
) -> None:
    for name in operation.parameters("path"):
        for value in (
            "x",
            "%00",
            "a%00b",
            "%ff",
            "%20",
            "💥",
            "9" * 400,
            "x" * 4000,
            "01a1fcb5",
            "null",
            "{}",
            "%",
        ):
            request = operation.request({**worlds[0].own, name: value})
            problem = checked(await of(caller, operation).send(**request))
            assert problem["status"] in {404, 405, 422}, (value, problem)


async def test_what_is_not_offered_is_said_to_be_so(caller: dict[bool, Api]) -> None:
    for path in ("/", "/v1", "/v1/", "/v2/customers", "/v1/customers/a/b/c", "/v1/billing", "//", "/%00"):
        assert checked(await caller[False].send("GET", path))["code"] in {"no_such_route", "not_found"}, path
    refused = await caller[False].send("PUT", "/v1/customers", json={})
    assert checked(refused)["code"] == "method_not_allowed"
    assert {"GET", "POST"} <= set(refused.headers["allow"].replace(" ", "").split(","))


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "ü"])
async def test_an_idempotency_key_that_is_none_is_refused(caller: dict[bool, Api], key: str) -> None:
    sent = await caller[False].send(
        "POST", "/v1/customers", json={"external_id": "k", "name": "k"}, headers={"Idempotency-Key": key.encode()}
    )
    problem = checked(sent)
    assert (problem["status"], pointers(problem)) == (422, ["/header/Idempotency-Key"])


async def test_an_idempotency_key_with_another_body_is_refused(caller: dict[bool, Api]) -> None:
    headers = {"Idempotency-Key": "one and the same".replace(" ", "-")}
    first = {"external_id": "idempotent", "name": "First"}
    made = await caller[False].send("POST", "/v1/customers", json=first, headers=headers)
    again = await caller[False].send("POST", "/v1/billing/customers", json=first, headers=headers)
    assert (made.status_code, again.status_code, again.json()) == (201, 201, made.json()), "the alias is the same route"
    other = await caller[False].send("POST", "/v1/customers", json=first | {"name": "Second"}, headers=headers)
    assert checked(other)["code"] == "idempotency_key_reused"
    assert checked(other)["status"] == 422
    assert (await caller[False].get("/v1/customers/idempotent"))["name"] == "First"


@pytest.mark.parametrize("key", [b"x", b"\xff\xfe", b"cbk_test_" + b"0" * 5000, "💥".encode(), b"cbk_test_%00"])
async def test_a_key_that_is_none_is_unknown(installation: LocalInstallation, key: bytes) -> None:
    async with Api(installation.api.url) as nobody:
        for header in ({"X-API-Key": key}, {"Authorization": b"Bearer " + key}, {"Authorization": key}):
            assert checked(await nobody.send("GET", "/v1/customers", headers=header))["status"] == 401


@pytest.mark.parametrize("tenant", ["", "x", "00000000-0000-0000-0000-000000000000", "💥", "' OR 1=1"])
async def test_a_tenant_that_is_none_is_refused_also_from_the_platform(caller: dict[bool, Api], tenant: str) -> None:
    sent = await caller[True].send("GET", "/v1/customers", headers={"X-Tenant-ID": tenant.encode()})
    assert checked(sent)["status"] in {404, 422}
    unnamed = checked(await caller[True].send("GET", "/v1/customers"))
    assert (unnamed["code"], pointers(unnamed)) == ("tenant_not_named", ["/header/X-Tenant-ID"])


@pytest.mark.parametrize("path", ["/v1/usage", "/v1/customers", "/v1/subscriptions/batch"])
@pytest.mark.parametrize("told", ["length", "chunks"])
async def test_a_body_of_50_megabytes_is_refused(caller: dict[bool, Api], path: str, told: str) -> None:
    async def stream() -> AsyncIterator[bytes]:
        yield b"["
        for _ in range(800):
            yield b" " * 62_500

    content: Any = b"[" + b" " * 50_000_000 if told == "length" else stream()
    problem = checked(await caller[False].send("POST", path, content=content, headers=JSON))
    assert (problem["status"], problem["code"]) == (413, "body_too_large")
    assert (await caller[False].get("/v1/customers"))["data"], "and the next request is served"


async def test_a_body_just_below_the_limit_is_read(caller: dict[bool, Api]) -> None:
    body = b'{"external_id":"big","name":"big"' + b" " * (MEGABYTES_16 - 100) + b"}"
    sent = await caller[False].send("POST", "/v1/customers", content=body, headers=JSON)
    assert sent.status_code == 201, sent.text
