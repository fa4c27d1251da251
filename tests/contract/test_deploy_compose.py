"""The stack on one host: it asks for its secrets, starts in order, and shows the host nothing but the API."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from corebilling.cli import app
from corebilling.platform.db.logins import APP_LOGIN
from corebilling.settings import Settings

CONTAINERS = Path(__file__).resolve().parents[2] / "containers"
ROLES = ("migrate", "api", "worker", "router")
SETTINGS = Settings()


@pytest.fixture(scope="module")
def stack() -> dict[str, Any]:
    stack: dict[str, Any] = yaml.safe_load((CONTAINERS / "compose.yaml").read_text())
    return stack


def test_every_role_runs_from_the_one_image(stack: dict[str, Any]) -> None:
    assert set(stack["services"]) == {"postgres", "nats", "kafka", *ROLES}
    assert len({stack["services"][role]["image"] for role in ROLES}) == 1
    command = typer.main.get_command(app)
    for role in ROLES:
        arguments = stack["services"][role]["command"]
        assert arguments == ["run", "--role", role]
        command.make_context("corebilling", list(arguments), resilient_parsing=True)


def test_roles_start_after_the_schema_is_there_and_the_servers_answer(stack: dict[str, Any]) -> None:
    services = stack["services"]
    healthy = {"condition": "service_healthy"}
    perhaps = healthy | {"required": False}
    assert services["migrate"]["depends_on"] == {"postgres": healthy, "nats": healthy, "kafka": perhaps}
    assert services["migrate"]["restart"] == "no"
    for role in ("api", "worker", "router"):
        assert services[role]["depends_on"] == {
            "migrate": {"condition": "service_completed_successfully"},
            "nats": healthy,
            "kafka": perhaps,
        }
    for server in ("postgres", "nats", "kafka"):
        assert services[server]["healthcheck"]["test"]


def test_kafka_is_there_only_where_it_is_asked_for(stack: dict[str, Any]) -> None:
    assert {name: s["profiles"] for name, s in stack["services"].items() if "profiles" in s} == {"kafka": ["kafka"]}
    for role in ("api", "worker", "router"):
        assert stack["services"][role]["environment"]["EVENT_BUS"] == f"${{EVENT_BUS:-{SETTINGS.event_bus}}}"
    assert "PLAINTEXT://kafka:9092" in stack["services"]["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]


def test_only_the_api_is_published_and_only_to_this_host(stack: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in stack["services"].items() if "ports" in service}
    assert list(published) == ["api"]
    (port,) = published["api"]
    assert port.startswith("127.0.0.1:")
    assert port.endswith(f":{SETTINGS.http_port}")


def test_a_missing_secret_stops_it_with_a_sentence() -> None:
    text = (CONTAINERS / "compose.yaml").read_text()
    for name in re.findall(r"^([A-Z_]+)=$", (CONTAINERS / ".env.example").read_text(), re.MULTILINE):
        uses = re.findall(r"\$\{" + name + r"(.*?)\}", text)
        assert uses, name
        assert all(use.startswith(f":?set {name} in containers/.env") for use in uses), name


def test_every_variable_it_asks_for_stands_in_the_example() -> None:
    asked = set(re.findall(r"\$\{([A-Z_]+)", (CONTAINERS / "compose.yaml").read_text()))
    assert asked == set(re.findall(r"^#? ?([A-Z_]+)=", (CONTAINERS / ".env.example").read_text(), re.MULTILINE))


def test_only_migrate_knows_the_administrator(stack: dict[str, Any]) -> None:
    knowing = {name for name, service in stack["services"].items() if "POSTGRES_PASSWORD" in str(service)}
    assert knowing == {"postgres", "migrate"}
    for role in ROLES:
        assert stack["services"][role]["environment"]["DATABASE_URL"].startswith(f"postgresql://{APP_LOGIN}:")


def test_the_login_of_the_product_is_made_with_the_database(stack: dict[str, Any]) -> None:
    assert "./postgres:/docker-entrypoint-initdb.d:ro" in stack["services"]["postgres"]["volumes"]
    script = (CONTAINERS / "postgres" / "10-service-login.sh").read_text()
    assert f"CREATE ROLE {APP_LOGIN} LOGIN NOINHERIT PASSWORD :'password';" in script


def test_roles_have_no_more_rights_than_they_need(stack: dict[str, Any]) -> None:
    for role in ROLES:
        service = stack["services"][role]
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["tmpfs"] == ["/tmp"]
        assert int(service["stop_grace_period"].removesuffix("s")) > SETTINGS.shutdown_grace_seconds
