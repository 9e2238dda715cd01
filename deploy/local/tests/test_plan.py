"""Ports, names and variables of the suite's processes are those that api.md and the services rely on."""

import json
import socket
from pathlib import Path

import pytest

from crm_local.connectors import make_connector
from crm_local.home import Home
from crm_local.plan import Plan
from crm_local.suite import SuiteFailed, busy_ports, follow
from crm_shared.database_access import dsn_variable, list_dsns
from crm_shared.service_registry import SERVICES


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    for variable in ("CRM_AUTH_JWKS_URL", "CRM_CONTACTS_URL"):
        monkeypatch.delenv(variable, raising=False)
    home = Home(tmp_path / "crm")
    home.secrets.mkdir(parents=True)
    return Plan(home, 20000)


def test_every_process_has_its_own_port_at_its_offset(plan: Plan) -> None:
    named = {name: port - 20000 for port, name in plan.ports().items() if port - 20000 != 93}
    # The first five's are in documents; those of services that come are held by the ports being each one's own.
    assert len(plan.ports()) == len({program.name for program in plan.programs()}) + 4
    assert named.items() >= {
        "contacts-api": 1, "deals-api": 2, "activities-api": 3, "search-api": 4, "reporting-api": 5,
        "contacts-worker": 11, "deals-worker": 12, "activities-worker": 13, "search-worker": 14, "reporting-worker": 15,
        "contacts-relay": 21, "deals-relay": 22, "activities-relay": 23,
        "postgres": 54, "kafka": 92, "elasticsearch": 96,
    }.items()  # fmt: skip


def test_a_process_is_told_where_the_others_are_and_who_it_is(plan: Plan) -> None:
    worker = next(program for program in plan.programs() if program.name == "deals-worker")
    assert worker.environment["CRM_HTTP_PORT"] == "20012"
    assert worker.environment["CRM_CONTACTS_URL"] == "http://127.0.0.1:20001"
    assert worker.environment["CRM_KAFKA_BOOTSTRAP"] == "127.0.0.1:20092"
    assert worker.environment["CRM_AUTH_JWKS_URL"].startswith("file:///")
    password = plan.home.password_of("deals_worker")
    assert worker.environment["CRM_DEALS_WORKER_DSN"] == (
        f"postgresql://deals_worker:{password}@127.0.0.1:20054/crm_deals"
    )


def test_a_replica_is_an_engine_that_reporting_alone_is_told_of(plan: Plan) -> None:
    assert "CRM_REPORTING_READ_DSN" not in plan.service_environment("reporting", "api")
    plan.home.remember("replica", wanted=True)
    replicated = Plan(plan.home, plan.port_base)
    assert replicated.ports()[20055] == "postgres-replica"
    assert [engine.name for engine in replicated.engines][-1] == "postgres-replica"
    password = plan.home.password_of("reporting_app")
    assert replicated.service_environment("reporting", "api")["CRM_REPORTING_READ_DSN"] == (
        f"postgresql://reporting_app:{password}@127.0.0.1:20055/crm_reporting"
    )
    plan.postgres.home.mkdir(parents=True, exist_ok=True)
    (plan.postgres.home / "password").write_text("secret")
    for service in SERVICES:
        for entry_point in ("api", "worker", "migrate", *(("bi",) if service == "reporting" else ())):
            given = "CRM_REPORTING_READ_DSN" in replicated.service_environment(service, entry_point)
            assert given == (service == "reporting" and entry_point in ("api", "bi"))
    plan.home.remember("replica", wanted=False)
    assert Plan(plan.home, plan.port_base).ports() == plan.ports()


