"""The kustomize base: valid to Kubernetes' own schemas, and tied to what the code says of ports, commands and times."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import typer.main
import yaml

from corebilling.cli import app
from corebilling.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
BASE = ROOT / "deploy" / "k8s" / "base"
KUBERNETES = "1.31"
SETTINGS = Settings()
RUNNING = ("api", "worker", "router")

Manifest = dict[str, Any]


def manifests() -> list[Manifest]:
    kustomization = yaml.safe_load((BASE / "kustomization.yaml").read_text())
    return [m for file in kustomization["resources"] for m in yaml.safe_load_all((BASE / file).read_text())]


def of_kind(kind: str) -> dict[str, Manifest]:
    return {m["metadata"]["name"]: m for m in manifests() if m["kind"] == kind}


def pods() -> Iterator[tuple[str, Manifest]]:
    """Every pod that the base makes: (name of its owner, pod spec)."""
    for manifest in manifests():
        spec = manifest.get("spec", {})
        if manifest["kind"] == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        if "template" in spec:
            yield manifest["metadata"]["name"], spec["template"]["spec"]


def container(pod: Manifest) -> Manifest:
    (only,) = pod["containers"]
    assert isinstance(only, dict)
    return only


PODS = list(pods())
each_pod = pytest.mark.parametrize("pod", [pod for _, pod in PODS], ids=[name for name, _ in PODS])
each_role = pytest.mark.parametrize("role", RUNNING)


@pytest.mark.parametrize("manifest", manifests(), ids=lambda m: f"{m['kind']}-{m['metadata']['name']}")
def test_kubernetes_accepts_every_manifest(manifest: Manifest) -> None:
    kubernetes_validate.validate(manifest, KUBERNETES, strict=True)


def test_the_kustomization_lists_every_file() -> None:
    kustomization = yaml.safe_load((BASE / "kustomization.yaml").read_text())
    listed = {*kustomization["resources"], *(f for c in kustomization["configMapGenerator"] for f in c["envs"])}
    assert listed | {"kustomization.yaml"} == {path.name for path in BASE.iterdir()}


def test_the_image_is_one_and_has_the_version_of_the_project() -> None:
    (image,) = yaml.safe_load((BASE / "kustomization.yaml").read_text())["images"]
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert image == {"name": "corebilling", "newTag": version}
    assert {container(pod)["image"] for _, pod in PODS} == {"corebilling"}
    assert f"corebilling:${{COREBILLING_VERSION:-{version}}}" in (ROOT / "containers" / "compose.yaml").read_text()


def test_what_runs_is_the_four_roles_and_the_monthly_close() -> None:
    arguments = {name: container(pod)["args"] for name, pod in PODS}
    assert arguments == {
        "corebilling-api": ["run", "--role", "api"],
        "corebilling-worker": ["run", "--role", "worker"],
        "corebilling-router": ["run", "--role", "router"],
        "corebilling-migrate": ["run", "--role", "migrate"],
        "corebilling-invoice": ["invoices", "close-due", "--wait"],
    }


@each_pod
def test_its_command_exists(pod: Manifest) -> None:
    words = container(pod)["args"]
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        command, words = command.commands[words[0]], words[1:]
    command.make_context("corebilling", list(words), resilient_parsing=True)


@each_pod
def test_it_runs_without_privileges(pod: Manifest) -> None:
    user, group = re.findall(r"^USER (\d+):(\d+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)[0]
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": int(user),
        "runAsGroup": int(group),
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container(pod)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container(pod)["volumeMounts"] == [{"name": "tmp", "mountPath": "/tmp"}]
    assert pod["automountServiceAccountToken"] is False
    assert pod["serviceAccountName"] in of_kind("ServiceAccount")


@each_pod
def test_it_asks_for_what_it_needs_and_limits_memory(pod: Manifest) -> None:
    resources = container(pod)["resources"]
    assert set(resources["requests"]) == {"cpu", "memory"}
    assert set(resources["limits"]) == {"memory"}


def test_only_migrate_sees_the_login_that_owns_the_schema() -> None:
    for name, pod in PODS:
        assert ("corebilling-migration" in str(pod)) == (name == "corebilling-migrate"), name


@each_role
def test_the_ports_and_probes_of_a_role_are_those_of_the_code(role: str) -> None:
    pod = dict(PODS)[f"corebilling-{role}"]
    ports = {port["name"]: port["containerPort"] for port in container(pod)["ports"]}
    chosen = dict(line.split("=", 1) for line in (BASE / "settings.env").read_text().splitlines() if "=" in line)
    expected = {"metrics": SETTINGS.metrics_port} | ({"http": SETTINGS.http_port} if role == "api" else {})
    assert ports == expected
    assert (int(chosen["HTTP_PORT"]), int(chosen["METRICS_PORT"])) == (SETTINGS.http_port, SETTINGS.metrics_port)
    probes = {probe: container(pod)[f"{probe}Probe"]["httpGet"] for probe in ("startup", "liveness", "readiness")}
    port = "http" if role == "api" else "metrics"
    assert probes == {
        "startup": {"path": "/healthz", "port": port},
        "liveness": {"path": "/healthz", "port": port},
        "readiness": {"path": "/ready", "port": port},
    }
    annotations = of_kind("Deployment")[f"corebilling-{role}"]["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(SETTINGS.metrics_port)


@each_role
def test_a_role_is_replaced_without_a_gap_and_may_finish_what_it_holds(role: str) -> None:
    deployment = of_kind("Deployment")[f"corebilling-{role}"]["spec"]
    assert deployment["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    assert "replicas" not in deployment
    pod = deployment["template"]["spec"]
    waiting = container(pod).get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    assert pod["terminationGracePeriodSeconds"] > SETTINGS.shutdown_grace_seconds + waiting
    assert len(pod["topologySpreadConstraints"]) == 2


@each_role
def test_a_role_is_scaled_and_kept_up_during_maintenance(role: str) -> None:
    labels = of_kind("Deployment")[f"corebilling-{role}"]["spec"]["template"]["metadata"]["labels"]
    budget = of_kind("PodDisruptionBudget")[f"corebilling-{role}"]["spec"]
    assert budget == {"maxUnavailable": 1, "selector": {"matchLabels": labels}}
    scaler = of_kind("HorizontalPodAutoscaler")[f"corebilling-{role}"]["spec"]
    assert scaler["scaleTargetRef"]["name"] == f"corebilling-{role}"
    assert 2 <= scaler["minReplicas"] < scaler["maxReplicas"]


def test_autoscalers_go_by_cpu_and_by_the_work_that_waits() -> None:
    metrics = {
        name: {
            m["resource"]["name"] if "resource" in m else m["external"]["metric"]["name"] for m in s["spec"]["metrics"]
        }
        for name, s in of_kind("HorizontalPodAutoscaler").items()
    }
    assert metrics == {
        "corebilling-api": {"cpu"},
        "corebilling-worker": {"cpu", "corebilling_worker_queue_depth"},
        "corebilling-router": {"cpu", "billing_nats_consumer_lag"},
    }


def test_the_service_reaches_the_api() -> None:
    (service,) = of_kind("Service").values()
    labels = of_kind("Deployment")["corebilling-api"]["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"] == labels
    assert [(p["port"], p["targetPort"]) for p in service["spec"]["ports"]] == [(SETTINGS.http_port, "http")]


def test_nothing_comes_in_but_calls_to_the_api_and_scrapes() -> None:
    policies = of_kind("NetworkPolicy")
    deny = policies.pop("corebilling-deny-ingress")["spec"]
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress"]}
    opened = {port["port"] for p in policies.values() for rule in p["spec"]["ingress"] for port in rule["ports"]}
    assert opened == {"http", "metrics"}


def test_the_monthly_close_runs_once_after_the_month_has_ended() -> None:
    (cronjob,) = of_kind("CronJob").values()
    assert cronjob["spec"]["schedule"] == "5 0 1 * *"
    assert cronjob["spec"]["timeZone"] == "Etc/UTC"
    assert cronjob["spec"]["concurrencyPolicy"] == "Forbid"


def test_no_secret_is_part_of_the_base() -> None:
    assert not of_kind("Secret")
    assert "secretGenerator" not in yaml.safe_load((BASE / "kustomization.yaml").read_text())
