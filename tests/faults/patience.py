"""A client that behaves as the guide asks: it sends the same request again until it is answered."""

import asyncio
from collections import Counter
from types import TracebackType
from typing import Any, Self

import aiohttp
import msgspec

BROKEN = "broken connection"
_PATIENCE_SECONDS = 120.0
_PAUSE_SECONDS = 0.1
_IN_FLIGHT = "idempotency_key_in_flight"


class WrongAnswer(AssertionError):
    """An answer that no outage excuses."""


class PatientClient:
    """Sends until answered. `seen` counts statuses and broken connections; what an outage doesn't excuse is raised."""

    def __init__(self, url: str, api_key: str) -> None:
        self._url = url
        self._headers = {"X-API-Key": api_key, "Content-Type": "application/json"}
        self._session: aiohttp.ClientSession | None = None
        self.seen: Counter[int | str] = Counter()

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=30)
        connector = aiohttp.TCPConnector(limit=0)
        self._session = aiohttp.ClientSession(headers=self._headers, timeout=timeout, connector=connector)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._session is not None
        await self._session.close()

    async def post(self, path: str, body: Any, *, key: str | None = None) -> tuple[Any, int]:
        """(the answer, how many tries before it had none). `key` is the Idempotency-Key of all tries."""
        return await self._send("POST", path, msgspec.json.encode(body), {"Idempotency-Key": key} if key else {})

    async def get(self, path: str) -> Any:
        answer, _ = await self._send("GET", path, None, {})
        return answer

    async def _send(self, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> tuple[Any, int]:
        deadline = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
        unanswered = 0
        while asyncio.get_running_loop().time() < deadline:
            status, answer = await self._once(method, path, data, headers)
            self.seen[status] += 1
            if isinstance(status, int) and 200 <= status < 300:
                return answer, unanswered
            if status not in (BROKEN, 503) and answer.get("code") != _IN_FLIGHT:
                raise WrongAnswer(f"{method} {path} was answered {status}: {answer}")
            unanswered += 1
            await asyncio.sleep(_PAUSE_SECONDS)
        raise WrongAnswer(f"{method} {path} was not answered for {_PATIENCE_SECONDS:.0f} s: {self.seen}")

    async def _once(
        self, method: str, path: str, data: bytes | None, headers: dict[str, str]
    ) -> tuple[int | str, dict[str, Any]]:
        assert self._session is not None
        try:
            async with self._session.request(method, self._url + path, data=data, headers=headers) as answer:
                body, kind = await answer.read(), answer.content_type
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError):
            return BROKEN, {}
        except TimeoutError as error:
            raise WrongAnswer(f"{method} {path} hung; an outage has to be told with 503") from error
        decoded = msgspec.json.decode(body) if body else {}
        if answer.status >= 400 and (kind != "application/problem+json" or decoded.get("status") != answer.status):
            raise WrongAnswer(f"{method} {path} was answered {answer.status} as {kind}: {body[:300]!r}")
        return answer.status, decoded
