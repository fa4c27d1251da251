"""The HTTP edge: routes with scopes, authentication, transactions, problems, pagination, documents."""

from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.response import Response

from corebilling.platform.http.body import content_type, decode_json, require_content_type
from corebilling.platform.http.edge import Edge
from corebilling.platform.http.pagination import (
    DEFAULT_LIMIT,
    MAX_LIMIT,
    Cursor,
    Limit,
    Page,
    after_id,
    bad_cursor,
    cursor_of,
    page,
    place_of,
)
from corebilling.platform.http.problem import Refusal
from corebilling.platform.http.routing import PUBLIC, Route, delete, get, patch, post, put, route_table

__all__ = [
    "DEFAULT_LIMIT",
    "MAX_LIMIT",
    "PUBLIC",
    "Cursor",
    "Edge",
    "Limit",
    "NamedDependency",
    "Page",
    "QueryParameter",
    "Refusal",
    "Response",
    "Route",
    "after_id",
    "bad_cursor",
    "content_type",
    "cursor_of",
    "decode_json",
    "delete",
    "get",
    "page",
    "patch",
    "place_of",
    "post",
    "put",
    "require_content_type",
    "route_table",
]
