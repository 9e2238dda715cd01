"""The compose profile `observability`: what is mounted is there, what is scraped runs, and who reaches whom."""

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml  # type: ignore[import-untyped]  # PyYAML has no types

from crm_observability.generate import FOLDER
from crm_observability.objectives import PERIOD_DAYS
from crm_shared.telemetry.tracing import find_wrong_setting

ROOT: Final = FOLDER.parents[1]
CONTAINERS: Final[dict[str, dict[str, Any]]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))[
    "services"
]
WATCHERS: Final = ("prometheus", "alertmanager", "grafana")
GRAFANA: Final = FOLDER / "grafana"
ROLES: Final = ("api", "worker", "relay")


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def list_mounts(container: str) -> dict[str, str]:
    """Return what is mounted of this checkout, by where it is in the container."""
    mounts = [volume.split(":") for volume in CONTAINERS[container]["volumes"]]
    return {mount[1]: mount[0] for mount in mounts if mount[0].startswith("./")}


@pytest.mark.parametrize("container", WATCHERS)
def test_it_runs_where_it_is_asked_for_and_keeps_what_it_has(container: str) -> None:
    settings = CONTAINERS[container]
    assert settings["profiles"] == ["observability"]
    assert all((ROOT / source).exists() for source in list_mounts(container).values())
    kept = [volume.partition(":")[0] for volume in settings["volumes"] if not volume.startswith("./")]
    assert kept == [container]
    assert settings["healthcheck"]["test"][0] == "CMD"
    assert not any(
        container in other.get("depends_on", {}) for name, other in CONTAINERS.items() if name not in WATCHERS
    )


def test_the_collector_takes_what_every_process_sends_and_is_told_of_by_prepare() -> None:
    settings = CONTAINERS["collector"]
    assert settings["profiles"] == ["observability"]
    mounts = list_mounts("collector")
    config = read(ROOT / mounts[settings["command"][0].removeprefix("--config=")])
    port = config["receivers"]["otlp"]["protocols"]["http"]["endpoint"].rpartition(":")[2]
    [pipeline] = config["service"]["pipelines"].values()
    for kind in ("receivers", "processors", "exporters"):
        assert set(pipeline[kind]) <= set(config[kind])
    given = f"OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:{port}"
    assert f'[ -z "$observability" ] || echo "{given}"' in (ROOT / "deploy/compose/prepare").read_text("utf-8")
    assert find_wrong_setting(dict([given.split("=")])) is None
    for name, container in CONTAINERS.items():
        if name.rpartition("-")[2] in ROLES and name.rpartition("-")[0]:
            # Off unless .env says where.
            assert container["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"] == "${OTEL_EXPORTER_OTLP_ENDPOINT:-}"
            assert set(container["networks"]) & set(settings["networks"])


def test_every_process_of_compose_is_scraped_where_its_metrics_are() -> None:
    prometheus = read(FOLDER / "prometheus" / "prometheus.yml")
    suite, canary = prometheus["scrape_configs"]
    targets = {target for group in suite["static_configs"] for target in group["targets"]}
    operations = CONTAINERS["deals-api"]["environment"]["CRM_OPERATIONS_PORT"]
    wanted = {
        f"{name}:{operations if name.endswith('-api') else 8000}"
        for name in CONTAINERS
        if name.rpartition("-")[2] in ROLES and name.rpartition("-")[0]
    }
    assert targets == wanted
    # It runs in a profile of its own: one that is not found is no process that is missing.
    ((name,),) = [found["names"] for found in canary["dns_sd_configs"]]
    assert CONTAINERS[name]["profiles"] == ["canary"]
    for target in [*targets, name]:
        networks = CONTAINERS[target.partition(":")[0]]["networks"]
        assert "watched" in networks, target
    assert "watched" in CONTAINERS["prometheus"]["networks"]


def test_prometheus_finds_its_rules_and_alertmanager() -> None:
    mounts = list_mounts("prometheus")
    assert mounts["/etc/prometheus/prometheus.yml"] == "./deploy/observability/prometheus/prometheus.yml"
    prometheus = read(FOLDER / "prometheus" / "prometheus.yml")
    [pattern] = prometheus["rule_files"]
    folder, _, files = pattern.rpartition("/")
    assert list((ROOT / mounts[f"/etc/prometheus/{folder}"]).glob(files))
    [receiver] = prometheus["alerting"]["alertmanagers"]
    assert receiver["static_configs"] == [{"targets": ["alertmanager:9093"]}]
    assert set(CONTAINERS["alertmanager"]["networks"]) & set(CONTAINERS["prometheus"]["networks"])
    assert prometheus["global"]["external_labels"]["grafana_url"] == "http://localhost:3000"
    assert CONTAINERS["grafana"]["ports"] == ["${CRM_OBSERVABILITY_BIND:-127.0.0.1}:${CRM_GRAFANA_PORT:-3000}:3000"]


def test_prometheus_keeps_as_long_as_objectives_look_back() -> None:
    [kept] = [word for word in CONTAINERS["prometheus"]["command"] if "retention.time" in word]
    days = re.search(r":-(\d+)d\}$", kept)
    assert days is not None
    assert int(days[1]) >= PERIOD_DAYS


def test_grafana_is_provisioned_with_every_dashboard_and_what_they_ask() -> None:
    mounts = list_mounts("grafana")
    assert mounts["/etc/grafana/provisioning/datasources/crm.yml"] == "./deploy/observability/grafana/datasources.yml"
    assert mounts["/etc/grafana/provisioning/dashboards/crm.yml"] == "./deploy/observability/grafana/dashboards.yml"
    [provider] = read(GRAFANA / "dashboards.yml")["providers"]
    dashboards = list((ROOT / mounts[provider["options"]["path"]]).glob("*.json"))
    kinds = {
        variable["query"]
        for file in dashboards
        for variable in json.loads(file.read_text("utf-8"))["templating"]["list"]
        if variable["type"] == "datasource"
    }
    sources = read(GRAFANA / "datasources.yml")["datasources"]
    assert kinds == {"prometheus"}
    assert [source["type"] for source in sources if source.get("isDefault")] == ["prometheus"]
    for source in sources:
        address = re.fullmatch(r"http://([a-z]+):\d+", source["url"])
        assert address is not None
        assert set(CONTAINERS[address[1]]["networks"]) & set(CONTAINERS["grafana"]["networks"])


def test_grafanas_password_is_a_file() -> None:
    settings = CONTAINERS["grafana"]
    assert settings["secrets"] == ["grafana_admin_password"]
    given = settings["environment"]
    assert given["GF_SECURITY_ADMIN_PASSWORD__FILE"] == "/run/secrets/grafana_admin_password"
    assert not any("PASSWORD" in name and not name.endswith("__FILE") for name in given)
