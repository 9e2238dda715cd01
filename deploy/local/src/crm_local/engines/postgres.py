"""PostgreSQL 18 with logical decoding, for the relay's sake and Debezium's."""

import os
import secrets
import shlex
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

import psutil

from crm_local.engines.account import engine_account, hand_over
from crm_local.engines.engine import Command, Engine
from crm_local.engines.install import install
from crm_local.engines.ports import LOOPBACK

SUPERUSER = "postgres"
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "wal_level": "logical",
    # Five services with three pools each, and the tests' own connections beside.
    "max_connections": "300",
    "shared_buffers": "128MB",
    "max_wal_size": "512MB",
    "max_replication_slots": "16",
    "max_wal_senders": "16",
    "log_min_messages": "warning",
    # The rest of a message quotes values: "Key (email_key)=(…) already exists". A log is no place for personal data.
    "log_error_verbosity": "terse",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
}
# For data that nobody will miss: a test run's. It gathers no statistics and vacuums nothing of its own accord: whether
# a background ANALYZE has counted a table yet, or holds a snapshot while a test vacuums, would decide a test's plans.
VOLATILE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}


class Postgres(Engine):
    """A PostgreSQL cluster in `home`, on 127.0.0.1 only, its superuser's password kept beside the data.

    Each piece of its log that is full is copied into the folder `archive`, while there is one.
    """

    name = "postgres"
    # Fast shutdown: SIGTERM would wait for every client to go first.
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT

    def __init__(
        self, home: Path, port: int, settings: Mapping[str, str] | None = None, *, archive: Path | None = None
    ) -> None:
        super().__init__(home, port)
        archiving = _archiving(archive.resolve()) if archive is not None else {}
        self._settings = {**SETTINGS, **archiving, **(settings or {}), "port": str(port)}

    @property
    def admin_dsn(self) -> str:
        """The superuser's URL of database `postgres`, once prepared."""
        password = quote((self.home / "password").read_text().strip(), safe="")
        return f"postgresql://{SUPERUSER}:{password}@{LOOPBACK}:{self.port}/postgres"

    def prepare(self) -> None:
        self._bin = install("postgres") / "bin"
        hand_over(self.home)
        data = self.home / "data"
        # Only a whole cluster has the marker: initdb interrupted half-way is begun again.
        marker = self.home / "initialised"
        if not marker.exists():
            shutil.rmtree(data, ignore_errors=True)
            self._write_password()
            self.run(self._initdb(data))
            marker.touch()
        forget_stranger(data / "postmaster.pid")

    def command(self) -> Command:
        settings = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        return Command([str(self._bin / "postgres"), "-D", str(self.home / "data"), *settings], self.home)

    def is_ready(self) -> bool:
        import psycopg  # noqa: PLC0415 - 0.2 s: not for a command that starts no engine

        try:
            with psycopg.connect(self.admin_dsn, connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False

    def _write_password(self) -> None:
        password = self.home / "password"
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(24))
        if account := engine_account():
            os.chown(password, account.uid, account.gid)

    def _initdb(self, data: Path) -> Command:
        return Command(
            [
                str(self._bin / "initdb"),
                f"--pgdata={data}",
                f"--username={SUPERUSER}",
                f"--pwfile={self.home / 'password'}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--locale=C",
                # Syncing 40 MB of files that initdb can make again costs seconds on a slow disk.
                "--no-sync",
            ],
            self.home,
        )


def _archiving(archive: Path) -> Mapping[str, str]:
    """Return settings that cost a shell for every 16 MB written while there is no folder, and need no other start."""
    folder = shlex.quote(str(archive)).replace("%", "%%")
    # Under its own name only once it is on the disk as a whole: none is ever there in part.
    copy = f'cp "%p" {folder}/.%f && sync {folder}/.%f && mv {folder}/.%f {folder}/%f'
    return {"archive_mode": "on", "archive_command": f"test ! -d {folder} || {{ {copy}; }}"}


def forget_stranger(pid_file: Path) -> None:
    """Remove a crashed server's pid file where its pid is somebody else's by now: the server would refuse to start.

    Any other it must keep: by it the server sees processes of the old one that still use the data.
    """
    try:
        pid = int(pid_file.read_text().splitlines()[0])
        if psutil.Process(pid).name() != "postgres":
            pid_file.unlink()
    except (FileNotFoundError, IndexError, ValueError, psutil.NoSuchProcess):
        return
