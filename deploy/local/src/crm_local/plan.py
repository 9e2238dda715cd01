"""What runs in the suite: every process with its port, command and environment."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from crm_local.connectors import make_connector, password_file_of, role_of
from crm_local.engines import Elasticsearch, Engine, Kafka, KafkaConnect, Postgres, PostgresStandby
from crm_local.engines.connect import secrets_folder
from crm_local.engines.ports import LOOPBACK
from crm_local.home import Home
from crm_shared.database_access import dsn_variable, list_dsns
from crm_shared.service_registry import PUBLISHERS, SERVICES, find_service

Role = Literal["engine", "api", "worker", "relay", "canary"]

API_OFFSET, WORKER_OFFSET, RELAY_OFFSET = 1, 11, 21
POSTGRES_OFFSET, REPLICA_OFFSET, KAFKA_OFFSET, CONTROLLER_OFFSET, ELASTICSEARCH_OFFSET = 54, 55, 92, 93, 96
CONNECT_OFFSET = 83
CANARY, CANARY_OFFSET, CANARY_TOKEN = "canary", 31, "canary-token"
LOCAL_PARTITIONS = 3
DatabaseRole = Literal["app", "worker", "owner"]
ROLE_OF_DSN: Mapping[str, DatabaseRole] = {"dsn": "app", "worker_dsn": "worker", "owner_dsn": "owner"}
# What the local issuer's tokens say of themselves, and services ask for.
ISSUER, AUDIENCE = "crm-local", "crm"

# Every process of a suite carries this variable, by which `crm up` finds what a killed supervisor left behind.
HOME_MARK = "CRM_LOCAL_HOME"


@dataclass(frozen=True, slots=True)
class Program:
    """One process of a service. `needs` names the processes that must be ready before it is started."""

    name: str
    service: str
    role: Role
    port: int
    arguments: Sequence[str]
    environment: Mapping[str, str]
    needs: Sequence[str]


class Plan:
    """The suite in `home` at `port_base`."""

    def __init__(self, home: Home, port_base: int) -> None:
        self.home = home
        self.port_base = port_base
        self.log_archive = home.data / "postgres-archive"
        self.postgres = Postgres(home.data / "postgres", port_base + POSTGRES_OFFSET, archive=self.log_archive)
        self.kafka = Kafka(home.data / "kafka", port_base + KAFKA_OFFSET, port_base + CONTROLLER_OFFSET)
        self.elasticsearch = Elasticsearch(home.data / "elasticsearch", port_base + ELASTICSEARCH_OFFSET)
        self.replica = (
            PostgresStandby(home.data / "postgres-replica", port_base + REPLICA_OFFSET, self.postgres)
            if home.has_replica
            else None
        )
        self.connect = self._plan_connect() if home.has_debezium else None
        following: tuple[Engine | None, ...] = (self.replica, self.connect)
        wanted = tuple(engine for engine in following if engine is not None)
        self.engines: tuple[Engine, ...] = (self.postgres, self.kafka, self.elasticsearch, *wanted)
        for engine in self.engines:
            engine.marks[HOME_MARK] = str(home.path)

    def _plan_connect(self) -> KafkaConnect:
        home = self.home.data / KafkaConnect.name
        connectors = [
            make_connector(
                service,
                host=LOOPBACK,
                port=self.postgres.port,
                database=f"crm_{service}",
                secrets=secrets_folder(home),
            )
            for service in PUBLISHERS
        ]
        passwords = {password_file_of(service): self.home.password_of(role_of(service)) for service in PUBLISHERS}
        return KafkaConnect(home, self.port_base + CONNECT_OFFSET, self.kafka.bootstrap, connectors, secrets=passwords)

    def api_url(self, service: str) -> str:
        return f"http://{LOOPBACK}:{self.port_base + API_OFFSET + SERVICES.index(service)}"

    def dsn(self, service: str, kind: DatabaseRole, *, port: int | None = None, database: str | None = None) -> str:
        """Return a role's DSN, at the primary unless `port` is another server's, in the service's own database."""
        role = f"{service}_{kind}"
        port = port or self.port_base + POSTGRES_OFFSET
        database = database or f"crm_{service}"
        return f"postgresql://{role}:{self.home.password_of(role)}@{LOOPBACK}:{port}/{database}"

    def ports(self) -> dict[int, str]:
        """Map every port of the suite to the process that listens on it."""
        taken = {engine.port: engine.name for engine in self.engines}
        taken[self.port_base + CONTROLLER_OFFSET] = self.kafka.name
        return taken | {program.port: program.name for program in self.programs()}

    def programs(self) -> list[Program]:
        """List the processes: an API and a worker each, a relay of those that publish, the canary if wanted."""
        roles: list[tuple[Role, int, Sequence[str]]] = [
            ("api", API_OFFSET, SERVICES),
            ("worker", WORKER_OFFSET, SERVICES),
            ("relay", RELAY_OFFSET, PUBLISHERS),
        ]
        programs = [
            self._program(service, role, self.port_base + offset + SERVICES.index(service))
            for role, offset, services in roles
            for service in services
        ]
        return [*programs, self._plan_canary()] if self.home.has_canary else programs

    def log_file(self, name: str) -> Path:
        """Say where process `name` logs. Raises KeyError when there is no such process."""
        engines = {engine.name: engine.log_file for engine in self.engines}
        programs = {program.name: self.home.logs / f"{program.name}.log" for program in self.programs()}
        return (engines | programs)[name]

    def public_environment(self) -> dict[str, str]:
        """Return what `crm env` prints: where a client or a test finds the suite."""
        return self._addresses() | {dsn_variable(service, "dsn"): self.dsn(service, "app") for service in SERVICES}

    def _addresses(self) -> dict[str, str]:
        return {f"CRM_{service.upper()}_URL": self.api_url(service) for service in SERVICES} | {
            "CRM_KAFKA_BOOTSTRAP": self.kafka.bootstrap,
            "CRM_ELASTICSEARCH_URL": self.elasticsearch.url,
        }

    def service_environment(self, service: str, entry_point: str) -> dict[str, str]:
        """Return the environment of `crm-<service> <entry point>`, but for its own port: of databases what it uses."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}
        # Knobs that somebody set by hand for this start go through; what the suite decides itself does not, and no
        # database that a shell knows of (`crm env`) gets to a process that has no use for it.
        chosen = {
            name: value
            for name, value in os.environ.items()
            if name.startswith("CRM_") and not name.endswith(("_DSN", "_DSN_FILE"))
        }
        own = {
            **{
                dsn_variable(service, dsn): (
                    self.postgres.admin_dsn if dsn == "admin_dsn" else self.dsn(service, ROLE_OF_DSN[dsn])
                )
                for dsn in list_dsns(service, entry_point)
            },
            **self._replica_dsn(service, entry_point),
            "CRM_OUTBOX_RELAY": "built-in" if self.connect is None else "debezium",
            "CRM_TOPIC_PARTITIONS": str(LOCAL_PARTITIONS),
            "CRM_TOPIC_REPLICATION": "1",
            "CRM_HTTP_HOST": LOOPBACK,
            HOME_MARK: str(self.home.path),
        }
        local_issuer = {
            "CRM_AUTH_JWKS_URL": self.home.jwks_file.as_uri(),
            "CRM_AUTH_ISSUER": ISSUER,
            "CRM_AUTH_AUDIENCE": AUDIENCE,
        }
        # Its endpoint is on this machine, where the suite of a site sends nothing.
        of_canary = {"CRM_WEBHOOK_ALLOW_PRIVATE": "true"} if service == "deals" and self.home.has_canary else {}
        return inherited | local_issuer | chosen | self._addresses() | of_canary | own

    def _replica_dsn(self, service: str, entry_point: str) -> dict[str, str]:
        if self.replica is None or service != "reporting" or entry_point not in ("api", "bi"):
            return {}
        return {dsn_variable(service, "read_dsn"): self.dsn(service, "app", port=self.replica.port)}

    def service_command(self, service: str, *arguments: str) -> list[str]:
        return [sys.executable, "-m", f"crm_{service}.cli", *arguments]

    def _plan_canary(self) -> Program:
        port = self.port_base + CANARY_OFFSET
        inherited = {name: value for name, value in os.environ.items() if not name.endswith(("_DSN", "_DSN_FILE"))}
        environment = {
            **inherited,
            **self._addresses(),
            "CRM_CANARY_TOKEN_FILE": str(self.home.secrets / CANARY_TOKEN),
            "CRM_CANARY_WEBHOOK_URL": f"http://{LOOPBACK}:{port}/hook",
            "CRM_HTTP_HOST": LOOPBACK,
            "CRM_HTTP_PORT": str(port),
            "CRM_HOME": str(self.home.path),
            "CRM_PORT_BASE": str(self.port_base),
            HOME_MARK: str(self.home.path),
        }
        command = [sys.executable, "-m", "crm_local.canary"]
        # Its tenant is made in the database of contacts, once that is there.
        return Program(CANARY, "contacts", "canary", port, command, environment, needs=["postgres"])

    def _program(self, service: str, role: Role, port: int) -> Program:
        needs = ["postgres"] if role == "api" else ["postgres", "kafka"]
        if find_service(service).uses_elasticsearch:
            needs.append("elasticsearch")
        return Program(
            name=f"{service}-{role}",
            service=service,
            role=role,
            port=port,
            arguments=self.service_command(service, role),
            environment=self.service_environment(service, role) | {"CRM_HTTP_PORT": str(port)},
            needs=needs,
        )
