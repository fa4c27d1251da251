"""`corebilling simulate` against a running installation: the job goes through the API and the worker."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from commands import within

from corebilling.cli.local import LocalInstallation
from factories import Api, event, metered, new_seller, per_unit, recurring

JANUARY, FEBRUARY = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
DEARER = '{"model":"per_unit","unit_amount":"0.003"}'


@pytest.fixture(scope="module")
def seller(installation: LocalInstallation, platform_key: str) -> tuple[str, str, int]:
    """The address, a key, and what January was billed: 10.00 and 1,000 calls at 0.002, so 12.00, and 10.00 for nothing used."""

    async def make() -> tuple[str, str, int]:
        async with Api(installation.api.url, platform_key) as platform:
            made = await new_seller(platform, "Simulated", JANUARY)
            async with made.api:
                await made.meter("calls", "sum")
                await made.plan("pro", recurring("Base fee", "10"), metered("Calls", "calls", per_unit("0.002")))
                for name in ("busy", "idle"):
                    await made.customer(name)
                    await made.subscribe(name, "pro")
                await made.advance(datetime(2026, 1, 20, tzinfo=UTC))
                await made.use([event("calls", "busy", datetime(2026, 1, 10, tzinfo=UTC), "1000")])
                await made.advance(datetime(2026, 2, 2, tzinfo=UTC))
                billed = sum(invoice["total_minor"] for invoice in await made.invoices())
            return installation.api.url, made.key, billed

    return asyncio.run(make())


def simulate(seller: tuple[str, str, int], *arguments: str) -> list[str]:
    url, key, _ = seller
    return ["simulate", "--url", url, "--api-key", key, "--from", "2026-01-01", "--to", "2026-02-01", *arguments]


def test_it_shows_old_and_new_totals_and_whom_it_affects(seller: tuple[str, str, int]) -> None:
    ran = within(*simulate(seller, "--change", f"pro/calls={DEARER}"))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    rows = [line.split() for line in ran.stdout.splitlines()]
    assert ["EUR", "22.00", "23.00", "1.00", "2", "2", "2", "1"] in rows
    assert ["busy", "EUR", "12.00", "13.00", "1.00", "1"] in rows


def test_it_prints_json_for_programs(seller: tuple[str, str, int], tmp_path: Path) -> None:
    definition = tmp_path / "price.json"
    definition.write_text(DEARER)
    ran = within(*simulate(seller, "--change", f"pro/calls=@{definition}", "--json"))
    job = json.loads(ran.stdout)
    assert (job["state"], job["kind"], job["progress"]) == ("succeeded", "price_simulation", {"done": 2, "total": 2})
    assert job["result"]["overall"]["EUR"]["old_total_minor"] == seller[2] == 2200

    async def items() -> list[dict[str, object]]:
        async with Api(seller[0], seller[1]) as api:
            page = await api.get(f"/v1/jobs/{job['id']}/items", limit=1)
            rest = await api.get(f"/v1/jobs/{job['id']}/items", limit=1, cursor=page["next_cursor"])
            assert rest["next_cursor"] is None
            listed = await api.get("/v1/jobs", kind="price_simulation", state="succeeded")
            assert job["id"] in [found["id"] for found in listed["data"]]
            return [*page["data"], *rest["data"]]

    found = {item["customer_external_id"]: item["difference_minor"] for item in asyncio.run(items())}
    assert found == {"busy": 100, "idle": 0}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("pro/calls", "has no '='"),
        ("pro/calls={", "can't be read"),
        ('pro/fees={"model":"flat","amount":"1"}', "it has base-fee, calls"),
        ('pro/calls={"model":"per_unit"}', "/changes/0/definition"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_runs(seller: tuple[str, str, int], change: str, said: str) -> None:
    ran = within(*simulate(seller, "--change", change))
    assert ran.returncode != 0
    assert said in ran.stderr + ran.stdout, ran.stderr + ran.stdout
    assert "Traceback" not in ran.stderr + ran.stdout


def test_help_shows_an_example() -> None:
    ran = within("simulate", "--help")
    assert ran.returncode == 0
    assert "corebilling simulate --url" in ran.stdout
