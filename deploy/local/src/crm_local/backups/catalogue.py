"""Backups as they lie in a folder: one folder each, which has its name only once it is whole and verified."""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from crm_local.home import Home, write_private

NOTE: Final = "backup.json"
FILES: Final = "base"
UNFINISHED: Final = ".unfinished-"
NAME_FORMAT: Final = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class Backup:
    """All databases of a suite's PostgreSQL. Its own moment is `ended_at`, once its log is replayed."""

    folder: Path
    begun_at: datetime
    ended_at: datetime
    size_bytes: int
    system: int
    """Of which cluster it is: PostgreSQL's system identifier."""
    first_segment: str
    """The piece of the log from which on it needs all."""

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def files(self) -> Path:
        return self.folder / FILES

    @property
    def duration_s(self) -> float:
        return (self.ended_at - self.begun_at).total_seconds()


def backup_folder(home: Home, chosen: Path | None) -> Path:
    """Return where backups of this suite go: `chosen`, else its own place beside the engines' data."""
    return (chosen or home.data / "backups").resolve()


def list_backups(folder: Path) -> list[Backup]:
    """List the whole backups in `folder`, the oldest first."""
    found = [read(path.parent) for path in folder.glob(f"*/{NOTE}") if not path.parent.name.startswith(".")]
    return sorted(found, key=lambda backup: backup.ended_at)


def begin(folder: Path, begun_at: datetime) -> Path:
    """Make the folder of a backup that is being taken; those that were never finished are removed first."""
    for unfinished in _list_unfinished(folder):
        shutil.rmtree(unfinished)
    target = folder / f"{UNFINISHED}{begun_at.strftime(NAME_FORMAT)}"
    target.mkdir(mode=0o700)
    return target


def finish(unfinished: Path, *, begun_at: datetime, ended_at: datetime) -> Backup:
    """Return a backup under its name, now that it is whole: from here on it is in the list."""
    manifest = json.loads((unfinished / FILES / "backup_manifest").read_text())
    start = manifest["WAL-Ranges"][0]
    target = unfinished.parent / unfinished.name.removeprefix(UNFINISHED)
    backup = Backup(
        folder=target,
        begun_at=begun_at,
        ended_at=ended_at,
        size_bytes=sum(file.stat().st_size for file in (unfinished / FILES).rglob("*") if file.is_file()),
        system=manifest["System-Identifier"],
        first_segment=to_segment(start["Timeline"], start["Start-LSN"]),
    )
    noted = {name: _to_json(value) for name, value in asdict(backup).items() if name != "folder"}
    write_private(unfinished / NOTE, json.dumps(noted, indent=2))
    _sync(unfinished / NOTE)
    _sync(unfinished)
    unfinished.rename(target)
    _sync(target.parent)
    return backup


def to_segment(timeline: int, position: str, segment_bytes: int = 16 * 1024 * 1024) -> str:
    """Name the piece of the log that holds a position such as 0/4000028."""
    high, low = (int(part, 16) for part in position.split("/"))
    return f"{timeline:08X}{high:08X}{low // segment_bytes:08X}"


def remove(backup: Backup) -> None:
    """Remove a backup; interrupted, what is left of it is no backup any more."""
    gone = backup.folder.with_name(f"{UNFINISHED}{backup.name}")
    backup.folder.rename(gone)
    shutil.rmtree(gone)


def _list_unfinished(folder: Path) -> Iterator[Path]:
    return folder.glob(f"{UNFINISHED}*")


def read(folder: Path) -> Backup:
    noted: dict[str, Any] = json.loads((folder / NOTE).read_text())
    return Backup(
        folder=folder,
        begun_at=datetime.fromisoformat(noted["begun_at"]),
        ended_at=datetime.fromisoformat(noted["ended_at"]),
        size_bytes=noted["size_bytes"],
        system=noted["system"],
        first_segment=noted["first_segment"],
    )


def _to_json(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
