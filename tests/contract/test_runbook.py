"""The alarms and the runbook speak of what there is: metrics that the product has, commands that it knows."""

import re
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from prometheus_client import REGISTRY
from typer.main import get_command

from corebilling.cli import app

ROOT = Path(__file__).resolve().parents[2]
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
ALERTS = yaml.safe_load((ROOT / "containers" / "prometheus" / "alerts.yaml").read_text())
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]


for role in ("router", "worker"):
    import_module(f"corebilling.roles.{role}")  # what a role imports registers its metrics


def exposed() -> set[str]:

    names = {collector.name for collector in REGISTRY.collect()}
    return names | {f"{name}_total" for name in names}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alarm_asks_for_metrics_that_the_product_exposes(rule: dict[str, str]) -> None:
    names = re.findall(r"\b(?:corebilling|billing)_[a-z_]+", rule["expr"])
    assert names
    assert set(names) <= exposed()


def test_every_alarm_but_those_that_speak_for_themselves_is_in_the_runbook() -> None:
    named = {rule["alert"] for rule in RULES} - {"NoDispatcher"}
    assert {name for name in named if f"`{name}`" not in RUNBOOK} == set()


def test_the_runbook_names_commands_and_metrics_that_there_are() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    for command in re.findall(r"`?corebilling ([a-z-]+)(?: [a-z-]+)?", RUNBOOK):
        assert command in commands, command
    for metric in re.findall(r"`(corebilling_[a-z_]+|billing_(?:nats|http)_[a-z_]+)`", RUNBOOK):
        assert metric in exposed(), metric
