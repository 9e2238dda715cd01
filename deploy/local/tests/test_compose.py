"""What docker-compose.yml promises: no password of its own, least rights, closed networks, hardened containers."""

import os
import re
import stat
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml  # type: ignore[import-untyped]  # PyYAML has no types
from cryptography import x509

from crm_shared.database_access import dsn_variable, list_dsns
from crm_shared.service_registry import PUBLISHERS, SERVICES
from crm_shared.settings import ServiceSettings

ROOT: Final = Path(__file__).parents[3]
TEXT: Final = (ROOT / "docker-compose.yml").read_text("utf-8")
COMPOSE: Final[dict[str, Any]] = yaml.safe_load(TEXT)
CONTAINERS: Final[dict[str, dict[str, Any]]] = COMPOSE["services"]
ENGINES: Final = ("postgres", "postgres-replica", "kafka", "elasticsearch")
DEBEZIUM: Final = ("connect-grants", "connect")
EDGE: Final = ("gateway", "issuer", "canary")
WATCHERS: Final = ("prometheus", "alertmanager", "grafana", "collector")
ROLES: Final = {
    f"{service}-{role}": (service, role)
    for service in SERVICES
    for role in ("migrate", "api", "worker", "relay")
    if role != "relay" or service in PUBLISHERS
}


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


