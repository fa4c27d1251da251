"""Kong's declarative configuration, made from the route table: one Kong route for each of ours, each with its scope.

A pure function of the table, so that the gateway can neither forget a route nor ask for another scope than the API
does. `tools/documents.py` writes it to deploy/kong/kong.yaml; deploy/kong/README.md says how Kong is to be run with it.

A request passes the plugins in Kong's order: `pre-function` notes the route's scope, `jwt` verifies a bearer token
(callers without one become the consumer `anonymous` instead of being refused at once, because they may hold an API
key), `rate-limiting` counts the anonymous by key or else by address, and `post-function` decides. It comes last so
that it reads only a token that `jwt` has verified, and refuses where no scope was noted.
"""

import re
from collections.abc import Sequence
from typing import Any

import yaml

from corebilling.platform.http.routing import ALIAS_PREFIX, PREFIX, Route
from corebilling.settings import Settings

UPSTREAM = f"http://corebilling-api.corebilling.svc.cluster.local:{Settings().http_port}"
ANONYMOUS = "anonymous"
REQUESTS_PER_SECOND_PER_KEY = 1000
REQUESTS_PER_SECOND_PER_ADDRESS = 20
"""For what needs no credential: health, and the documents of the API."""

HEAD = """\
# Generated from the route table by `make generate`; don't edit. README.md says how to run Kong with it.
"""

CHECK_SCOPE = """\
local scope = kong.ctx.shared.corebilling_scope
if scope == "public" then return end
-- the API checks keys, and prefers a key where both are sent
if scope and kong.request.get_header("X-API-Key") then return end

local cjson = require "cjson.safe"
local function refuse(status, code, title, detail)
  local problem = { type = "/problems/" .. code, title = title, status = status, detail = detail, code = code }
  local headers = { ["Content-Type"] = "application/problem+json" }
  if status == 401 then
    headers["WWW-Authenticate"] = 'Bearer realm="corebilling", ApiKey realm="corebilling"'
  end
  return kong.response.exit(status, cjson.encode(problem), headers)
end

local token = kong.ctx.shared.authenticated_jwt_token
if not token then
  local code = kong.request.get_header("Authorization") and "invalid_token" or "no_credential"
  return refuse(401, code, "Who is calling isn't known",
    "send a valid bearer token in Authorization, or an API key in X-API-Key")
end
local payload = token:match("^[^.]+%.([^.]+)%.") or ""
payload = payload:gsub("-", "+"):gsub("_", "/") .. ("="):rep(-#payload % 4)
local claims = cjson.decode(ngx.decode_base64(payload) or "")
local granted = type(claims) == "table" and claims.scope or nil
if type(granted) == "string" then
  local listed = {}
  for each in granted:gmatch("%S+") do listed[#listed + 1] = each end
  granted = listed
end
if scope and type(granted) == "table" then
  for _, each in ipairs(granted) do
    if each == scope then return end
  end
end
return refuse(403, "scope_missing", "The caller may not do this",
  "this needs the scope " .. tostring(scope) .. "; use a credential that holds it")
"""


def declare(routes: Sequence[Route]) -> dict[str, Any]:
    """The configuration as data, in the form of Kong 3 (`_format_version` 3.0)."""
    return {
        "_format_version": "3.0",
        "services": [
            {
                "name": "corebilling-api",
                "url": UPSTREAM,
                "connect_timeout": 5_000,
                "read_timeout": 60_000,
                "write_timeout": 60_000,
                "routes": [_route(route) for route in routes],
                "plugins": [
                    {
                        "name": "correlation-id",
                        "config": {"header_name": "X-Request-Id", "generator": "uuid", "echo_downstream": True},
                    },
                    {
                        "name": "request-size-limiting",
                        "config": {"allowed_payload_size": Settings().http_max_body_bytes, "size_unit": "bytes"},
                    },
                    {"name": "post-function", "config": {"access": [CHECK_SCOPE]}},
                ],
            }
        ],
        "consumers": [
            {
                "username": ANONYMOUS,
                "plugins": [
                    _rate_limit(REQUESTS_PER_SECOND_PER_KEY, {"limit_by": "header", "header_name": "X-API-Key"})
                ],
            }
        ],
    }


def render(routes: Sequence[Route]) -> str:
    """The file's text."""
    return HEAD + yaml.dump(declare(routes), Dumper=_Readable, sort_keys=False, width=120, allow_unicode=True)


def path_pattern(path: str) -> str:
    """The whole path, under its alias too: `/v1/plans/{id}` becomes `~/v1/(?:billing/)?plans/[^/]+$`."""
    pattern = "".join(
        "[^/]+" if part.startswith("{") else re.escape(part).replace(r"\-", "-")
        for part in re.split(r"(\{[^}]+\})", path)
    )
    alias = ALIAS_PREFIX.removeprefix(PREFIX)
    if path.startswith(PREFIX):
        pattern = pattern.replace(PREFIX, f"{PREFIX}(?:{alias})?", 1)
    return f"~{pattern}$"


def _route(route: Route) -> dict[str, Any]:
    name = re.sub(r"[^a-z0-9]+", "-", f"{route.method} {route.path}".lower()).strip("-")
    return {
        "name": name,
        "methods": [route.method],
        "paths": [path_pattern(route.path)],
        # a path written out wins over one with a parameter in the same place
        "regex_priority": len(re.sub(r"\{[^}]+\}", "", route.path)),
        "strip_path": False,
        "plugins": _public() if route.scope is None else _guarded(route.scope),
    }


def _guarded(scope: str) -> list[dict[str, Any]]:
    token = {
        "anonymous": ANONYMOUS,
        # the id of the signing key, so that an issuer can have two while it rotates them
        "key_claim_name": "kid",
        "claims_to_verify": ["exp"],
        "header_names": ["authorization"],
        "uri_param_names": [],
        "cookie_names": [],
    }
    return [_note(scope), {"name": "jwt", "config": token}]


def _public() -> list[dict[str, Any]]:
    return [_note("public"), _rate_limit(REQUESTS_PER_SECOND_PER_ADDRESS, {"limit_by": "ip"})]


def _note(scope: str) -> dict[str, Any]:
    if not re.fullmatch(r"[a-z]+([:.][a-z_]+)*", scope):
        raise ValueError(f"{scope!r} can't be written into a Lua string; name scopes like billing:read")
    return {"name": "pre-function", "config": {"access": [f'kong.ctx.shared.corebilling_scope = "{scope}"']}}


def _rate_limit(per_second: int, by: dict[str, str]) -> dict[str, Any]:
    return {"name": "rate-limiting", "config": {"second": per_second, **by, "policy": "local", "fault_tolerant": True}}


class _Readable(yaml.SafeDumper):
    """Lines of code as blocks, and nothing by reference."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Readable.add_representer(str, _text)
