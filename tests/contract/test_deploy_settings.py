"""Every variable that a deployment sets is one that the product reads, and .env.example explains them all."""

import re
from pathlib import Path

import msgspec
import pytest
import yaml

from corebilling.settings import Settings, load_settings

ROOT = Path(__file__).resolve().parents[2]
BASE = ROOT / "deploy" / "k8s" / "base"
NAMES = {name.upper() for name in Settings.__struct_fields__}
SECRETS = {
    "DATABASE_URL", "DATABASE_MIGRATION_URL", "DATABASE_DIRECT_URL", "NATS_URL", "KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD",
    "ENCRYPTION_KEYS",
}  # fmt: skip
SET_IN_EXAMPLE = {"DATABASE_URL", "ENCRYPTION_KEYS"}


def assignments(path: Path, *, commented: bool = False) -> dict[str, str]:
    pattern = r"^#? ?([A-Z][A-Z0-9_]+)=(.*)$" if commented else r"^([A-Z][A-Z0-9_]+)=(.*)$"
    return dict(re.findall(pattern, path.read_text(), re.MULTILINE))


def default(name: str) -> str:
    """A default as one would write it into the environment."""
    value = getattr(Settings(), name.lower())
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, tuple) else str(value)


def test_the_example_documents_every_setting_and_nothing_else() -> None:
    assert set(assignments(ROOT / ".env.example", commented=True)) == NAMES


@pytest.mark.parametrize("name", sorted(NAMES - SET_IN_EXAMPLE))
def test_the_example_shows_the_default(name: str) -> None:
    assert assignments(ROOT / ".env.example", commented=True)[name] == default(name)


def test_the_example_is_a_valid_environment_once_the_secrets_are_filled_in() -> None:
    example = assignments(ROOT / ".env.example")
    assert set(example) == SET_IN_EXAMPLE
    every = assignments(ROOT / ".env.example", commented=True)
    settings = load_settings({**every, "ENCRYPTION_KEYS": "key"})
    assert settings == msgspec.structs.replace(
        Settings(), database_url=example["DATABASE_URL"], encryption_keys=("key",)
    )


def test_the_compose_stack_sets_only_what_is_read() -> None:
    services = yaml.safe_load((ROOT / "containers" / "compose.yaml").read_text())["services"]
    for role in ("migrate", "api", "worker", "router"):
        assert set(services[role]["environment"]) <= NAMES, role


def test_the_kubernetes_settings_are_valid_and_hold_no_secret() -> None:
    chosen = assignments(BASE / "settings.env")
    assert set(chosen) <= NAMES - SECRETS
    load_settings({**chosen, "DATABASE_URL": "postgresql://db/corebilling", "ENCRYPTION_KEYS": "key"})


def test_migrate_knows_the_bus_that_the_roles_use() -> None:
    bus = {name for name in NAMES if name.startswith(("EVENT_", "NATS_", "KAFKA_"))}
    services = yaml.safe_load((ROOT / "containers" / "compose.yaml").read_text())["services"]
    used = set(services["router"]["environment"]) & bus
    assert {"EVENT_BUS", "NATS_URL", "KAFKA_BROKERS", "EVENT_RETENTION_DAYS"} <= used
    assert used == set(services["migrate"]["environment"]) & bus
    job = yaml.safe_load((BASE / "migrate-job.yaml").read_text())
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert {entry["name"] for entry in container["env"]} & bus == SECRETS & bus
    assert {"configMapRef": {"name": "corebilling-settings"}} in container["envFrom"]


def test_the_secrets_that_kubernetes_asks_for_are_documented_and_empty() -> None:
    documented = {
        secret["metadata"]["name"]: secret["stringData"]
        for secret in yaml.safe_load_all((ROOT / "deploy" / "k8s" / "secrets.example.yaml").read_text())
    }
    assert set(documented) == {"corebilling-secrets", "corebilling-migration"}
    assert set().union(*documented.values()) == SECRETS
    assert not any(value for secret in documented.values() for value in secret.values())


def test_no_deployment_file_carries_a_password() -> None:
    places = [
        ROOT / "Dockerfile",
        ROOT / ".env.example",
        *(ROOT / "containers").rglob("*"),
        *(ROOT / "deploy").rglob("*"),
    ]
    for path in places:
        if not path.is_file() or path.name == ".env":
            continue
        for password in re.findall(r"://[^/\s:@\"]+:([^@\s\"]+)@", path.read_text()):
            assert password == "PASSWORD" or password.startswith("${"), f"{path}: {password}"
        assert "PRIVATE KEY" not in path.read_text(), path
