"""Elasticsearch 9 as a single node with the core modules."""

import os
import shutil
from http import HTTPStatus
from pathlib import Path

from crm_local.engines.account import engine_account, hand_over
from crm_local.engines.engine import Command, Engine
from crm_local.engines.install import install, java_home
from crm_local.engines.ports import LOOPBACK, http_get


class Elasticsearch(Engine):
    """One Elasticsearch node in `home`, on 127.0.0.1 without security: what is here is for one developer."""

    name = "elasticsearch"

    def __init__(self, home: Path, port: int, heap_mb: int = 512) -> None:
        super().__init__(home, port)
        self._heap_mb = heap_mb

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
            "node.name": "local",
            "path.data": str(self.home / "data"),
            "path.logs": str(self.home / "logs"),
            "network.host": LOOPBACK,
            "http.port": str(self.port),
            # Nobody joins a single node; a port of its own choosing keeps two suites apart.
            "transport.port": "0",
            "discovery.type": "single-node",
            # Otherwise it makes itself certificates first, which takes a minute.
            "xpack.security.enabled": "false",
            # A laptop's disk is often over 90 % full, at which it would refuse to write.
            "cluster.routing.allocation.disk.threshold_enabled": "false",
            "action.auto_create_index": "false",
        }
        return "".join(f"{name}: {value}\n" for name, value in settings.items())
