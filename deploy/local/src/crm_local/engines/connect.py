"""Kafka Connect, standalone, with Debezium's PostgreSQL connector: the other relay, to be compared with ours."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

from crm_local.engines.account import hand_over
from crm_local.engines.engine import Command, Engine
from crm_local.engines.install import install
from crm_local.engines.java import java_arguments, java_program
from crm_local.engines.kafka import LOG4J2
from crm_local.engines.ports import LOOPBACK, http_get


class KafkaConnect(Engine):
    """A standalone worker in `home` that runs one connector; `port` is its REST API's.

    `connector` is the connector's properties, its `name` among them. Values go to Kafka as the connector gives them
    unless it names converters of its own. `${env:NAME}` in it stands for a variable of `environment`.
    """

    name = "connect"

    def __init__(
        self,
        home: Path,
        port: int,
        bootstrap: str,
        connector: Mapping[str, str],
        *,
        environment: Mapping[str, str] | None = None,
        heap_mb: int = 384,
    ) -> None:
        super().__init__(home, port)
        self._environment = dict(environment or {})
        self._bootstrap = bootstrap
        self._connector = dict(connector)
        self._heap_mb = heap_mb

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def prepare(self) -> None:
        self._program = install("connect")
        hand_over(self.home)
        (self.home / "log4j2.yaml").write_text(LOG4J2)
        (self.home / "worker.properties").write_text(_to_properties(self._worker()))
        (self.home / "connector.properties").write_text(_to_properties(self._connector))

    def command(self) -> Command:
        return Command(
            [
                str(java_program()),
                *java_arguments(self._heap_mb, self.home),
                f"-Dlog4j2.configurationFile={self.home / 'log4j2.yaml'}",
                "-cp",
                f"{self._program / 'libs'}/*",
                "org.apache.kafka.connect.cli.ConnectStandalone",
                str(self.home / "worker.properties"),
                str(self.home / "connector.properties"),
            ],
            self.home,
            self._environment,
        )

    def is_ready(self) -> bool:
        """Ask whether the connector and each of its tasks run."""
        answer = http_get(self.port, f"/connectors/{self._connector['name']}/status", timeout_s=2)
        if answer is None or answer[0] != HTTPStatus.OK:
            return False
        status = json.loads(answer[1])
        tasks = [task["state"] for task in status["tasks"]]
        return status["connector"]["state"] == "RUNNING" and bool(tasks) and set(tasks) == {"RUNNING"}

    def _worker(self) -> dict[str, str]:
        return {
            "bootstrap.servers": self._bootstrap,
            "listeners": f"HTTP://{LOOPBACK}:{self.port}",
            "plugin.path": str(self._program / "plugins"),
            # Every plugin here has a manifest; looking into all classes instead costs seconds at each start.
            "plugin.discovery": "service_load",
            "offset.storage.file.filename": str(self.home / "offsets"),
            "offset.flush.interval.ms": "1000",
            "config.providers": "env",
            "config.providers.env.class": "org.apache.kafka.common.config.provider.EnvVarConfigProvider",
            "key.converter": "org.apache.kafka.connect.storage.StringConverter",
            "value.converter": "org.apache.kafka.connect.converters.ByteArrayConverter",
        }


def _to_properties(settings: Mapping[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in settings.items())
