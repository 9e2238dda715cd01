"""A streaming standby of a running PostgreSQL: a copy of its files, which then follows its WAL.

The packages that engines come from hold no pg_basebackup, so the copy is made the way that it makes one: between
`pg_backup_start` and `pg_backup_stop` the files may change under our hands, and recovery mends what was read half
written.
"""

import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from crm_local.engines.account import engine_account, hand_over
from crm_local.engines.install import install
from crm_local.engines.ports import LOOPBACK
from crm_local.engines.postgres import Postgres, forget_stranger

if TYPE_CHECKING:
    import psycopg

ROLE: Final = "crm_replication"
SLOT: Final = "crm_replica"
SETTINGS: Final = {
    # Its readers' snapshots keep the primary from removing rows that they see: few of them are cancelled then.
    "hot_standby_feedback": "on",
    # Less than the lag at which reports turn to the primary: one reader gives way before all of them have to.
    "max_standby_streaming_delay": "5s",
    "primary_slot_name": SLOT,
}
# What a server makes anew at its start; WAL comes by streaming.
EMPTIED: Final = frozenset(
    {"pg_wal", "pg_replslot", "pg_dynshmem", "pg_notify", "pg_serial", "pg_snapshots", "pg_stat_tmp", "pg_subtrans"}
)
LEFT_OUT: Final = frozenset({"postmaster.pid", "postmaster.opts", "pg_internal.init"})

LET_IN: Final = """
    DO $$ BEGIN
        CREATE ROLE {role};
    EXCEPTION WHEN duplicate_object THEN NULL;
    END $$;
    ALTER ROLE {role} LOGIN REPLICATION PASSWORD {password}
"""
FIND_SLOT: Final = "SELECT coalesce(wal_status, 'lost') <> 'lost' FROM pg_replication_slots WHERE slot_name = %s"
DROP_SLOT: Final = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s"
MAKE_SLOT: Final = "SELECT pg_create_physical_replication_slot(%s, immediately_reserve => true)"


class PostgresStandby(Postgres):
    """Follows `primary`, which must be ready when this is first prepared. Reads are what it answers, writes it refuses.

    What it lost touch with for too long (the primary no longer keeps the WAL), it copies anew at its next start.
    """

    name: ClassVar[str] = "postgres-replica"

    def __init__(self, home: Path, port: int, primary: Postgres, settings: Mapping[str, str] | None = None) -> None:
        super().__init__(home, port, {**SETTINGS, **(settings or {})})
        self._primary = primary
        self._settings["primary_conninfo"] = (
            f"host={LOOPBACK} port={primary.port} user={ROLE} passfile={self.home / 'passfile'}"
        )

    def prepare(self) -> None:
        import psycopg  # noqa: PLC0415 - 0.2 s: not for a command that starts no engine

        self._bin = install("postgres") / "bin"
        hand_over(self.home)
        marker = self.home / "copied"
        try:
            with psycopg.connect(self._primary.admin_dsn, connect_timeout=5, autocommit=True) as connection:
                if not (marker.exists() and _is_waited_for(connection)):
                    marker.unlink(missing_ok=True)
                    self._copy(connection)
                    marker.touch()
        except psycopg.OperationalError:
            if not marker.exists():
                raise
            # It answers without its primary too, of the moment when it lost it.
        forget_stranger(self.home / "data" / "postmaster.pid")

    def _copy(self, connection: "psycopg.Connection") -> None:
        data = self.home / "data"
        shutil.rmtree(data, ignore_errors=True)
        self._let_in(connection)
        connection.execute("SELECT pg_backup_start('standby', fast => true)")
        _copy_files(self._primary.home / "data", data)
        row = connection.execute("SELECT labelfile FROM pg_backup_stop(wait_for_archive => false)").fetchone()
        assert row is not None  # noqa: S101 - for the types: it is one row always
        (data / "backup_label").write_text(row[0])
        (data / "standby.signal").touch()
        shutil.copy2(self._primary.home / "password", self.home / "password")
        for path in (self.home / "password", self.home / "passfile", data, *data.rglob("*")):
            _give_away(path)
        data.chmod(0o700)

    def _let_in(self, connection: "psycopg.Connection") -> None:
        """Have the primary keep WAL for us from now on, and let us stream it with a password of our own."""
        from psycopg import sql  # noqa: PLC0415 - as above

        password = secrets.token_urlsafe(24)
        passfile = self.home / "passfile"
        passfile.touch(mode=0o600)
        passfile.write_text(f"*:*:*:{ROLE}:{password}\n")
        texts = {"role": sql.Identifier(ROLE), "password": sql.Literal(password)}
        connection.execute(sql.SQL(LET_IN).format(**texts))
        connection.execute(DROP_SLOT, [SLOT])
        connection.execute(MAKE_SLOT, [SLOT])


def forget_standby(primary: Postgres) -> None:
    """Have the primary keep no WAL for a standby that will not come back."""
    import psycopg  # noqa: PLC0415 - as above

    with psycopg.connect(primary.admin_dsn, connect_timeout=5, autocommit=True) as connection:
        connection.execute(DROP_SLOT, [SLOT])


def _is_waited_for(connection: "psycopg.Connection") -> bool:
    """Return whether the primary still has the WAL that the standby needs next."""
    row = connection.execute(FIND_SLOT, [SLOT]).fetchone()
    return row is not None and bool(row[0])


def _copy_files(source: Path, target: Path) -> None:
    """Copy a running server's files. One that vanishes meanwhile was dropped, which the WAL tells of as well."""
    target.mkdir(mode=0o700)
    try:
        entries = list(os.scandir(source))
    except FileNotFoundError:
        return
    for entry in entries:
        path = target / entry.name
        if entry.name in LEFT_OUT or entry.name.startswith("pgsql_tmp"):
            continue
        if entry.name in EMPTIED:
            path.mkdir(mode=0o700)
        elif entry.is_dir(follow_symlinks=False):
            _copy_files(Path(entry.path), path)
        else:
            try:
                shutil.copyfile(entry.path, path)
                path.chmod(0o600)
            except FileNotFoundError:
                continue


def _give_away(path: Path) -> None:
    if account := engine_account():
        os.chown(path, account.uid, account.gid)
