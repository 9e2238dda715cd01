"""A PostgreSQL on the side that is a backup brought forward to a moment, to be read and thrown away."""

import os
import re
import shlex
import shutil
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Final

import psutil
import psycopg

from crm_local.backups.catalogue import Backup
from crm_local.engines import EngineFailed, Postgres
from crm_local.engines.account import engine_account, hand_over
from crm_local.engines.install import install
from crm_local.engines.postgres import SUPERUSER

RECOVERED_WITHIN_S: Final = 3600.0
# Nobody will miss what it writes, nobody may connect but through a socket in a folder of the engines' account, and what
# its log archives would be another history of the same cluster.
SETTINGS: Final[Mapping[str, str]] = {
    "listen_addresses": "",
    "archive_mode": "off",
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    # Not read before it is done, nor stopped there for reading: what was under way at the moment holds its locks until
    # recovery ends, and a dump would wait for them for ever.
    "hot_standby": "off",
    "recovery_target_action": "promote",
    "recovery_target_timeline": "current",
}
SOCKETS_NOTE: Final = "sockets"
LET_IN: Final = "local all all trust\n"
IS_THERE: Final = "SELECT NOT pg_is_in_recovery()"
FIND_LAST: Final = "SELECT pg_last_xact_replay_timestamp()"
LAST_TRANSACTION: Final = re.compile(r"last completed transaction was at log time (\S+ \S+)")


class NotReached(Exception):
    """The log ends before the moment. The message says how far it goes."""


class RecoveredPostgres(Postgres):
    """`backup` in `home`, replayed to `moment`, or to its own end where none is given."""

    name: ClassVar[str] = "postgres-restore"

    def __init__(self, home: Path, backup: Backup, archive: Path, moment: datetime | None) -> None:
        self._sockets = Path(tempfile.mkdtemp(prefix="crm-restore-"))  # not under `home`: the path may not be long
        folder = shlex.quote(str(archive.resolve())).replace("%", "%%")
        target = (
            {"recovery_target": "immediate"} if moment is None else {"recovery_target_time": moment.isoformat(sep=" ")}
        )
        settings = {
            **SETTINGS,
            **target,
            "unix_socket_directories": str(self._sockets),
            "restore_command": f'cp {folder}/%f "%p"',
        }
        super().__init__(home, 5432, settings)
        self._backup = backup

    @property
    def admin_dsn(self) -> str:
        return self.dsn_of("postgres")

    def dsn_of(self, database: str) -> str:
        return f"postgresql://{SUPERUSER}@/{database}?host={self._sockets}"

    def prepare(self) -> None:
        self._bin = install("postgres") / "bin"
        hand_over(self.home)
        hand_over(self._sockets)
        (self.home / SOCKETS_NOTE).write_text(str(self._sockets))
        data = self.home / "data"
        shutil.copytree(self._backup.files, data)
        (data / "recovery.signal").touch()
        (data / "pg_hba.conf").write_text(LET_IN)
        if account := engine_account():
            for path in (data, *data.rglob("*")):
                os.chown(path, account.uid, account.gid)
        data.chmod(0o700)

    def is_ready(self) -> bool:
        try:
            with psycopg.connect(self.admin_dsn, connect_timeout=2) as connection:
                row = connection.execute(IS_THERE).fetchone()
                return row is not None and bool(row[0])
        except psycopg.OperationalError:
            return False

    def recover(self) -> datetime | None:
        """Start it and wait until it stands at its moment; return when its last transaction was. Raises NotReached."""
        try:
            self.start().wait_ready(RECOVERED_WITHIN_S)
        except EngineFailed as error:
            text = self.log_file.read_text(errors="replace")
            if "before configured recovery target was reached" in text:
                found = LAST_TRANSACTION.findall(text)
                last = f"its last transaction is of {found[-1]} UTC" if found else "it has no transaction at all"
                raise NotReached(f"the log that is kept does not go so far: {last}") from None
            raise NotReached(str(error)) from None
        with psycopg.connect(self.admin_dsn) as connection:
            row = connection.execute(FIND_LAST).fetchone()
        return row[0] if row is not None else None

    def discard(self) -> None:
        """End it and remove all of it."""
        self.kill()
        shutil.rmtree(self._sockets, ignore_errors=True)
        shutil.rmtree(self.home, ignore_errors=True)


def discard_left(home: Path) -> None:
    """End and remove what a restore that was killed has left in `home`."""
    try:
        pid = int((home / "data" / "postmaster.pid").read_text().splitlines()[0])
        process = psutil.Process(pid)
        if process.name() == "postgres":
            process.kill()
            process.wait(10)
    except (FileNotFoundError, IndexError, ValueError, psutil.NoSuchProcess):
        pass
    note = home / SOCKETS_NOTE
    if note.exists():
        shutil.rmtree(note.read_text(), ignore_errors=True)
    shutil.rmtree(home, ignore_errors=True)
