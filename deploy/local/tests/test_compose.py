"""What docker-compose.yml promises: no password of its own, least rights, closed networks, hardened containers."""

import re
from typing import Final

import pytest
from deploy.local.tests.compose_file import COMPOSE, CONTAINERS, DEBEZIUM, EDGE, ROLES, TEXT

from crm_shared.database_access import dsn_variable, list_dsns
from crm_shared.service_registry import SERVICES
from crm_shared.settings import ServiceSettings

ENGINES: Final = ("postgres", "postgres-replica", "kafka", "elasticsearch")


WATCHERS: Final = ("prometheus", "alertmanager", "grafana", "collector")


def networks_of(container: str) -> set[str]:
    return set(CONTAINERS[container]["networks"])


def test_the_file_has_the_engines_and_every_process_of_the_suite() -> None:
    assert set(CONTAINERS) == {*ENGINES, *DEBEZIUM, *EDGE, *WATCHERS, *ROLES}


def test_no_password_stands_in_it_or_has_a_default() -> None:
    assert not re.search(r"(?i)password[^\n]*:-", TEXT)
    assert "postgresql://" not in TEXT
    for name, secret in COMPOSE["secrets"].items():
        assert re.fullmatch(rf"\$\{{CRM_SECRETS:\?[^}}]+\}}/{name}", secret["file"])


@pytest.mark.parametrize("container", [name for name, (_, role) in ROLES.items() if role == "api"])
def test_a_process_finds_every_service_that_its_settings_name(container: str) -> None:
    urls = {f"{name}_url" for name in SERVICES} & set(ServiceSettings.model_fields)
    given = CONTAINERS[container]["environment"]
    assert {url: given.get(f"CRM_{url.upper()}") for url in urls} == {
        url: f"http://{url.removesuffix('_url')}-api:8000" for url in urls
    }


def test_nobodys_tokens_are_taken_unless_somebody_says_whose() -> None:
    for variable in ("CRM_AUTH_ISSUER", "CRM_AUTH_JWKS_URL"):
        assert set(re.findall(rf"\$\{{{variable}(:.)", TEXT)) == {":?"}


@pytest.mark.parametrize("container", ROLES)
def test_a_process_is_told_of_the_databases_it_uses_and_no_other(container: str) -> None:
    service, role = ROLES[container]
    entry_points = ("provision", "migrate") if role == "migrate" else (role,)
    wanted = {dsn for entry_point in entry_points for dsn in list_dsns(service, entry_point)}
    environment = CONTAINERS[container]["environment"]
    given = {name: value for name, value in environment.items() if "DSN" in name}
    secrets = {"admin_dsn" if dsn == "admin_dsn" else f"{service}_{dsn}" for dsn in wanted}
    if container == "reporting-api":
        # A file that is mounted always, and named where there is a replica.
        assert given.pop("CRM_REPORTING_READ_DSN_FILE") == "${CRM_REPORTING_READ_DSN_FILE:-}"
        secrets_mounted = secrets | {"reporting_read_dsn"}
    else:
        secrets_mounted = secrets
    assert set(given) == {f"{dsn_variable(service, dsn)}_FILE" for dsn in wanted}
    assert set(given.values()) == {f"/run/secrets/{secret}" for secret in secrets}
    assert set(CONTAINERS[container]["secrets"]) == secrets_mounted


@pytest.mark.parametrize("container", CONTAINERS)
def test_every_container_is_held_to_limits(container: str) -> None:
    settings = CONTAINERS[container]
    assert settings["cap_drop"] == ["ALL"]
    assert settings["security_opt"] == ["no-new-privileges:true"]
    assert settings["pids_limit"] > 0
    assert settings["mem_limit"]
    assert settings.get("cap_add", []) == [] or container.startswith("postgres")
    assert settings.get("read_only") is True or container in ENGINES
    assert not {"privileged", "network_mode", "pid", "ipc"} & settings.keys()


@pytest.mark.parametrize("container", CONTAINERS)
def test_what_is_published_is_published_on_this_machine_alone(container: str) -> None:
    ports = CONTAINERS[container].get("ports", [])
    looked_at = {*WATCHERS} - {"collector"}
    assert bool(ports) == (container.endswith("-api") or container in ("gateway", *looked_at))
    # By settings of their own: who lets the gateway be reached from elsewhere does not mean what is behind it.
    bound = {"gateway": "CRM_GATEWAY_BIND"} | dict.fromkeys(WATCHERS, "CRM_OBSERVABILITY_BIND")
    published = re.compile(
        rf"\$\{{{bound.get(container, 'CRM_BIND')}:-127\.0\.0\.1\}}:\$\{{CRM_[A-Z]+_PORT:-\d+\}}:\d+"
    )
    assert all(published.fullmatch(port) for port in ports)
    if container.endswith("-api"):
        assert [port.rpartition(":")[2] for port in ports] == ["8000"]  # not the operators'


def test_engines_are_reached_by_those_who_use_them() -> None:
    users = {engine: {name for name in ROLES if networks_of(name) & networks_of(engine)} for engine in ENGINES}
    assert users["postgres"] == users["postgres-replica"] == set(ROLES)
    assert users["kafka"] == {name for name, (_, role) in ROLES.items() if role != "api"} | {"reporting-api"}
    assert users["elasticsearch"] == {"search-migrate", "search-api", "search-worker"}
    for engine in ENGINES:
        assert all(COMPOSE["networks"][network]["internal"] for network in networks_of(engine))


def test_what_talks_to_the_world_is_the_apis_and_the_one_that_delivers_webhooks() -> None:
    closed = {name for name, network in COMPOSE["networks"].items() if network and network.get("internal")}
    outside = {name for name in CONTAINERS if networks_of(name) - closed}
    apis = {f"{service}-api" for service in SERVICES}
    assert outside == {*apis, "deals-worker", *EDGE, *WATCHERS}
    assert {name for name in CONTAINERS if "watchers" in networks_of(name)} == set(WATCHERS)
    assert {name for name in CONTAINERS if "edge" in networks_of(name)} == {*apis, *EDGE}


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_is_asked_for_its_health_by_what_starts_at_once(engine: str) -> None:
    """Kafka's own scripts each start a JVM: on a busy machine no such check ends in time, and nothing would start."""
    check = CONTAINERS[engine]["healthcheck"]
    assert check["test"][0] == "CMD"
    assert ".sh" not in " ".join(check["test"])
    assert int(check["start_period"].rstrip("s")) >= 300


@pytest.mark.parametrize(
    "container", [name for name in CONTAINERS if "test" in CONTAINERS[name].get("healthcheck", {})]
)
def test_health_is_asked_often_only_while_something_starts(container: str) -> None:
    """Each check costs a process: with a dozen containers that ask every few seconds, an idle suite is not idle."""
    check = CONTAINERS[container]["healthcheck"]
    assert int(check["start_interval"].rstrip("s")) <= 5
    assert int(check["interval"].rstrip("s")) >= 30
