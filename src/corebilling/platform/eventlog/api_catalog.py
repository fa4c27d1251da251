"""The route of the catalog: public, like the document of the HTTP API."""

from functools import cache
from importlib.metadata import version

import msgspec

from corebilling.platform.eventlog.asyncapi import document
from corebilling.platform.http import PUBLIC, Response, get


@get("/asyncapi.json", scope=PUBLIC, summary="The events, as an AsyncAPI document")
async def asyncapi() -> Response[bytes]:
    """Every event with its schema and an example: on the bus, and as webhooks carry it."""
    return Response(_encoded(), media_type="application/json")


@cache
def _encoded() -> bytes:
    return msgspec.json.encode(document(version("corebilling")))


ROUTES = (asyncapi,)
