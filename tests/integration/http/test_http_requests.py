"""Whatever is sent, the answer is well formed and says what to do."""

from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest
from http_callers import key
from http_notes import ROUTES
from prometheus_client import REGISTRY

from corebilling.platform.health import Health
from corebilling.platform.http.app import MissingDependency, http_app
from corebilling.platform.metrics import metrics_server

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "malformed_json"),
        (b"{", 400, "malformed_json"),
        (b'{"text":NaN}', 400, "malformed_json"),
        (b"\xff\xfe", 400, "malformed_json"),
        (b'{"text":"' + b"\xc3\x28" + b'"}', 400, "malformed_json"),
        (b"[" * 200_000, 422, "invalid_body"),
        (b'{"text":' + b"[" * 200_000, 422, "invalid_body"),
        (b'{"x":' + b"[" * 200_000 + b"]" * 200_000 + b"}", 422, "invalid_body"),
        (b'{"text":1}', 422, "invalid_body"),
        (b'{"text":"a","repeat":"1"}', 422, "invalid_body"),
        (b'{"text":"a","repeat":' + b"9" * 10_000 + b"}", 422, "invalid_body"),
        (b'{"text":"a","else":1}', 422, "invalid_body"),
        (b"null", 422, "invalid_body"),
        (b'{"text":"nul \\u0000"}', 422, "nul_character"),
    ],
)
async def test_a_bad_body_is_a_problem_of_the_caller(
    client: httpx.AsyncClient, body: bytes, status: int, code: str
) -> None:
    answer = await client.post("/v1/notes", content=body, headers=key("one") | JSON)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["type"] == f"/problems/{code}"
    assert problem["instance"] == f"urn:request:{answer.headers['x-request-id']}"
    assert problem["status"] == status
    assert {"title", "detail"} <= problem.keys()
    if code == "invalid_body":
        assert problem["errors"]


async def test_a_body_of_50_megabytes_is_refused_without_being_kept(client: httpx.AsyncClient) -> None:
    sent = 0

    async def stream() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(800):
            sent += 65_536
            yield b" " * 65_536

    for content in (b" " * 50_000_000, stream()):
        answer = await client.post("/v1/notes", content=content, headers=key("one") | JSON)
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert (await client.get("/v1/notes", headers=key("one"))).status_code == 200


