"""`/openapi.json`, and `/docs`: one page of our own that shows it, without an asset from another host."""

import base64
import hashlib
import re
from importlib import resources
from types import MappingProxyType

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.response import Response

from corebilling.platform.http.openapi import Examples, Handlers, document
from corebilling.platform.http.routing import PUBLIC, get

_INLINE = re.compile(r"<(?P<tag>script|style)>(?P<text>.*?)</(?P=tag)>", re.DOTALL)


class Documents:
    """Holds the two documents; the first is there once `describe` has been called."""

    def __init__(self, version: str, examples: Examples = MappingProxyType({})) -> None:
        self._version = version
        self._examples = examples
        self._openapi = b""
        self._page = resources.files(__package__).joinpath("docs.html").read_text("utf-8")
        self._policy = content_security_policy(self._page)

    def describe(self, handlers: Handlers) -> None:
        """Make the document of everything served."""
        self._openapi = msgspec.json.encode(document(handlers, self._version, self._examples))

    @property
    def routes(self) -> list[HTTPRouteHandler]:
        """The handlers of both."""

        @get("/openapi.json", scope=PUBLIC, summary="This document")
        async def openapi() -> Response[bytes]:
            return Response(self._openapi, media_type="application/json")

        @get("/docs", scope=PUBLIC, summary="The routes, to read in a browser", produces="text/html")
        async def docs() -> Response[str]:
            headers = {"Content-Security-Policy": self._policy, "Referrer-Policy": "no-referrer"}
            return Response(self._page, media_type="text/html", headers=headers)

        return [openapi, docs]


def content_security_policy(page: str) -> str:
    """A policy that lets exactly the page's own inline script and style run, and fetch from this host only."""
    hashes: dict[str, list[str]] = {"script": [], "style": []}
    for block in _INLINE.finditer(page):
        digest = base64.b64encode(hashlib.sha256(block["text"].encode()).digest()).decode()
        hashes[block["tag"]].append(f"'sha256-{digest}'")
    scripts, styles = " ".join(hashes["script"]), " ".join(hashes["style"])
    return (
        f"default-src 'none'; script-src {scripts}; style-src {styles}; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
