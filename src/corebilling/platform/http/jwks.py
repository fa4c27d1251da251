"""Bearer tokens: JWTs signed by keys that an identity provider publishes (RFC 7517, RFC 7519, RFC 8725)."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import aiohttp
import jwt
import msgspec
from jwt import PyJWK
from loguru import logger

from corebilling.kernel.errors import Unauthenticated, Unavailable

ALGORITHMS = ("RS256", "ES256", "EdDSA")
"""Asymmetric ones only: a symmetric algorithm would turn a public key into a forger's secret."""

_REFRESH_SECONDS = 300.0
_AGAIN_SECONDS = 10.0
_TIMEOUT_SECONDS = 3.0
_LEEWAY_SECONDS = 5
_MAX_DOCUMENT_BYTES = 1_000_000


class Jwks:
    """The provider's keys, fetched when first needed, every five minutes, and when a token names an unknown key.

    Fetches are at least ten seconds apart, so that tokens with invented key ids can't drive them.
    While the provider doesn't answer, the keys known so far stay good.
    """

    def __init__(self, url: str, *, again_seconds: float = _AGAIN_SECONDS) -> None:
        self._url = url
        self._again_seconds = again_seconds
        self._keys: list[PyJWK] = []
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._failed = False
        self._fetching: asyncio.Task[None] | None = None

    async def key(self, kid: str | None, algorithm: str) -> PyJWK:
        """The key for a token's header. Raises `Unauthenticated` where there is none, `Unavailable` where we can't know."""
        found = self._find(kid, algorithm)
        if found is not None:
            if time.monotonic() - self._fetched_at > _REFRESH_SECONDS:
                self._start_fetching()
            return found
        task = self._start_fetching()
        if task is not None:
            await asyncio.shield(task)
            found = self._find(kid, algorithm)
        if found is not None:
            return found
        if self._failed:
            raise Unavailable(
                "the keys that tokens are checked with can't be fetched right now; try again shortly, or use an API key",
                code="jwks_unavailable",
                retry_after_seconds=int(self._again_seconds) or 1,
            )
        raise Unauthenticated(
            "the token is signed with a key we don't know; get a new one from your identity provider",
            code="unknown_key",
        )

    async def close(self) -> None:
        """Give up a fetch under way."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)

    def _find(self, kid: str | None, algorithm: str) -> PyJWK | None:
        fitting = [key for key in self._keys if key.algorithm_name == algorithm and (kid is None or key.key_id == kid)]
        return fitting[0] if len(fitting) == 1 or (fitting and kid is not None) else None

    def _start_fetching(self) -> "asyncio.Task[None] | None":
        if self._fetching is None or self._fetching.done():
            if time.monotonic() - self._tried_at < self._again_seconds:
                return None
            self._tried_at = time.monotonic()
            self._fetching = asyncio.create_task(self._fetch(), name="jwks")
        return self._fetching

    async def _fetch(self) -> None:
        try:
            timeout = aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS)
            async with aiohttp.ClientSession(timeout=timeout) as session, session.get(self._url) as response:
                response.raise_for_status()
                self._keys = _usable(await _bounded(response))
        except (aiohttp.ClientError, TimeoutError, ValueError, jwt.PyJWTError) as error:
            self._failed = True
            logger.warning("the keys at JWKS_URL can't be fetched: {}: {}", type(error).__name__, error)
            return
        self._failed = False
        self._fetched_at = time.monotonic()


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    body = b""
    async for chunk in response.content.iter_chunked(65_536):
        body += chunk
        if len(body) > _MAX_DOCUMENT_BYTES:
            raise ValueError("the document is too large")
    return body


class _Document(msgspec.Struct):
    keys: list[dict[str, Any]]


def _usable(body: bytes) -> list[PyJWK]:
    """The keys that sign tokens of ours; those of other kinds, or that we can't read, are left out."""
    keys = []
    for entry in msgspec.json.decode(body, type=_Document).keys:
        try:
            key = PyJWK.from_dict(entry)
        except (jwt.PyJWTError, ValueError, TypeError, KeyError):
            continue
        if entry.get("use", "sig") == "sig" and key.algorithm_name in ALGORITHMS:
            keys.append(key)
    return keys


class TokenVerifier:
    """Checks tokens and returns their claims."""

    def __init__(self, jwks: Jwks, *, issuer: str | None = None, audience: str | Sequence[str] | None = None) -> None:
        self._jwks = jwks
        self._issuer = issuer
        self._audience = audience

    async def claims(self, token: str) -> dict[str, Any]:
        """The claims of a token that holds. Raises `Unauthenticated` saying why it doesn't, `Unavailable` as `Jwks.key`."""
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError:
            raise _refused("it isn't a JWT") from None
        algorithm = header.get("alg")
        if algorithm not in ALGORITHMS:
            raise _refused(f"it must be signed with one of {', '.join(ALGORITHMS)}")
        key = await self._jwks.key(header.get("kid"), algorithm)
        try:
            return jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                issuer=self._issuer,
                audience=self._audience,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp"], "verify_aud": self._audience is not None},
            )
        except jwt.ExpiredSignatureError:
            raise _refused("it has expired", "token_expired") from None
        except jwt.PyJWTError as error:
            raise _refused(_reason(error)) from None


def _reason(error: jwt.PyJWTError) -> str:
    if isinstance(error, jwt.InvalidAudienceError):
        return "it is meant for another audience"
    if isinstance(error, jwt.InvalidIssuerError):
        return "it comes from another issuer"
    if isinstance(error, jwt.MissingRequiredClaimError):
        return f"it lacks the claim {error.claim}"
    if isinstance(error, jwt.ImmatureSignatureError):
        return "it isn't valid yet"
    return "its signature doesn't hold"


def _refused(why: str, code: str = "invalid_token") -> Unauthenticated:
    return Unauthenticated(f"the token is refused: {why}; get a new one from your identity provider", code=code)