def test_debezium_is_an_engine_beside_which_relays_clean_and_no_secret_stands_in_its_settings(plan: Plan) -> None:
    assert plan.service_environment("deals", "relay")["CRM_OUTBOX_RELAY"] == "built-in"
    plan.home.remember("debezium", wanted=True)
    streaming = Plan(plan.home, plan.port_base)
    assert streaming.ports()[20083] == "connect"
    assert [program.name for program in streaming.programs()] == [program.name for program in plan.programs()]
    for service in SERVICES:
        for entry_point in ("api", "worker", "relay"):
            assert streaming.service_environment(service, entry_point)["CRM_OUTBOX_RELAY"] == "debezium"
    password = plan.home.password_of("deals_cdc")
    connector = make_connector("deals", host="db", port=1, database="crm_deals", secrets=Path("/run/secrets"))
    assert password not in str(connector)
    assert connector["database.password"] == "${secrets:/run/secrets:deals_cdc_password}"
    plan.home.remember("debezium", wanted=False)
    assert Plan(plan.home, plan.port_base).ports() == plan.ports()


@pytest.mark.parametrize("entry_point", ["api", "worker", "relay", "migrate", "create-tenant"])
def test_a_process_is_told_of_the_databases_it_uses_and_no_other(
    entry_point: str, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_DEALS_OWNER_DSN", "postgresql://whoever/called/crm-env")
    monkeypatch.setenv("CRM_ADMIN_DSN", "postgresql://an/administrator")
    for service in SERVICES:
        given = {name for name in plan.service_environment(service, entry_point) if name.endswith("_DSN")}
        assert given == {dsn_variable(service, dsn) for dsn in list_dsns(service, entry_point)}


def test_whoever_makes_logins_for_bi_tools_is_told_of_the_administrator(plan: Plan) -> None:
    plan.postgres.home.mkdir(parents=True)
    (plan.postgres.home / "password").write_text("secret")
    given = plan.service_environment("reporting", "bi")
    assert given["CRM_ADMIN_DSN"] == "postgresql://postgres:secret@127.0.0.1:20054/postgres"
    assert given["CRM_REPORTING_DSN"] == plan.dsn("reporting", "app")


def test_every_program_has_the_environment_of_its_role(plan: Plan) -> None:
    for program in plan.programs():
        of_role = plan.service_environment(program.service, program.role)
        assert program.environment == of_role | {"CRM_HTTP_PORT": str(program.port)}


def test_an_external_issuer_goes_through_to_the_services(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_AUTH_JWKS_URL", "https://login.example/jwks.json")
    assert plan.service_environment("deals", "api")["CRM_AUTH_JWKS_URL"] == "https://login.example/jwks.json"


def test_another_suites_addresses_in_the_shell_do_not(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_CONTACTS_URL", "http://127.0.0.1:8001")
    assert plan.service_environment("deals", "api")["CRM_CONTACTS_URL"] == "http://127.0.0.1:20001"


def test_a_busy_port_is_named_with_who_wants_it_and_who_has_it(plan: Plan) -> None:
    with socket.create_server(("127.0.0.1", 20002)):
        (busy,) = busy_ports(plan)
    assert str(busy).startswith("port 20002 (for deals-api) is taken by ")
    assert "pid" in str(busy)


def test_who_took_the_port_of_what_keeps_dying_is_named(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found free when the suite was started, and taken by another that was started at the same time."""
    monkeypatch.setenv("CRM_PORT_BASE", str(plan.port_base))
    plan.home.make()
    dying = {"name": "deals-api", "state": "backoff", "ready_after_s": None, "restarts": 9, "last_end": "status 1"}
    plan.home.state_file.write_text(json.dumps({"phase": "starting", "processes": [dying]}))
    with socket.create_server(("127.0.0.1", 20002)), pytest.raises(SuiteFailed) as failed:
        follow(plan.home, lambda _name, _after_s: None, timeout_s=60)
    assert "deals-api keeps dying (status 1): port 20002 (for deals-api) is taken by " in str(failed.value)


@pytest.mark.parametrize("base", ["80", "65100"])
def test_a_port_base_that_can_not_be(base: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CRM_PORT_BASE", base)
    with pytest.raises(ValueError, match="1024 to 65000"):
        Home(tmp_path).port_base()
