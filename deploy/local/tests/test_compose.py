"""What docker-compose.yml promises: no password of its own, least rights, closed networks, hardened containers."""

import os
import re
import stat
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml  # type: ignore[import-untyped]  # PyYAML has no types

from crm_local.plan import PUBLISHERS, SERVICES
from crm_shared.database_access import dsn_variable, list_dsns
from crm_shared.settings import ServiceSettings

ROOT: Final = Path(__file__).parents[3]
TEXT: Final = (ROOT / "docker-compose.yml").read_text("utf-8")
COMPOSE: Final[dict[str, Any]] = yaml.safe_load(TEXT)
CONTAINERS: Final[dict[str, dict[str, Any]]] = COMPOSE["services"]
ENGINES: Final = ("postgres", "kafka", "elasticsearch")
ROLES: Final = {
    f"{service}-{role}": (service, role)
    for service in SERVICES
    for role in ("migrate", "api", "worker", "relay")
    if role != "relay" or service in PUBLISHERS
}


def networks_of(container: str) -> set[str]:
    return set(CONTAINERS[container]["networks"])


def test_the_file_has_the_engines_and_every_process_of_the_suite() -> None:
    assert set(CONTAINERS) == {*ENGINES, *ROLES}


def test_no_password_stands_in_it_or_has_a_default() -> None:
    assert not re.search(r"(?i)password[^\n]*:-", TEXT)
    assert "postgresql://" not in TEXT
    for name, secret in COMPOSE["secrets"].items():
        assert re.fullmatch(rf"\$\{{CRM_SECRETS:\?[^}}]+\}}/{name}", secret["file"])


@pytest.mark.parametrize("container", [name for name, (_, role) in ROLES.items() if role == "api"])
def test_a_process_finds_every_service_that_its_settings_name(container: str) -> None:
    urls = {f"{name}_url" for name in SERVICES} & set(ServiceSettings.model_fields)
    told = CONTAINERS[container]["environment"]
    assert {url: told.get(f"CRM_{url.upper()}") for url in urls} == {
        url: f"http://{url.removesuffix('_url')}-api:8000" for url in urls
    }


def test_nobodys_tokens_are_taken_unless_somebody_says_whose() -> None:
    for variable in ("CRM_AUTH_ISSUER", "CRM_AUTH_JWKS_URL"):
        assert re.findall(rf"\$\{{{variable}(:.)", TEXT) == [":?"]


@pytest.mark.parametrize("container", ROLES)
def test_a_process_is_told_of_the_databases_it_uses_and_no_other(container: str) -> None:
    service, role = ROLES[container]
    entry_points = ("provision", "migrate") if role == "migrate" else (role,)
    wanted = {dsn for entry_point in entry_points for dsn in list_dsns(service, entry_point)}
    environment = CONTAINERS[container]["environment"]
    told = {name: value for name, value in environment.items() if "DSN" in name}
    secrets = {"admin_dsn" if dsn == "admin_dsn" else f"{service}_{dsn}" for dsn in wanted}
    assert set(told) == {f"{dsn_variable(service, dsn)}_FILE" for dsn in wanted}
    assert set(told.values()) == {f"/run/secrets/{secret}" for secret in secrets}
    assert set(CONTAINERS[container]["secrets"]) == secrets


@pytest.mark.parametrize("container", CONTAINERS)
def test_every_container_is_held_to_limits(container: str) -> None:
    settings = CONTAINERS[container]
    assert settings["cap_drop"] == ["ALL"]
    assert settings["security_opt"] == ["no-new-privileges:true"]
    assert settings["pids_limit"] > 0
    assert settings["mem_limit"]
    assert settings.get("cap_add", []) == [] or container == "postgres"
    assert settings.get("read_only") is True or container in ENGINES
    assert not {"privileged", "network_mode", "pid", "ipc"} & settings.keys()


@pytest.mark.parametrize("container", CONTAINERS)
def test_only_apis_are_published_and_only_on_this_machine(container: str) -> None:
    ports = CONTAINERS[container].get("ports", [])
    assert bool(ports) == container.endswith("-api")
    assert all(re.fullmatch(r"\$\{CRM_BIND:-127\.0\.0\.1\}:\$\{CRM_[A-Z]+_PORT:-\d+\}:8000", port) for port in ports)


def test_engines_are_reached_by_those_who_use_them() -> None:
    users = {engine: {name for name in ROLES if networks_of(name) & networks_of(engine)} for engine in ENGINES}
    assert users["postgres"] == set(ROLES)
    assert users["kafka"] == {name for name, (_, role) in ROLES.items() if role != "api"} | {"reporting-api"}
    assert users["elasticsearch"] == {"search-migrate", "search-api", "search-worker"}
    for engine in ENGINES:
        assert all(COMPOSE["networks"][network]["internal"] for network in networks_of(engine))


