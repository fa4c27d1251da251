"""The gateway's configuration says of every route what the API says."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from corebilling.container import Container
from corebilling.platform.http import Route, route_table
from corebilling.roles.api import application
from corebilling.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
ROUTES = [
    Route("GET", "/healthz", None, "Alive"),
    Route("GET", "/openapi.json", None, "Document"),
    Route("GET", "/v1/plans", "billing:read", "List"),
    Route("GET", "/v1/plans/{plan_id}", "billing:read", "Show"),
    Route("GET", "/v1/plans/export", "billing:admin", "Export"),
    Route("POST", "/v1/admin/invoices/{invoice_id}/void", "platform.finance", "Void"),
]


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


kong = load("kong")


def declared(routes: list[Route]) -> dict[str, Any]:
    text: str = kong.render(routes)
    data: dict[str, Any] = yaml.safe_load(text)
    assert data == kong.declare(routes)
    return data


def answering(routes: list[dict[str, Any]], method: str, path: str) -> str | None:
    """The route that Kong picks: the matching one with the highest regex priority."""
    fitting = [
        route
        for route in routes
        if method in route["methods"] and any(re.match(p.removeprefix("~"), path) for p in route["paths"])
    ]
    return str(max(fitting, key=lambda route: route["regex_priority"])["name"]) if fitting else None


def plugin(owner: dict[str, Any], name: str) -> dict[str, Any]:
    (config,) = [p["config"] for p in owner["plugins"] if p["name"] == name]
    assert isinstance(config, dict)
    return config


def test_each_route_is_reached_by_its_path_and_its_alias_and_by_nothing_longer() -> None:
    routes = declared(ROUTES)["services"][0]["routes"]
    assert answering(routes, "GET", "/v1/plans") == "get-v1-plans"
    assert answering(routes, "GET", "/v1/billing/plans") == "get-v1-plans"
    assert answering(routes, "GET", "/v1/plans/123") == "get-v1-plans-plan-id"
    assert answering(routes, "GET", "/v1/billing/plans/123") == "get-v1-plans-plan-id"
    assert answering(routes, "GET", "/v1/plans/export") == "get-v1-plans-export"
    assert answering(routes, "POST", "/v1/admin/invoices/1/void") == "post-v1-admin-invoices-invoice-id-void"
    assert answering(routes, "GET", "/v1/plans/123/more") is None
    assert answering(routes, "DELETE", "/v1/plans/123") is None
    assert answering(routes, "GET", "/openapi-json") is None
    assert answering(routes, "GET", "/billing/healthz") is None


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_each_route_notes_its_own_scope_and_verifies_tokens_unless_it_is_public(route: Route) -> None:
    (made,) = declared([route])["services"][0]["routes"]
    (noted,) = plugin(made, "pre-function")["access"]
    assert noted == f'kong.ctx.shared.corebilling_scope = "{route.scope or "public"}"'
    names = {p["name"] for p in made["plugins"]}
    assert names == {"pre-function", "rate-limiting"} if route.scope is None else {"pre-function", "jwt"}
    if route.scope is not None:
        assert plugin(made, "jwt")["claims_to_verify"] == ["exp"]
        assert plugin(made, "jwt")["uri_param_names"] == []


def test_a_scope_that_could_break_out_of_the_code_is_refused() -> None:
    with pytest.raises(ValueError, match="name scopes like"):
        kong.declare([Route("GET", "/v1/plans", 'billing:read" --', "List")])


def test_keys_pass_rate_limited_and_bodies_within_the_limit_of_the_api() -> None:
    data = declared(ROUTES)
    (anonymous,) = data["consumers"]
    limit = plugin(anonymous, "rate-limiting")
    assert (limit["limit_by"], limit["header_name"]) == ("header", "X-API-Key")
    assert limit["second"] > 0
    size = plugin(data["services"][0], "request-size-limiting")
    assert (size["allowed_payload_size"], size["size_unit"]) == (Settings().http_max_body_bytes, "bytes")
    assert plugin(data["services"][0], "correlation-id")["header_name"] == "X-Request-Id"
    assert plugin(data["services"][0], "post-function")["access"] == [kong.CHECK_SCOPE]


def test_it_leads_to_the_service_of_the_kubernetes_base() -> None:
    base = ROOT / "deploy" / "k8s" / "base"
    namespace = yaml.safe_load((base / "kustomization.yaml").read_text())["namespace"]
    (service,) = [m for m in yaml.safe_load_all((base / "api.yaml").read_text()) if m["kind"] == "Service"]
    port = service["spec"]["ports"][0]["port"]
    assert declared(ROUTES)["services"][0]["url"] == (
        f"http://{service['metadata']['name']}.{namespace}.svc.cluster.local:{port}"
    )


@pytest.fixture(scope="module")
def real_routes() -> list[Route]:
    settings = Settings(database_url="postgresql://nowhere.invalid/corebilling")
    return list(route_table(application(Container(settings=settings))))


def test_the_table_of_the_application_is_what_was_committed(real_routes: list[Route]) -> None:
    assert (ROOT / "deploy" / "kong" / "kong.yaml").read_text() == kong.render(real_routes), "run `make generate`"


def test_every_route_of_the_application_is_reached_and_by_no_other_route_of_kong(real_routes: list[Route]) -> None:
    routes = declared(real_routes)["services"][0]["routes"]
    names = [route["name"] for route in routes]
    assert len(names) == len(set(names)) == len(real_routes) > 40
    for name, route in zip(names, real_routes, strict=True):
        path = re.sub(r"\{[^}]+\}", "0192f1c6-0000-7000-8000-000000000001", route.path)
        assert answering(routes, route.method, path) == name
        if path.startswith("/v1/"):
            assert answering(routes, route.method, path.replace("/v1/", "/v1/billing/", 1)) == name
