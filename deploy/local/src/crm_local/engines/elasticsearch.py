"""Elasticsearch 9 with the core modules: a single node, or several that find each other on this machine."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

from crm_local.engines.account import engine_account, hand_over
from crm_local.engines.engine import Command, Engine
from crm_local.engines.install import install, java_home
from crm_local.engines.ports import LOOPBACK, free_ports, http_get


@dataclass(frozen=True, slots=True)
class Membership:
    """A node's name in a cluster, and the ports on which its members talk to each other, by name."""

    name: str
    transport_ports: Mapping[str, int]

    def to_settings(self) -> dict[str, str]:
        return {
            "node.name": self.name,
            "transport.port": str(self.transport_ports[self.name]),
            "discovery.seed_hosts": ",".join(f"{LOOPBACK}:{port}" for port in self.transport_ports.values()),
            "cluster.initial_master_nodes": ",".join(self.transport_ports),
        }


# Nobody joins a single node; a port of its own choosing keeps two suites apart.
_ALONE: Final = {"node.name": "local", "transport.port": "0", "discovery.type": "single-node"}


class Elasticsearch(Engine):
    """One Elasticsearch node in `home`, on 127.0.0.1 without security: what is here is for one developer."""

    name = "elasticsearch"

    def __init__(self, home: Path, port: int, heap_mb: int = 512, membership: Membership | None = None) -> None:
        super().__init__(home, port)
        self._heap_mb = heap_mb
        self._membership = membership

    @classmethod
    def make_cluster(cls, home: Path, count: int, heap_mb: int) -> "list[Elasticsearch]":
        """Make nodes that form one cluster once they are started, each in a folder of its own under `home`."""
        names = [f"node-{number}" for number in range(1, count + 1)]
        ports = free_ports(2 * count)
        talking = dict(zip(names, ports[:count], strict=True))
        return [
            cls(home / name, port, heap_mb, Membership(name, talking))
            for name, port in zip(names, ports[count:], strict=True)
        ]

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The server itself; what is started is a small launcher that waits for it."""
        if super().pid is None:
            return None
        try:
            return int((self.home / "server.pid").read_text())
        except (FileNotFoundError, ValueError):
            return super().pid

    def prepare(self) -> None:
        self._program = install("elasticsearch")
        hand_over(self.home)
        config = self.home / "config"
        shutil.copytree(self._program / "config", config, dirs_exist_ok=True)
        (config / "elasticsearch.yml").write_text(self._settings())
        options = config / "jvm.options.d"
        options.mkdir(exist_ok=True)
        # Pages of the heap are taken as they are used: all at once would be half a gigabyte that nobody needs.
        (options / "local.options").write_text(
            f"-Xms{self._heap_mb}m\n-Xmx{self._heap_mb}m\n-XX:+UseSerialGC\n-XX:TieredStopAtLevel=1\n"
            "-XX:-AlwaysPreTouch\n"
        )
        # Its sandbox refuses a folder for temporary files that holds its configuration.
        hand_over(self.home / "tmp")
        (self.home / "server.pid").unlink(missing_ok=True)
        if account := engine_account():
            # It writes a keystore into its configuration.
            for path in (config, *config.rglob("*")):
                os.chown(path, account.uid, account.gid)

    def command(self) -> Command:
        return Command(
            [str(self._program / "bin" / "elasticsearch"), "-p", str(self.home / "server.pid")],
            self.home,
            {
                "ES_JAVA_HOME": str(java_home()),
                "ES_PATH_CONF": str(self.home / "config"),
                "ES_TMPDIR": str(self.home / "tmp"),
                "CLI_JAVA_OPTS": "-XX:TieredStopAtLevel=1",
            },
        )

    def is_ready(self) -> bool:
        answer = http_get(self.port, "/_cluster/health?wait_for_status=yellow&timeout=1s", timeout_s=5)
        return answer is not None and answer[0] == HTTPStatus.OK

    def _settings(self) -> str:
        settings = {
            "cluster.name": "crm-local",
            "path.data": str(self.home / "data"),
            "path.logs": str(self.home / "logs"),
            "network.host": LOOPBACK,
            "http.port": str(self.port),
            **(_ALONE if self._membership is None else self._membership.to_settings()),
            # Otherwise it makes itself certificates first, which takes a minute.
            "xpack.security.enabled": "false",
            # A laptop's disk is often over 90 % full, at which it would refuse to write.
            "cluster.routing.allocation.disk.threshold_enabled": "false",
            "action.auto_create_index": "false",
        }
        return "".join(f"{name}: {value}\n" for name, value in settings.items())