def test_what_talks_to_the_world_is_the_apis_and_the_one_that_delivers_webhooks() -> None:
    closed = {name for name, network in COMPOSE["networks"].items() if network and network.get("internal")}
    outside = {name for name in CONTAINERS if networks_of(name) - closed}
    assert outside == {f"{service}-api" for service in SERVICES} | {"deals-worker"}
    assert {name for name in CONTAINERS if "edge" in networks_of(name)} == {f"{service}-api" for service in SERVICES}


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_is_asked_for_its_health_by_what_starts_at_once(engine: str) -> None:
    """Kafka's own scripts each start a JVM: on a busy machine no such check ends in time, and nothing would start."""
    check = CONTAINERS[engine]["healthcheck"]
    assert check["test"][0] == "CMD"
    assert ".sh" not in " ".join(check["test"])
    assert int(check["interval"].rstrip("s")) * check["retries"] >= 120


def prepare(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the script as it would lie in a checkout at `folder`."""
    script = folder / "deploy" / "compose" / "prepare"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text((ROOT / "deploy/compose/prepare").read_text("utf-8"))
    return subprocess.run(  # noqa: S603 - this checkout's own script
        ["/bin/sh", str(script), *arguments],
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], **settings},
    )


ISSUER: Final = ("--issuer", "https://login.example/", "--jwks-url", "https://login.example/jwks.json")


def test_the_script_makes_every_secret_and_keeps_what_is_there(tmp_path: Path) -> None:
    assert prepare(tmp_path, *ISSUER).returncode == 0
    folder = tmp_path / ".secrets"
    made = {file.name: file.read_text() for file in folder.iterdir()}
    assert set(made) == set(COMPOSE["secrets"])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    passwords = {re.search(r":([0-9a-f]{48})@", dsn)[1] for name, dsn in made.items() if name.endswith("dsn")}  # type: ignore[index]  # each has one
    assert len(passwords) == len(made) - 1
    assert made["admin_dsn"] == f"postgresql://postgres:{made['postgres_password'].strip()}@postgres:5432/postgres\n"
    assert made["deals_worker_dsn"].startswith("postgresql://deals_worker:")
    assert (tmp_path / ".env").read_text().splitlines() == [
        "CRM_SECRETS=./.secrets",
        "CRM_AUTH_ISSUER=https://login.example/",
        "CRM_AUTH_JWKS_URL=https://login.example/jwks.json",
    ]
    assert prepare(tmp_path, *ISSUER).returncode == 0
    assert {file.name: file.read_text() for file in folder.iterdir()} == made


@pytest.mark.parametrize(
    "arguments", [(), ("--issuer", "x"), ("--issuer",), (*ISSUER[:3],), ("--local-issuer",), ("--nonsense",)]
)
def test_the_script_wants_to_be_told_whose_tokens_are_taken(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    told = prepare(tmp_path, *arguments)
    assert told.returncode == 2
    assert re.fullmatch(r"\S+prepare: .*(issuer|jwks).*\n", told.stderr, re.DOTALL)
    assert "not set" not in told.stderr
    assert not (tmp_path / ".env").exists()


def test_the_local_issuers_keys_are_mounted_where_the_settings_look(tmp_path: Path) -> None:
    (tmp_path / ".crm").mkdir()
    (tmp_path / ".crm" / "jwks.json").write_text("{}")
    assert prepare(tmp_path, "--local-issuer").returncode == 0
    environment = dict(line.split("=", 1) for line in (tmp_path / ".env").read_text().splitlines())
    mount = CONTAINERS["deals-api"]["volumes"][0]
    assert environment["CRM_AUTH_JWKS_URL"].removeprefix("file://") == mount.split(":")[-2]
    assert environment["CRM_JWKS_FILE"] == "./.crm/jwks.json"


def test_a_suites_home_elsewhere_is_where_the_local_issuers_keys_are_looked_for(tmp_path: Path) -> None:
    home = tmp_path / "elsewhere"
    home.mkdir()
    (home / "jwks.json").write_text("{}")
    assert prepare(tmp_path, "--local-issuer", CRM_HOME=str(home)).returncode == 0
    assert f"CRM_JWKS_FILE={home}/jwks.json" in (tmp_path / ".env").read_text().splitlines()


@pytest.mark.parametrize("arguments", [("--help",), ("--local-issuer", "-h")])
def test_the_script_tells_what_it_takes_and_makes_nothing(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    told = prepare(tmp_path, *arguments)
    assert told.returncode == 0
    assert all(word in told.stdout for word in ("--local-issuer", "--issuer", "--jwks-url", "CRM_SECRETS", "CRM_HOME"))
    assert not (tmp_path / ".secrets").exists()
