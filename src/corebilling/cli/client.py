"""A small client of our own HTTP API, for the commands that drive a running installation."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Any, Self
from uuid import UUID, uuid4

import aiohttp
import msgspec


class ApiError(RuntimeError):
    """The API refused; the message holds the problem's own words."""

    def __init__(self, method: str, path: str, status: int, problem: dict[str, Any]) -> None:
        detail = problem.get("detail") or problem.get("title") or "no explanation"
        fields = "; ".join(f"{e.get('pointer')}: {e.get('detail')}" for e in problem.get("errors") or [])
        super().__init__(f"{method} {path} answered {status}: {detail}{' (' + fields + ')' if fields else ''}")
        self.status = status
        self.code = problem.get("code")


class Client:
    """Calls with one API key; `tenant_id` is for platform keys, which name the tenant they act for."""

    def __init__(self, url: str, api_key: str, *, tenant_id: UUID | str | None = None) -> None:
        self.url = url.rstrip("/")
        self._headers = {"X-API-Key": api_key, "Content-Type": "application/json"}
        if tenant_id is not None:
            self._headers["X-Tenant-ID"] = str(tenant_id)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(headers=self._headers, timeout=aiohttp.ClientTimeout(total=120))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def get(self, path: str, **query: Any) -> Any:
        """GET; answers the decoded JSON. Raises ApiError."""
        return await self._call("GET", path, query={k: str(v) for k, v in query.items() if v is not None})

    async def post(self, path: str, body: Any = None, *, idempotent: bool = True) -> Any:
        """POST with a fresh idempotency key (unless told otherwise). Raises ApiError."""
        headers = {"Idempotency-Key": str(uuid4())} if idempotent else {}
        return await self._call(
            "POST", path, data=msgspec.json.encode(body if body is not None else {}), headers=headers
        )

    async def patch(self, path: str, body: Any) -> Any:
        """PATCH with a fresh idempotency key. Raises ApiError."""
        return await self._call(
            "PATCH", path, data=msgspec.json.encode(body), headers={"Idempotency-Key": str(uuid4())}
        )

    async def delete(self, path: str) -> Any:
        """DELETE. Raises ApiError."""
        return await self._call("DELETE", path)

    async def post_encoded(self, path: str, body: bytes) -> Any:
        """POST of JSON that is encoded already, without an idempotency key: for usage, whose events carry their own."""
        return await self._call("POST", path, data=body)

    async def download(self, path: str) -> bytes:
        """GET of a document as bytes. Raises ApiError."""
        async with self._open().get(self.url + path) as answer:
            if answer.status >= 400:
                raise ApiError("GET", path, answer.status, await _problem(answer))
            return await answer.read()

    async def pages(self, path: str, **query: Any) -> AsyncIterator[dict[str, Any]]:
        """Every item of a paginated list."""
        cursor: str | None = None
        while True:
            page = await self.get(path, limit=500, cursor=cursor, **query)
            for item in page["data"]:
                yield item
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("use the client as a context manager")
        return self._session

    async def _call(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        data: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Any:
        async with self._open().request(method, self.url + path, params=query, data=data, headers=headers) as answer:
            if answer.status >= 400:
                raise ApiError(method, path, answer.status, await _problem(answer))
            body = await answer.read()
            return msgspec.json.decode(body) if body else None


async def _problem(answer: aiohttp.ClientResponse) -> dict[str, Any]:
    body = await answer.read()
    try:
        problem = msgspec.json.decode(body)
    except msgspec.DecodeError:
        problem = None
    return problem if isinstance(problem, dict) else {"detail": body[:200].decode(errors="replace")}


async def until(
    condition: Callable[[], Awaitable[bool]], *, seconds: float, what: str, every_seconds: float = 0.2
) -> None:
    """Return when the condition holds; TimeoutError says what was waited for."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not await condition():
        if asyncio.get_running_loop().time() > deadline:
            raise TimeoutError(f"gave up after {seconds:.0f} s waiting for {what}")
        await asyncio.sleep(every_seconds)
