"""Apache Kafka 4 as one node that is broker and controller (KRaft)."""

import secrets
import socket
import struct
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from pathlib import Path

from crm_local.engines.account import hand_over
from crm_local.engines.engine import Command, Engine
from crm_local.engines.install import install
from crm_local.engines.java import java_arguments, java_program, to_properties
from crm_local.engines.kafka_security import KafkaSecurity, answers
from crm_local.engines.ports import LOOPBACK, free_ports
from crm_local.engines.start_cache import start_cache

LOG4J2 = """\
Configuration:
  Appenders:
    Console:
      name: STDOUT
      PatternLayout:
        pattern: "[%d] %p %m (%c)%n"
  Loggers:
    Root:
      level: WARN
      AppenderRef:
        - ref: STDOUT
    Logger:
      - name: kafka.server.KafkaRaftServer
        level: INFO
"""


class Kafka(Engine):
    """One Kafka node in `home`. Topics are made by the suite, never by a mistyped name.

    `server_options` are Java's for the server alone, in place of what an earlier start left for it.
    """

    name = "kafka"

    def __init__(
        self,
        home: Path,
        port: int,
        controller_port: int,
        heap_mb: int = 512,
        *,
        security: KafkaSecurity | None = None,
        server_options: Sequence[str] | None = None,
    ) -> None:
        super().__init__(home, port)
        self._security = security
        self._controller_port = controller_port
        self._heap_mb = heap_mb
        self._server_options = server_options

    @property
    def bootstrap(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    def prepare(self) -> None:
        program = install("kafka")
        self._libs = program / "libs"
        self._start_cache = start_cache(program, self._rehearse) if self._server_options is None else ()
        hand_over(self.home)
        (self.home / "log4j2.yaml").write_text(LOG4J2)
        (self.home / "server.properties").write_text(self._properties())
        users: tuple[str, ...] = ()
        if self._security is not None:
            self._security.write_keystore(self.home)
            users = tuple(self._security.list_users())
        # meta.properties is what formatting ends with.
        if not (self.home / "data" / "meta.properties").exists():
            formatting = ("format", "--standalone", "-t", _new_cluster_id(), *users, "-c")
            self.run(self._java(self._start_cache, "kafka.tools.StorageTool", *formatting))

    def command(self) -> Command:
        return self._java(self._server_options or self._start_cache, "kafka.Kafka")

    def is_ready(self) -> bool:
        """Ask for the cluster's brokers: a node that still catches up doesn't list itself."""
        try:
            return answers(self.port) if self._security is not None else _count_brokers(self.port) > 0
        except (OSError, struct.error):
            return False

    def _rehearse(self, home: Path, option: str) -> None:
        """Start another Kafka and end it, for what Java keeps of that. Who finds our processes finds it too."""
        kafka = Kafka(home, *free_ports(2), server_options=[option])
        kafka.marks = self.marks
        try:
            kafka.start().wait_ready()
        finally:
            kafka.stop(timeout_s=120)

    def _java(self, options: Sequence[str], main_class: str, *arguments: str) -> Command:
        return Command(
            [
                str(java_program()),
                *java_arguments(self._heap_mb, self.home),
                *options,
                f"-Dlog4j2.configurationFile={self.home / 'log4j2.yaml'}",
                "-cp",
                f"{self._libs}/*",
                main_class,
                *arguments,
                str(self.home / "server.properties"),
            ],
            self.home,
        )

    def _properties(self) -> str:
        settings = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.bootstrap.servers": f"{LOOPBACK}:{self._controller_port}",
            "listeners": f"PLAINTEXT://{LOOPBACK}:{self.port},CONTROLLER://{LOOPBACK}:{self._controller_port}",
            "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{self.port},CONTROLLER://{LOOPBACK}:{self._controller_port}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "PLAINTEXT",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": str(self.home / "data"),
            "auto.create.topics.enable": "false",
            "group.initial.rebalance.delay.ms": "0",
            # After a crash the broker waits for the end of its earlier session, 9 s by default.
            "broker.session.timeout.ms": "5000",
            "broker.heartbeat.interval.ms": "1000",
            # An idle controller writes, syncs and reads a record twice a second, for followers that are not there.
            "metadata.max.idle.interval.ms": "10000",
            # Its default partition counts (50) cost a second of start-up and thousands of open files on one node.
            "offsets.topic.num.partitions": "4",
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.num.partitions": "4",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.num.partitions": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "log.cleaner.dedupe.buffer.size": "16777216",
        }
        if self._security is not None:
            settings |= self._security.properties(self.home, self.port, self._controller_port)
        return to_properties(settings)


def _new_cluster_id() -> str:
    # A zero byte first: an id that began with "-" would be taken for an option.
    return urlsafe_b64encode(b"\0" + secrets.token_bytes(15)).rstrip(b"=").decode()


def _count_brokers(port: int) -> int:
    # Metadata request, version 1, for no topic. Its answer begins: length, correlation id, count of brokers.
    client = b"crm-local"
    body = struct.pack(f">hhih{len(client)}si", 3, 1, 1, len(client), client, 0)
    with socket.create_connection((LOOPBACK, port), timeout=2) as connection:
        connection.sendall(struct.pack(">i", len(body)) + body)
        answer = connection.recv(12, socket.MSG_WAITALL)
    _length, _correlation_id, brokers = struct.unpack(">iii", answer)
    return int(brokers)
