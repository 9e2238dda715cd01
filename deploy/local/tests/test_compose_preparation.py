"""What `deploy/compose/prepare` writes for a suite in containers: secrets, an issuer, a gateway, a replica."""

import os
import re
import stat
import subprocess
from pathlib import Path
from typing import Final

import pytest
from cryptography import x509
from deploy.local.tests.compose_file import COMPOSE, CONTAINERS, DEBEZIUM, EDGE, ROLES, ROOT, TEXT

from crm_shared.service_registry import PUBLISHERS


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