@pytest.mark.parametrize("given", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_a_body_that_is_not_called_json_is_refused(client: httpx.AsyncClient, given: str) -> None:
    answer = await client.post("/v1/notes", content=b'{"text":"a"}', headers=key("one") | {"Content-Type": given})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


async def test_an_unknown_route_and_a_wrong_method_are_problems_too(client: httpx.AsyncClient) -> None:
    missing = await client.get("/v1/nothing")
    wrong = await client.delete("/v1/notes", headers=key("one"))
    assert (missing.status_code, missing.json()["code"]) == (404, "no_such_route")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
    assert "GET" in wrong.headers["allow"]
    assert missing.headers["content-type"] == wrong.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "/query/limit"),
        ("limit=501", "/query/limit"),
        ("limit=x", "/query/limit"),
        ("cursor=x", "/query/cursor"),
    ],
)
async def test_a_parameter_that_does_not_fit_is_named(client: httpx.AsyncClient, query: str, pointer: str) -> None:
    answer = await client.get(f"/v1/notes?{query}", headers=key("one"))
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_an_id_that_is_none_is_not_found(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/tenant-notes/x", headers=key("platform"), json={"text": "a"})
    assert answer.status_code == 404


async def test_a_fault_of_ours_shows_nothing_of_the_inside(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/notes", headers=key("one"), json={"text": "broken"})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "secret" not in answer.text
    assert answer.headers["x-request-id"] in answer.text


async def test_two_that_make_the_same_thing_conflict(client: httpx.AsyncClient) -> None:
    text = str(uuid4())
    assert (await client.post("/v1/notes", headers=key("two"), json={"text": text})).status_code == 201
    again = await client.post("/v1/notes", headers=key("two"), json={"text": text})
    assert (again.status_code, again.json()["code"]) == (409, "concurrent_change")


async def test_pages_together_hold_everything_once_newest_first(client: httpx.AsyncClient) -> None:
    written = [f"page {number}" for number in range(7)]
    for text in written:
        await client.post("/v1/notes", headers=key("one"), json={"text": text})
    seen: list[str] = []
    cursor = ""
    while True:
        answer = (await client.get(f"/v1/notes?limit=3{cursor}", headers=key("one"))).json()
        seen += [note["text"] for note in answer["data"]]
        if answer["next_cursor"] is None:
            break
        assert len(answer["data"]) == 3
        cursor = f"&cursor={answer['next_cursor']}"
    assert [text for text in seen if text.startswith("page ")] == written[::-1]
    assert len(seen) == len(set(seen))


@pytest.mark.parametrize(
    ("sent", "kept"), [("my-request.01", True), ("short", False), ("with blank and more", False), ("x" * 200, False)]
)
async def test_a_sane_request_id_goes_through_and_others_are_replaced(
    client: httpx.AsyncClient, sent: str, kept: bool
) -> None:
    answer = await client.get("/v1/ping", headers={"X-Request-Id": sent})
    assert (answer.headers["x-request-id"] == sent) is kept
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


async def test_every_answer_has_the_headers_that_keep_it_safe(client: httpx.AsyncClient) -> None:
    for path in ("/v1/ping", "/v1/nothing", "/docs"):
        headers = (await client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers


async def test_requests_are_counted_by_route_and_never_by_path(client: httpx.AsyncClient) -> None:
    def counted(route: str, status: str) -> float:
        labels = {"method": "GET", "route": route, "status": status}
        return REGISTRY.get_sample_value("billing_http_requests_total", labels) or 0

    before = counted("unmatched", "404"), counted("/v1/ping", "200")
    for _ in range(3):
        await client.get(f"/v1/{uuid4()}")
        await client.get("/v1/ping")
    assert (counted("unmatched", "404"), counted("/v1/ping", "200")) == (before[0] + 3, before[1] + 3)


async def test_documents_and_health_are_served(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    assert set(document["paths"]) >= {"/v1/notes", "/healthz", "/ready"}
    page = await client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "sha256-" in page.headers["content-security-policy"]
    assert (await client.get("/healthz")).json() == {"status": "UP"}
    ready = await client.get("/ready")
    assert (ready.status_code, ready.json()) == (
        200,
        {"status": "UP", "components": {"db": {"status": "UP", "asked": 1}}},
    )


async def test_the_metrics_port_answers_probes_and_says_what_is_down() -> None:
    async def fails() -> dict[str, str]:
        raise ConnectionError("password=hunter2")

    async def fine() -> dict[str, int]:
        return {"active_rate_cards": 1}

    health = Health({"bus": fails, "billing": fine})
    async with metrics_server(0, health, host="127.0.0.1") as port, httpx.AsyncClient() as client:
        at = f"http://127.0.0.1:{port}"
        ready = await client.get(f"{at}/ready")
        metrics = await client.get(f"{at}/metrics")
        assert (await client.get(f"{at}/healthz")).status_code == 200
    assert ready.status_code == 503
    assert ready.json() == {
        "status": "DOWN",
        "components": {"bus": {"status": "DOWN"}, "billing": {"status": "UP", "active_rate_cards": 1}},
    }
    assert "billing_http_requests_total" in metrics.text


def test_a_handler_whose_service_is_missing_fails_at_start() -> None:
    with pytest.raises(MissingDependency, match="notes"):
        http_app(
            routes=ROUTES, dependencies={}, authenticator=None, database=None, clock=None, health=None, version="1"
        )  # type: ignore[arg-type]
