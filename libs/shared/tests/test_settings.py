"""What a process is told: databases by entry point, Kafka's security, secrets by file. Wrong ones are named."""

import ssl
from pathlib import Path

import pytest
import typer
from pydantic import AliasChoices, Field, SecretStr

from crm_shared.bus.clients import make_admin, make_consumer, make_producer
from crm_shared.database_access import DSNS, dsn_variable, list_dsns
from crm_shared.entry_points.loading import load_settings
from crm_shared.kafka_access import KafkaAccess, WrongKafkaAccess
from crm_shared.settings import NOT_GIVEN, ServiceSettings
from crm_shared.tls import TlsFiles, WrongTls
from crm_testing.certificates import ThrowAwayAuthority


class Settings(ServiceSettings):
    service: str = "deals"
    dsn: SecretStr = Field(NOT_GIVEN, validation_alias=AliasChoices("CRM_DEALS_DSN", "dsn"))
    worker_dsn: SecretStr = Field(NOT_GIVEN, validation_alias=AliasChoices("CRM_DEALS_WORKER_DSN", "worker_dsn"))
    owner_dsn: SecretStr = Field(NOT_GIVEN, validation_alias=AliasChoices("CRM_DEALS_OWNER_DSN", "owner_dsn"))


def load(entry_point: str) -> Settings:
    return load_settings("deals", entry_point, Settings)


LOGIN = {"CRM_KAFKA_USER": "crm-deals", "CRM_KAFKA_PASSWORD": "secret"}


