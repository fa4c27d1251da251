"""The HTTP edge: routes with scopes, authentication, transactions, problems, pagination, documents."""

from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.response import Response

from corebilling.platform.http.body import content_type, decode_json, require_content_type
from corebilling.platform.http.edge import Edge
from corebilling.platform.http.pagination import DEFAULT_LIMIT, MAX_LIMIT, Cursor, Limit, Page, after_id, page
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
    "content_type",
    "decode_json",
    "delete",
    "get",
    "page",
    "patch",
    "post",
    "put",
    "require_content_type",
    "route_table",
]
