"""`corebilling dev --json`: one line for scripts, and nothing left behind."""

import json
import signal
import subprocess
import threading
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from commands import COREBILLING, PATIENCE_SECONDS, alive, descendants, plain_environment

from corebilling.cli.dev import _PASSED_ON
from corebilling.settings import Settings

KEYS = {"url", "api_key", "admin_api_key", "metrics_url", "database_url", "nats_url"}


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT], ids=lambda s: s.name)
def test_it_serves_after_its_first_line_and_leaves_no_process_behind(stop: signal.Signals, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with subprocess.Popen(
        [*COREBILLING, "dev", "--json", "--data", str(data)], env=plain_environment(), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        giving_up = threading.Timer(PATIENCE_SECONDS, process.kill)
        giving_up.start()
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            assert told.keys() == KEYS
            _works(told)
            family = descendants(process.pid)
            assert len(family) >= 5, "PostgreSQL, NATS and three roles"
        finally:
            process.send_signal(stop)
            rest, errors = process.communicate()
            giving_up.cancel()
    assert process.returncode == 0, errors
    assert rest == "", "scripts read one line"
    assert not alive(family)
    assert data.exists(), "what --data names is kept"
    assert "Traceback" not in errors


def _works(told: dict[str, str]) -> None:
    own, platform = {"X-API-Key": told["api_key"]}, {"X-API-Key": told["admin_api_key"]}
    assert httpx.get(f"{told['url']}/ready").json()["status"] == "UP"
    assert httpx.get(f"{told['url']}/v1/settings", headers=own).json()["sandbox"] is True
    assert len(httpx.get(f"{told['url']}/v1/tenants", headers=platform).json()["data"]) == 1
    metrics = httpx.get(told["metrics_url"]).text
    assert "billing_http_requests_total" in metrics
    assert "corebilling_outbox_dispatcher_pending" in metrics, "the worker's metrics are merged in"
    with psycopg.connect(told["database_url"]) as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute("SELECT * FROM tenants")  # the product's login has to take on a role first
    assert urlsplit(told["nats_url"]).hostname == "127.0.0.1"


def test_settings_of_the_environment_reach_the_roles() -> None:
    """All but addresses, which `dev` makes up itself: a newcomer tries a setting here first."""
    named = {name.upper() for name in Settings.__struct_fields__}
    unknown = sorted(_PASSED_ON - named - {"OTEL_SDK_DISABLED", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTLP_ENDPOINT"})
    assert not unknown, "no such settings"
    tried_first = ("WEBHOOK_", "ROUTER_", "OUTBOX_", "EVENT_RETENTION", "INBOX_RETENTION")
    missing = sorted(name for name in named - _PASSED_ON if name.startswith(tried_first))
    assert missing == ["WEBHOOK_ALLOW_PRIVATE_TARGETS"], "dev itself decides of this one alone"
