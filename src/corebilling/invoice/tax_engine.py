"""An outside tax engine over HTTP: one POST for each invoice. Whatever goes wrong is an answer too, and nothing is guessed."""

import asyncio
from collections.abc import Sequence

import aiohttp
import msgspec

from corebilling.invoice.domain.tax_quote import Quote, TaxAnswer, TaxFailure, TaxRequest

ANSWER_BYTES = 4 * 1024 * 1024
AT_ONCE = 8
_ERROR_CHARACTERS = 300

_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(TaxAnswer)


class HttpTaxProvider:
    """Asks the engine at `url`. An invoice may be asked about again, also with other lines: an answer commits nobody."""

    def __init__(self, *, url: str, token: str, timeout_seconds: float = 10.0, within_seconds: float = 45.0) -> None:
        """Each answer may take `timeout_seconds`, all of them together `within_seconds`: callers hold leases meanwhile."""
        self._url = url
        self._token = token
        self._timeout_seconds = timeout_seconds
        self._within_seconds = within_seconds

    async def quote(self, requests: Sequence[TaxRequest]) -> list[Quote]:
        """An answer or a failure for each request, in their order. Never called inside a transaction."""
        if not self._url:
            message = "no tax engine is set up; set TAX_ENGINE_URL, or the tenant's tax_engine to rates"
            return [TaxFailure(request.reference, message) for request in requests]
        headers = {"Content-Type": "application/json", "Accept": "application/json", "Accept-Encoding": "identity"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        gate, until = asyncio.Semaphore(AT_ONCE), asyncio.get_running_loop().time() + self._within_seconds
        async with aiohttp.ClientSession(
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=self._timeout_seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,  # an answer can't grow beyond the bound after it was counted
            trust_env=False,
        ) as session:
            return await asyncio.gather(*(self._quote(session, gate, until, request) for request in requests))

    async def _quote(
        self, session: aiohttp.ClientSession, gate: asyncio.Semaphore, until: float, request: TaxRequest
    ) -> Quote:
        async with gate:
            if asyncio.get_running_loop().time() >= until:
                message = (
                    f"the tax engine took {self._within_seconds:g} s for invoices before this one; it is asked again"
                )
                return TaxFailure(request.reference, message)
            try:
                return await self._ask(session, request)
            except _Unusable as error:
                return TaxFailure(request.reference, str(error))
            except TimeoutError:
                message = f"the tax engine gave no complete answer within {self._timeout_seconds:g} s"
                return TaxFailure(request.reference, message)
            except Exception as error:  # noqa: BLE001 - what an engine makes a library raise costs this invoice alone
                told = _clean(f"{type(error).__name__}: {error}")
                return TaxFailure(request.reference, f"the tax engine can't be asked: {told}")

    async def _ask(self, session: aiohttp.ClientSession, request: TaxRequest) -> TaxAnswer:
        async with session.post(self._url, data=_encode(request), allow_redirects=False) as response:
            body = await _read(response)
        if response.status != 200:
            told = _clean(body.decode("utf-8", "replace"))
            raise _Unusable(f"the tax engine answered {response.status}: {told}")
        try:
            answer = _decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _Unusable(f"the tax engine's answer can't be read: {_clean(str(error))}") from None
        if answer.reference != request.reference:
            raise _Unusable(f"the tax engine answered about {answer.reference}, not about {request.reference}")
        return answer


class _Unusable(Exception):
    """An answer came, and it can't be used."""


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The body. Raises for one above the bound, without reading on."""
    body = bytearray()
    async for chunk in response.content.iter_chunked(64 * 1024):
        body += chunk
        if len(body) > ANSWER_BYTES:
            raise _Unusable(f"the tax engine's answer is larger than {ANSWER_BYTES} bytes")
    return bytes(body)


def _clean(text: str) -> str:
    """Text from outside as PostgreSQL can store it: no NUL, no half characters, not long."""
    return text[:_ERROR_CHARACTERS].replace("\x00", "").encode("utf-8", "replace").decode()
