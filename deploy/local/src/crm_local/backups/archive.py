"""PostgreSQL's log, kept piece by piece beside the data: what brings a backup forward to a moment."""

import re
import time
from pathlib import Path
from typing import Final

import psycopg

from crm_local.plan import Plan

SEGMENT: Final = re.compile(r"[0-9A-F]{24}")
SEGMENTS_A_FILE: Final = 256
ARCHIVED_WITHIN_S: Final = 60.0
POLL_S: Final = 0.1

# A record that commits: recovery to a moment ends at the first one after it.
MARK: Final = "SELECT pg_logical_emit_message(true, 'crm_restore', '')"
# The piece that was written until now is full from here on, and goes to the archive.
SWITCH: Final = "SELECT pg_walfile_name(pg_switch_wal())"
LOOK: Final = "SELECT last_archived_wal, last_failed_wal FROM pg_stat_archiver"


class NotArchived(Exception):
    """PostgreSQL could not put its log aside. The message says which piece it stands at."""


def list_segments(folder: Path) -> list[str]:
    """List the pieces that are there, the oldest first."""
    return sorted(file.name for file in folder.glob("*") if SEGMENT.fullmatch(file.name))


def has_begun(folder: Path, first: str) -> bool:
    """Return whether the log is kept from `first` on; that itself may be the piece that is written to yet."""
    segments = list_segments(folder)
    return first in segments or (folder.is_dir() and all(name < first for name in segments))


def find_reach(folder: Path, first: str) -> str | None:
    """Return the last piece up to which all from `first` on are there; None without `first`."""
    present = set(list_segments(folder))
    reach = None
    while first in present:
        reach, first = first, _next_segment(first)
    return reach


def flush(plan: Plan) -> None:
    """Have all that was committed until now put aside. Raises NotArchived, psycopg.OperationalError."""
    with psycopg.connect(plan.postgres.admin_dsn, autocommit=True) as admin:
        admin.execute(MARK)
        row = admin.execute(SWITCH).fetchone()
        assert row is not None  # noqa: S101 - for the types: it is one row always
        wanted, deadline = str(row[0]), time.monotonic() + ARCHIVED_WITHIN_S
        while not (plan.log_archive / wanted).exists():
            if time.monotonic() > deadline:
                looked = admin.execute(LOOK).fetchone()
                raise NotArchived(
                    f"PostgreSQL has not put {wanted} aside within {ARCHIVED_WITHIN_S:.0f} s "
                    f"(last, and last that failed: {looked}): crm logs postgres"
                )
            time.sleep(POLL_S)


def remove_before(folder: Path, first: str) -> int:
    """Remove the pieces that nothing needs which begins at `first`; return how many there were."""
    old = [name for name in list_segments(folder) if name < first]
    for name in old:
        (folder / name).unlink()
    return len(old)


def _next_segment(name: str) -> str:
    number = int(name[8:16], 16) * SEGMENTS_A_FILE + int(name[16:], 16) + 1
    return f"{name[:8]}{number // SEGMENTS_A_FILE:08X}{number % SEGMENTS_A_FILE:08X}"