def prepare(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the script as it would lie in a checkout at `folder`."""
    script = folder / "deploy" / "compose" / "prepare"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text((ROOT / "deploy/compose/prepare").read_text("utf-8"))
    (folder / "docker-compose.yml").write_text(TEXT)
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
    assert set(made) == set(COMPOSE["secrets"]) - {"tls_certificate", "tls_key"}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    passwords = {re.search(r":([0-9a-f]{48})@", dsn)[1] for name, dsn in made.items() if name.endswith("dsn")}  # type: ignore[index]  # each has one
    # Five are passwords themselves, as Debezium's three are, and a replica has its primary's roles.
    assert len(passwords) == len(made) - 6 - len(PUBLISHERS)
    assert all(re.fullmatch("[0-9a-f]{48}", made[f"{service}_cdc_password"]) for service in PUBLISHERS)
    assert made["reporting_read_dsn"] == made["reporting_dsn"].replace("@postgres:", "@postgres-replica:")
    assert made["admin_dsn"] == f"postgresql://postgres:{made['postgres_password']}@postgres:5432/postgres"
    assert made["deals_worker_dsn"].startswith("postgresql://deals_worker:")
    assert (tmp_path / ".env").read_text().splitlines() == [
        "CRM_SECRETS=./.secrets",
        "CRM_AUTH_ISSUER=https://login.example/",
        "CRM_AUTH_JWKS_URL=https://login.example/jwks.json",
    ]
    assert prepare(tmp_path, *ISSUER).returncode == 0
    assert {file.name: file.read_text() for file in folder.iterdir()} == made


def test_a_replica_runs_where_it_is_asked_for_and_reports_are_told_of_it(tmp_path: Path) -> None:
    assert CONTAINERS["postgres-replica"]["profiles"] == ["replica"]
    assert not any("postgres-replica" in settings.get("depends_on", {}) for settings in CONTAINERS.values())
    wanted = ["COMPOSE_PROFILES=replica", "CRM_REPORTING_READ_DSN_FILE=/run/secrets/reporting_read_dsn"]
    assert prepare(tmp_path, *ISSUER).returncode == 0
    assert not any(line in (tmp_path / ".env").read_text() for line in wanted)
    given = prepare(tmp_path, *ISSUER, "--replica").stdout.splitlines()
    assert given[1:-1] == ["What was asked for now would be:", *wanted]
    (tmp_path / ".env").unlink()
    assert prepare(tmp_path, *ISSUER, "--replica").returncode == 0
    assert (tmp_path / ".env").read_text().splitlines()[-2:] == wanted


def test_debezium_runs_where_it_is_asked_for_and_services_are_told_of_it(tmp_path: Path) -> None:
    for container in DEBEZIUM:
        assert CONTAINERS[container]["profiles"] == ["debezium"]
        assert {f"{service}_cdc_password" for service in PUBLISHERS} <= set(CONTAINERS[container]["secrets"])
        assert not CONTAINERS[container].keys() & {"ports", "env_file"}
    assert not any("connect" in settings.get("depends_on", {}) for settings in CONTAINERS.values())
    for container in ROLES:
        assert CONTAINERS[container]["environment"]["CRM_OUTBOX_RELAY"] == "${CRM_OUTBOX_RELAY:-built-in}"
    assert prepare(tmp_path, *ISSUER, "--debezium").returncode == 0
    wanted = ["COMPOSE_PROFILES=debezium", "CRM_OUTBOX_RELAY=debezium"]
    assert (tmp_path / ".env").read_text().splitlines()[-2:] == wanted
    lacking = prepare(tmp_path, *ISSUER, "--replica", "--debezium").stdout.splitlines()[2:-1]
    assert lacking == [
        "COMPOSE_PROFILES=replica,debezium",
        "CRM_REPORTING_READ_DSN_FILE=/run/secrets/reporting_read_dsn",
    ]


@pytest.mark.parametrize("script", ["connect", "grants"])
def test_debeziums_scripts_are_ones_that_bash_reads_and_leave_no_variable_unfilled(script: str) -> None:
    path = ROOT / "deploy" / "compose" / script
    subprocess.run(["/bin/bash", "-n", str(path)], check=True)  # noqa: S603 - this checkout's own script
    container = "connect" if script == "connect" else "connect-grants"
    assert f"./deploy/compose/{script}:{CONTAINERS[container]['entrypoint'][1]}:ro" in CONTAINERS[container]["volumes"]
    deployed = "outbox-connector.json" if script == "connect" else "grant.sql"
    assert f"./deploy/debezium/{deployed}:/etc/crm/{deployed}:ro" in CONTAINERS[container]["volumes"]
    variables = set(re.findall(r"\$\{(CRM_\w+)\}", (ROOT / "deploy" / "debezium" / deployed).read_text("utf-8")))
    filled = set(re.findall(r"\$\{(CRM_\w+)\}", path.read_text("utf-8")))
    assert filled == variables


def test_the_replicas_script_is_one_that_bash_reads() -> None:
    script = ROOT / "deploy/compose/standby"
    subprocess.run(["/bin/bash", "-n", str(script)], check=True)  # noqa: S603 - this checkout's own script
    assert (
        f"./deploy/compose/standby:{CONTAINERS['postgres-replica']['entrypoint'][1]}:ro"
        in (CONTAINERS["postgres-replica"]["volumes"])
    )
    hba = (ROOT / "deploy/compose/pg_hba.conf").read_text().splitlines()
    rules = [line.split() for line in hba if not line.startswith("#")]
    # From elsewhere nobody gets in without a password, and nobody streams but the replica.
    assert all(rule[-1] == "scram-sha-256" for rule in rules if rule[0] == "host")
    assert [rule[2] for rule in rules if rule[1] == "replication"] == ["crm_replication"]


@pytest.mark.parametrize(
    "arguments", [(), ("--issuer", "x"), ("--issuer",), (*ISSUER[:3],), ("--local-issuer",), ("--nonsense",)]
)
def test_the_script_wants_to_be_told_whose_tokens_are_taken(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    given = prepare(tmp_path, *arguments)
    assert given.returncode == 2
    assert re.fullmatch(r"\S+prepare: .*(issuer|jwks).*\n", given.stderr, re.DOTALL)
    assert "not set" not in given.stderr
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
    given = prepare(tmp_path, *arguments)
    assert given.returncode == 0
    assert all(word in given.stdout for word in ("--local-issuer", "--issuer", "--jwks-url", "CRM_SECRETS", "CRM_HOME"))
    assert not (tmp_path / ".secrets").exists()


def test_a_trial_has_an_issuer_behind_a_gateway(tmp_path: Path) -> None:
    assert [CONTAINERS[name]["profiles"] for name in EDGE] == [["gateway"], ["issuer"], ["canary"]]
    assert prepare(tmp_path, "--trial-issuer", "--replica", CRM_GATEWAY_PORT="9443").returncode == 0
    given = dict(line.split("=", 1) for line in (tmp_path / ".env").read_text().splitlines())
    assert given["COMPOSE_PROFILES"] == "gateway,replica,issuer"
    assert given["CRM_AUTH_ISSUER"] == "https://localhost:9443/issuer"
    # The gateway is believed whom it speaks for, and nobody else.
    [address] = CONTAINERS["gateway"]["networks"].values()
    assert address["ipv4_address"] == f"${{CRM_GATEWAY_ADDRESS:-{given['CRM_HTTP_TRUSTED_PROXIES']}}}"
    folder = given["CRM_AUTH_JWKS_URL"].removeprefix("file://").removesuffix("/jwks.json")
    assert f"issuer-public:{folder}:ro" in CONTAINERS["deals-api"]["volumes"]
    assert f"issuer-public:{folder}" in CONTAINERS["issuer"]["volumes"]
    assert not any("issuer-private" in volume for name in ROLES for volume in CONTAINERS[name].get("volumes", []))
    certificate = (tmp_path / ".secrets" / "tls_certificate").read_bytes()
    names = x509.load_pem_x509_certificate(certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.value.get_values_for_type(x509.DNSName) == ["localhost"]
    assert prepare(tmp_path, "--trial-issuer", "--replica", CRM_GATEWAY_PORT="9443").stdout.count("\n") == 2
    assert (tmp_path / ".secrets" / "tls_certificate").read_bytes() == certificate


def test_a_certificate_that_is_there_is_the_gateways(tmp_path: Path) -> None:
    folder = tmp_path / ".secrets"
    folder.mkdir(mode=0o755)
    for name in ("tls_certificate", "tls_key"):
        (folder / name).write_text("ours")
        (folder / name).chmod(0o600)
    assert prepare(tmp_path, *ISSUER, "--gateway").returncode == 0
    for name in ("tls_certificate", "tls_key"):
        assert (folder / name).read_text() == "ours"
        # nginx's account is another, and a new one is written over it: what is mounted is this file, whatever its name.
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o644
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["tls_certificate", "tls_key"])
def test_a_certificate_without_its_key_is_no_certificate(tmp_path: Path, name: str) -> None:
    (tmp_path / ".secrets").mkdir()
    (tmp_path / ".secrets" / name).write_text("ours")
    given = prepare(tmp_path, *ISSUER, "--gateway")
    assert (given.returncode, "both, tls_certificate and tls_key" in given.stderr) == (2, True)
    assert (tmp_path / ".secrets" / name).read_text() == "ours"


def test_where_the_gateway_is_reached_is_written_down(tmp_path: Path) -> None:
    settings = {
        "CRM_GATEWAY_PORT": "443",
        "CRM_GATEWAY_BIND": "0.0.0.0",  # noqa: S104 - what is to be written down
        "CRM_GATEWAY_ADDRESS": "10.9.0.5",
        "CRM_EDGE_SUBNET": "10.9.0.0/24",
    }
    assert prepare(tmp_path, *ISSUER, "--gateway", CRM_GATEWAY_URL="https://crm.example/", **settings).returncode == 0
    given = dict(line.split("=", 1) for line in (tmp_path / ".env").read_text().splitlines())
    assert settings.items() <= given.items()
    assert given["CRM_HTTP_TRUSTED_PROXIES"] == "10.9.0.5"
    assert given["CRM_PUBLIC_URL"] == "https://crm.example/activities"
    for name in settings:
        assert f"${{{name}:-" in TEXT


@pytest.mark.parametrize("container", [name for name, (_, role) in ROLES.items() if role == "api"])
def test_an_api_behind_the_gateway_counts_no_connections_by_address(tmp_path: Path, container: str) -> None:
    """All its clients have one address: 250 of them, or one who opens as many, would shut out the others."""
    assert prepare(tmp_path, *ISSUER, "--gateway").returncode == 0
    variable = "CRM_HTTP_MAX_CONNECTIONS_PER_ADDRESS"
    assert f"{variable}=0" in (tmp_path / ".env").read_text().splitlines()
    assert CONTAINERS[container]["environment"][variable] is None  # as .env has it, if it does
