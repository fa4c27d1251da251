"""The commands that show that it works: smoke against a running installation, and the demo on one of its own."""

import asyncio
import csv
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from commands import corebilling, within

from corebilling.cli.demo.trace import expected_cents
from corebilling.cli.local import LocalInstallation
from factories import Api, new_seller

STEPS = ["create", "subscribe", "use", "quote", "bill", "deliver"]


def key_of_new_tenant(installation: LocalInstallation, platform_key: str, *, sandbox: bool) -> str:
    async def make() -> str:
        async with Api(installation.api.url, platform_key) as platform:
            seller = await new_seller(platform, "Smoke", None, sandbox=sandbox)
            await seller.api.__aexit__(None, None, None)
            return seller.key

    return asyncio.run(make())


def test_smoke_passes_step_by_step(installation: LocalInstallation, platform_key: str) -> None:
    key = key_of_new_tenant(installation, platform_key, sandbox=True)
    run = corebilling("smoke", "--url", installation.api.url, "--api-key", key)
    lines = run.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == [f"PASSED {step}" for step in STEPS], run.stdout + run.stderr
    assert run.returncode == 0
    assert "71.60 EUR" in lines[3]


def test_smoke_of_a_live_tenant_needs_a_receiver_that_can_be_reached(
    installation: LocalInstallation, platform_key: str
) -> None:
    key = key_of_new_tenant(installation, platform_key, sandbox=False)
    run = within("smoke", "--url", installation.api.url, "--api-key", key)
    assert run.stdout.startswith("FAILED create: "), run.stdout
    assert "/url" in run.stdout


def test_smoke_says_what_failed(installation: LocalInstallation) -> None:
    run = within("smoke", "--url", installation.api.url, "--api-key", "cbk_test_nobody")
    lines = run.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == [f"FAILED {step}" for step in STEPS]
    assert run.returncode == 1
    assert "401" in lines[0]
    assert "API key" in lines[0]
    assert "Traceback" not in run.stdout + run.stderr


def test_smoke_against_nothing_fails_clearly() -> None:
    run = within("smoke", "--url", "http://127.0.0.1:9", "--api-key", "cbk_test_nobody")
    assert run.returncode == 1
    assert run.stdout.startswith("FAILED create: ")
    assert "Traceback" not in run.stdout + run.stderr


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """The figures of a demo, and what it told on the way."""
    output = tmp_path_factory.mktemp("demo")
    run = corebilling("demo", "--customers", "60", "--events", "3000", "--json", "--output", str(output))
    assert run.returncode == 0, run.stdout + run.stderr
    return json.loads(run.stdout.splitlines()[-1]), run.stderr


def test_the_demo_ends_with_figures_that_hold(demo: tuple[dict[str, Any], str]) -> None:
    figures, told = demo
    assert figures["passed"] is True
    assert figures["failures"] == []
    assert (figures["customers"], figures["invoices"], figures["journals"]) == (60, 66, 84), "six of those with a story"
    assert (figures["events_accepted"], figures["rejected"]) == (3000, 0)
    assert figures["invoiced_minor"] == figures["expected_minor"] > 0
    assert (figures["trial_balance_minor"], figures["ledger_mismatches"], figures["webhooks_refused"]) == (0, 0, 0)
    assert all(said in told for said in ("Remaining time of Agency fee", "Coupon WELCOME", "Commitment"))
    assert Path(figures["pdf"]).read_bytes().startswith(b"%PDF-")


def test_the_demo_follows_the_money(demo: tuple[dict[str, Any], str]) -> None:
    figures, told = demo
    money = dict(figures["money"])
    assert b"factur-x.xml" in Path(money.pop("e_invoice")).read_bytes()
    assert Path(money.pop("statement")).read_bytes().startswith(b"%PDF-")
    assert money == {
        "invoiced_minor": 327_250, "tax_minor": 52_250, "from_credit_minor": 12_500, "transferred_minor": 100_000,
        "charged_minor": 14_280, "refunded_minor": 3_570, "earned_minor": 29_589, "deferred_minor": 90_411,
        "overdue_minor": 57_670, "notices": 3,
    }  # fmt: skip
    assert (figures["sealed_journals"], figures["broken_seals"]) == (figures["journals"], 0)
    assert all(said in told for said in ("promotion of 25.00", "insufficient_funds", "CN-2026-000001", "2026-02 92.05"))
    chapter = told[told.index("The money of") : told.index("usage  ")]
    assert max(map(len, chapter.splitlines())) <= 100


def test_the_demo_bills_a_trace(tmp_path: Path) -> None:
    trace, start = tmp_path / "trace.csv", datetime(2023, 11, 16, 18, 15, 46)  # noqa: DTZ001 - as in such files
    rows = [(start + timedelta(seconds=7 * n), 40_000 + n, 1_500 + n) for n in range(300)]
    with trace.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["TIMESTAMP", "ContextTokens", "GeneratedTokens"])
        writer.writerows((f"{at:%Y-%m-%d %H:%M:%S}.1234567", context, generated) for at, context, generated in rows)
    tokens = {"input_tokens": sum(r[1] for r in rows), "output_tokens": sum(r[2] for r in rows)}
    assert tokens["input_tokens"] > 10_000_000, "into the second tier"

    run = corebilling("demo", "--trace", str(trace), "--json", "--output", str(tmp_path / "out"))
    assert run.returncode == 0, run.stdout + run.stderr
    figures = json.loads(run.stdout.splitlines()[-1])
    assert figures["passed"] is True
    assert figures["usage"] == {meter: str(count) for meter, count in tokens.items()}
    assert figures["invoiced_minor"] == sum(expected_cents(meter, count) for meter, count in tokens.items())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A,B\n1,2\n", "columns TIMESTAMP, ContextTokens, GeneratedTokens are missing"),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\n", "no requests"),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46,many,1\n", "line 2"),
        (
            "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-30 18:00,1,1\n2023-12-01 01:00,1,1\n",
            "more than one calendar month",
        ),
    ],
)
def test_a_trace_that_can_not_be_read_is_said_to_be_so(tmp_path: Path, text: str, said: str) -> None:
    trace = tmp_path / "trace.csv"
    trace.write_text(text)
    run = within("demo", "--trace", str(trace))
    assert run.returncode == 1
    assert said in run.stderr.replace("\n", " ")
    assert "Traceback" not in run.stderr
