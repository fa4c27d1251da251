"""`corebilling statements run` against a running installation, whose worker does the job."""

import asyncio
import json
from datetime import UTC, datetime

import pytest
from commands import within

from corebilling.cli.local import LocalInstallation
from factories import Api, new_seller

JANUARY, FEBRUARY = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def tenant(installation: LocalInstallation, platform_key: str) -> str:
    """One with two customers who owe for January, in which it is February."""

    async def make() -> str:
        async with Api(installation.api.url, platform_key) as platform:
            made = await new_seller(platform, "Stated", JANUARY)
            async with made.api:
                for name in ("one", "two"):
                    await made.customer(name)
                    lines = [{"description": "Work", "unit_amount": "10"}]
                    await made.api.post("/v1/invoices", {"customer_id": name, "lines": lines, "finalize": True})
                await made.advance(FEBRUARY)
            return made.id

    return asyncio.run(make())


def test_it_makes_what_is_missing_and_says_so(installation: LocalInstallation, tenant: str) -> None:
    where = {"DATABASE_URL": installation.app_url}
    command = ("statements", "run", "--tenant", tenant, "--period", "2026-01")
    one = within(*command, "--customer", "one", "--wait", "--json", **where)
    assert one.returncode == 0, one.stdout + one.stderr
    job = json.loads(one.stdout)
    assert (job["state"], job["kind"], job["progress"]) == ("succeeded", "statements", {"done": 1, "total": 1})
    all_of_them = within(*command, "--wait", **where)
    assert all_of_them.returncode == 0, all_of_them.stdout + all_of_them.stderr
    assert "1 statements made, 1 were there; 2 customers" in all_of_them.stderr
    queued = within(*command, **where)
    assert queued.returncode == 0
    assert "/v1/jobs/" in queued.stderr


@pytest.mark.parametrize(
    ("arguments", "said"), [(("--period", "2026-02"), "isn't over"), (("--period", "2026"), "is no month")]
)
def test_what_is_wrong_is_said(
    installation: LocalInstallation, tenant: str, arguments: tuple[str, str], said: str
) -> None:
    ran = within("statements", "run", "--tenant", tenant, *arguments, DATABASE_URL=installation.app_url)
    assert ran.returncode != 0
    assert said in ran.stderr + ran.stdout, ran.stderr + ran.stdout
    assert "Traceback" not in ran.stderr + ran.stdout


def test_a_tenant_that_nobody_knows_is_said(installation: LocalInstallation) -> None:
    nobody = "00000000-0000-7000-8000-000000000001"
    ran = within("statements", "run", "--tenant", nobody, "--period", "2026-01", DATABASE_URL=installation.app_url)
    assert ran.returncode != 0
    assert "there is no tenant" in ran.stderr + ran.stdout, ran.stderr + ran.stdout