@pytest.mark.parametrize("entry_point", DSNS)
def test_an_entry_point_asks_for_the_databases_it_uses_and_no_other(
    entry_point: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    variables = [dsn_variable("deals", dsn) for dsn in list_dsns("deals", entry_point)]
    for variable in variables:
        monkeypatch.setenv(variable, "postgresql://somewhere")
    assert all(_value_of(load(entry_point), dsn) for dsn in list_dsns("deals", entry_point))
    for variable in variables:
        monkeypatch.delenv(variable)
        with pytest.raises(typer.Exit) as ended:
            load(entry_point)
        assert ended.value.exit_code == 2
        assert f"crm-deals {entry_point} needs {variable} (PostgreSQL as " in capsys.readouterr().err
        monkeypatch.setenv(variable, "postgresql://somewhere")


def test_no_api_is_told_of_more_than_one_tenants_rows() -> None:
    assert {service: list(list_dsns(service, "api")) for service in ("contacts", "search")} == {
        "contacts": ["dsn"], "search": ["dsn"],
    }  # fmt: skip
    assert "owner_dsn" in list_dsns("deals", "worker")
    assert "owner_dsn" not in list_dsns("activities", "worker")


def _value_of(settings: Settings, name: str) -> str:
    value: str = getattr(settings, name).get_secret_value()
    return value


def test_a_secret_may_stand_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "dsn"
    file.write_text("postgresql://deals_worker:p%0A@host/crm_deals\n")
    monkeypatch.setenv("CRM_DEALS_WORKER_DSN_FILE", str(file))
    assert _value_of(load("republish"), "worker_dsn") == "postgresql://deals_worker:p%0A@host/crm_deals"


def test_a_variable_goes_before_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dsn").write_text("postgresql://from.the.file")
    monkeypatch.setenv("CRM_DEALS_WORKER_DSN_FILE", str(tmp_path / "dsn"))
    monkeypatch.setenv("CRM_DEALS_WORKER_DSN", "postgresql://from.the.variable")
    assert _value_of(load("republish"), "worker_dsn") == "postgresql://from.the.variable"


@pytest.mark.parametrize(
    ("dsn", "message"),
    [
        ("hush", "begins neither with postgresql:// nor"),
        ("mysql://deals:hush@host/crm_deals", "begins neither with postgresql:// nor"),
        ("postgresql://deals:hush@host:port/crm_deals", "a port is no number"),
        ("postgresql://deals:hush@host:65536/crm_deals", "a port is no number"),
        ("postgresql://deals:hush@one:5432,two:/crm_deals", "a port is no number"),
        ("postgresql://deals:hu[sh@host/crm_deals", "it is no URL"),
        ("postgresql://deals:hu\u2100sh@host/crm_deals", "it is no URL"),
        ("postgresql://deals:hu/sh@host:5432/crm_deals", "/ ? # [ ] are written as %2F"),
    ],
)
def test_a_dsn_that_leads_nowhere_is_named_and_not_shown(
    dsn: str, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else an API would run, wait for its database and never be ready."""
    monkeypatch.setenv("CRM_DEALS_DSN", dsn)
    with pytest.raises(typer.Exit) as ended:
        load("api")
    assert ended.value.exit_code == 2
    printed = capsys.readouterr().err
    assert "CRM_DEALS_DSN: " in printed
    assert message in printed
    assert "hu" not in printed


@pytest.mark.parametrize(
    "dsn",
    [
        "postgres://host",
        "postgresql://deals:h%2Fu@host:5432/crm_deals?sslmode=verify-full",
        "postgresql://deals@[::1]:5432/crm_deals",
        "postgresql://deals@one:5432,two:5433/crm_deals?target_session_attrs=read-write",
        "postgresql://deals@/crm_deals?host=/var/run/postgresql",
    ],
)
def test_every_way_to_write_a_database_is_taken(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_DEALS_DSN", dsn)
    assert _value_of(load("api"), "dsn") == dsn


def test_a_secret_that_can_not_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CRM_DEALS_WORKER_DSN_FILE", str(tmp_path / "nowhere"))
    with pytest.raises(typer.Exit):
        load("republish")
    assert f"CRM_DEALS_WORKER_DSN_FILE: {tmp_path / 'nowhere'} can't be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"CRM_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT"}, "needs CRM_KAFKA_USER and CRM_KAFKA_PASSWORD"),
        ({"CRM_KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "CRM_KAFKA_USER": "x"}, "needs CRM_KAFKA_USER and"),
        (LOGIN, "not used with CRM_KAFKA_SECURITY_PROTOCOL=PLAINTEXT"),
        ({"CRM_KAFKA_CA_FILE": "/etc/ca.pem"}, "choose SSL"),
        ({"CRM_KAFKA_SECURITY_PROTOCOL": "SSL", "CRM_KAFKA_CA_FILE": "/nowhere/ca.pem"}, "CRM_KAFKA_CA_FILE: /nowhere"),
        ({"CRM_KAFKA_SECURITY_PROTOCOL": "SSL", "CRM_KAFKA_KEY_FILE": "/nowhere/key"}, "go together: one is missing"),
        ({"CRM_KAFKA_SECURITY_PROTOCOL": "sasl"}, "kafka_security_protocol: Input should be 'PLAINTEXT'"),
        ({"CRM_KAFKA_SASL_MECHANISM": "PLAIN"}, "kafka_sasl_mechanism: Input should be"),
    ],
)
def test_what_does_not_go_together_is_said_at_the_start(
    variables: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(typer.Exit):
        load("redrive")
    printed = capsys.readouterr().err
    assert message in printed
    assert "secret" not in printed


def test_a_file_that_is_no_certificate_is_named(tmp_path: Path) -> None:
    authority = ThrowAwayAuthority(tmp_path)
    pair, other = authority.issue("one"), authority.issue("other")
    (tmp_path / "empty.pem").write_text("")
    with pytest.raises(WrongTls, match=r"CRM_X_CA_FILE: .*empty\.pem holds no certificates"):
        TlsFiles("CRM_X", ca_file=tmp_path / "empty.pem").make_context()
    with pytest.raises(WrongTls, match="are no certificate with its key"):
        TlsFiles("CRM_X", certificate_file=pair.certificate, key_file=other.key).make_context()


def test_servers_are_verified_whatever_is_said_of_host_names(tmp_path: Path) -> None:
    authority = ThrowAwayAuthority(tmp_path)
    pair = authority.issue("client")
    files = TlsFiles("CRM_X", authority.ca_file, pair.certificate, pair.key, check_hostname=False)
    assert files.make_context().verify_mode is ssl.CERT_REQUIRED
    assert not files.make_context().check_hostname
    assert TlsFiles("CRM_X").make_context().check_hostname


async def test_every_kind_of_client_is_given_the_security(tmp_path: Path) -> None:
    tls = TlsFiles("CRM_KAFKA", ca_file=ThrowAwayAuthority(tmp_path).ca_file)
    access = KafkaAccess("127.0.0.1:1", "SASL_SSL", "SCRAM-SHA-256", "crm-deals", "secret", tls)
    producer, consumer, admin = make_producer(access), make_consumer(access), make_admin(access)
    for client in (producer.client, consumer._client, admin._client):  # noqa: SLF001 - shown nowhere else
        assert client._security_protocol == "SASL_SSL"  # noqa: SLF001
        assert (client._sasl_mechanism, client._sasl_plain_username) == ("SCRAM-SHA-256", "crm-deals")  # noqa: SLF001
        assert client._ssl_context.verify_mode is ssl.CERT_REQUIRED  # noqa: SLF001
    await producer.stop()
    await consumer.stop()


def test_a_password_is_not_printed() -> None:
    assert "secret" not in repr(KafkaAccess("127.0.0.1:1", "SASL_PLAINTEXT", user="x", password="secret"))


def test_half_a_login_is_refused() -> None:
    with pytest.raises(WrongKafkaAccess):
        KafkaAccess("127.0.0.1:1", "SASL_PLAINTEXT", user="x")
