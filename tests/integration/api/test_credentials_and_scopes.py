"""Every route asks who is calling, and lets in only who holds the scope that it declares."""

import pytest
from routes_under_test import Operation, operations
from two_worlds import World, run

from corebilling.cli.bootstrap import PLATFORM_SCOPES, create_platform_key
from corebilling.cli.local import LocalInstallation
from corebilling.settings import Settings
from corebilling.tenant.schemas import ApiKeyCreate
from factories import EVERY_SCOPE, Api, new_key

ASKING = [o for o in operations() if o.scope is not None]


@pytest.fixture(scope="module")
def lacking(installation: LocalInstallation, platform_key: str, worlds: tuple[World, World]) -> dict[str, str]:
    """For each scope a key that has all others of its kind."""
    settings = Settings(database_url=installation.app_url, environment="development")
    others = [scope for scope in PLATFORM_SCOPES if scope != "platform.admin"]
    platform = create_platform_key(settings, ApiKeyCreate(name="lacking", scopes=others))

    async def make() -> dict[str, str]:
        async with Api(installation.api.url, platform_key) as api:
            return {
                scope: await new_key(api, worlds[0].tenant_id, *(s for s in EVERY_SCOPE if s != scope))
                for scope in EVERY_SCOPE
            }

    return {**run(make), "platform.admin": str(platform.secret)}


def test_every_scope_of_the_route_table_is_one_that_keys_can_hold() -> None:
    assert {operation.scope for operation in ASKING} <= set(PLATFORM_SCOPES)


@pytest.mark.parametrize("operation", ASKING, ids=str)
async def test_without_a_credential_it_is_401_and_without_the_scope_403(
    operation: Operation, installation: LocalInstallation, worlds: tuple[World, World], lacking: dict[str, str]
) -> None:
    assert operation.scope is not None
    request = operation.request(worlds[0].own)
    aliased = request | {"path": request["path"].replace("/v1/", "/v1/billing/", 1)}
    for key, status, code in (
        (None, 401, "no_credential"),
        ("cbk_test_" + "0" * 43, 401, "invalid_api_key"),
        (lacking[operation.scope], 403, "scope_missing"),
    ):
        async with Api(installation.api.url, key) as caller:
            for sent in (request, aliased):
                answer = await caller.send(**sent)
                problem = answer.json()
                assert answer.headers["content-type"] == "application/problem+json"
                assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code), answer.text
                assert problem["instance"] == f"urn:request:{answer.headers['x-request-id']}"
                assert {"type", "title", "detail"} <= problem.keys()
                assert ("www-authenticate" in answer.headers) == (status == 401)
