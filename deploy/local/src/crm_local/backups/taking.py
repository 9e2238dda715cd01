"""Takes a backup while the suite runs: a copy of all its databases, verified, and the old ones removed."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import psycopg

from crm_local.backups import archive, catalogue
from crm_local.backups.catalogue import Backup
from crm_local.backups.locks import locked
from crm_local.backups.programs import find_program, run_program, to_environment
from crm_local.backups.sizes import format_bytes, require_space
from crm_local.engines.account import hand_over
from crm_local.plan import Plan

LOCK: Final = ".lock"
FIND_SIZE: Final = "SELECT sum(pg_database_size(oid))::bigint FROM pg_database"
FIND_SYSTEM: Final = "SELECT system_identifier FROM pg_control_system()"


def take_backup(plan: Plan, folder: Path, say: Callable[[str], None]) -> Backup:
    """Take a backup into `folder`. Raises Busy, NoSpace, ProgramFailed, psycopg.OperationalError."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    dsn = plan.postgres.admin_dsn
    with locked(folder / LOCK, refusal=f"another backup to {folder}, or a restore from it, is at work") as lock:
        with psycopg.connect(dsn) as admin:
            row = admin.execute(FIND_SIZE).fetchone()
        require_space(folder, int(row[0]) if row else 0, "a backup")
        hand_over(plan.log_archive)  # from here on the log is kept, as what follows the backup needs it
        begun_at = datetime.now(UTC)
        unfinished = catalogue.begin(folder, begun_at)
        files = unfinished / catalogue.FILES
        say(f"copying {format_bytes(int(row[0]) if row else 0)} of databases")
        run_program(
            [
                find_program("pg_basebackup"),
                f"--pgdata={files}",
                "--wal-method=stream",
                "--checkpoint=fast",
                "--manifest-checksums=SHA256",
                f"--label=crm {unfinished.name.removeprefix(catalogue.UNFINISHED)}",
            ],
            environment=to_environment(dsn),
            lock=lock,
        )
        ended_at = datetime.now(UTC)
        say("verifying")
        verify(files, lock)
        return catalogue.finish(unfinished, begun_at=begun_at, ended_at=ended_at)


def verify(files: Path, lock: int) -> None:
    """Hold each file against the sum that was noted of it, and the log against what it needs. Raises ProgramFailed."""
    run_program([find_program("pg_verifybackup"), "--quiet", str(files)], lock=lock)


def keep_newest(plan: Plan, folder: Path, count: int) -> tuple[int, int]:
    """Remove all backups in `folder` but the newest `count`, and what of the log only those needed.

    Return how many backups and how many pieces of the log are gone. Raises Busy.
    """
    with locked(folder / LOCK, refusal=f"another backup to {folder}, or a restore from it, is at work"):
        backups = catalogue.list_backups(folder)
        kept = backups[-count:]
        for backup in backups[:-count]:
            catalogue.remove(backup)
        own = [backup.first_segment for backup in kept if backup.system == read_system(plan)]
        pieces = archive.remove_before(plan.log_archive, min(own)) if own else 0
        return len(backups) - len(kept), pieces


def drop_backup(plan: Plan, backup: Backup) -> None:
    """Remove a backup, and the log that none of those beside it needs; without any it is kept no more. Raises Busy."""
    folder = backup.folder.parent
    with locked(folder / LOCK, refusal=f"a backup to {folder}, or a restore from it, is at work"):
        catalogue.remove(backup)
        own = [one.first_segment for one in catalogue.list_backups(folder)]
        if own:
            archive.remove_before(plan.log_archive, min(own))
        else:
            shutil.rmtree(plan.log_archive, ignore_errors=True)


def read_system(plan: Plan) -> int:
    """Return which cluster the suite's PostgreSQL is."""
    with psycopg.connect(plan.postgres.admin_dsn) as admin:
        row = admin.execute(FIND_SYSTEM).fetchone()
    assert row is not None  # noqa: S101 - for the types: it is one row always
    return int(row[0])
