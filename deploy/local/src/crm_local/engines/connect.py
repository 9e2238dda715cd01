"""Kafka Connect, standalone, with Debezium's PostgreSQL connector: the other relay."""

import json
import os
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import ClassVar

from crm_local.engines.account import engine_account, hand_over
from crm_local.engines.engine import Command, Engine
from crm_local.engines.install import install
from crm_local.engines.java import java_arguments, java_program, to_properties
from crm_local.engines.kafka import LOG4J2
from crm_local.engines.ports import LOOPBACK, http_get


class KafkaConnect(Engine):
    """A standalone worker in `home` that runs `connectors`; `port` is its REST API's.

    Each of `connectors` is a connector's properties, its `name` among them. Values go to Kafka as it gives them unless
    it names converters of its own. `secrets` are written to files of the worker's own, so that no setting, log or
    answer of the REST API has them: `${secrets:<secrets_folder>:NAME}` in a connector stands for the one of that name.
    """

    name: ClassVar[str] = "connect"

    def __init__(
        self,
        home: Path,
        port: int,
        bootstrap: str,
        connectors: Sequence[Mapping[str, str]],
        *,
        secrets: Mapping[str, str] | None = None,
        heap_mb: int = 384,
    ) -> None:
        super().__init__(home, port)
        self._secrets = dict(secrets or {})
        self._bootstrap = bootstrap
        self._connectors = {connector["name"]: dict(connector) for connector in connectors}
        self._heap_mb = heap_mb

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def secrets_folder(self) -> Path:
        return secrets_folder(self.home)

    def prepare(self) -> None:
        self._program = install("connect")
        hand_over(self.home)
        (self.home / "log4j2.yaml").write_text(LOG4J2)
        (self.home / "worker.properties").write_text(to_properties(self._worker()))
        for name, connector in self._connectors.items():
            self._file_of(name).write_text(json.dumps(connector))
        hand_over(self.secrets_folder)
        for name, secret in self._secrets.items():
            _write_secret(self.secrets_folder / name, secret)

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
                *(str(self._file_of(name)) for name in self._connectors),
            ],
            self.home,
        )

    def is_ready(self) -> bool:
        """Ask whether each connector and each of its tasks run."""
        return all(state == "RUNNING" for state in self.read_states(timeout_s=2).values())

    def read_states(self, *, timeout_s: float) -> dict[str, str]:
        """Return each connector's state: RUNNING where its task runs too, else what Connect says, or "unknown"."""
        return {name: self._read_state(name, timeout_s) for name in self._connectors}

    def _read_state(self, name: str, timeout_s: float) -> str:
        answer = http_get(self.port, f"/connectors/{name}/status", timeout_s=timeout_s)
        if answer is None or answer[0] != HTTPStatus.OK:
            return "unknown"
        status = json.loads(answer[1])
        states = [status["connector"]["state"], *(task["state"] for task in status["tasks"])]
        if len(states) == 1:
            states.append("UNASSIGNED")  # it has no task yet
        return str(next((state for state in states if state != "RUNNING"), "RUNNING"))

    def _file_of(self, name: str) -> Path:
        return self.home / f"{name}.json"

    def _worker(self) -> dict[str, str]:
        return {
            "bootstrap.servers": self._bootstrap,
            "listeners": f"HTTP://{LOOPBACK}:{self.port}",
            "plugin.path": str(self._program / "plugins"),
            # Every plugin here has a manifest; looking into all classes instead costs seconds at each start.
            "plugin.discovery": "service_load",
            "offset.storage.file.filename": str(self.home / "offsets"),
            "offset.flush.interval.ms": "1000",
            "config.providers": "secrets",
            "config.providers.secrets.class": "org.apache.kafka.common.config.provider.DirectoryConfigProvider",
            "config.providers.secrets.param.allowed.paths": str(self.secrets_folder),
            "key.converter": "org.apache.kafka.connect.storage.StringConverter",
            "value.converter": "org.apache.kafka.connect.converters.ByteArrayConverter",
        }


def secrets_folder(home: Path) -> Path:
    """Say where the worker in `home` finds its secrets, for whoever writes its connectors."""
    return home.resolve() / "secrets"


def _write_secret(file: Path, secret: str) -> None:
    file.touch(mode=0o600)
    file.write_text(secret)  # as it is: the provider would take a line's end for a part of it
    if account := engine_account():
        os.chown(file, account.uid, account.gid)
