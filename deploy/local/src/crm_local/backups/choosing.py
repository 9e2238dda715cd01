"""Which backup is restored and to what moment; what can't be done is refused before anything is."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from crm_local.backups import archive, catalogue, restoring, swapping, taking
from crm_local.backups.catalogue import Backup
from crm_local.backups.unfinished import Unfinished
from crm_local.plan import Plan
from crm_shared.service_registry import SERVICES
from crm_shared.time_window import parse_instant

STAMP_FORMAT: Final = "%Y%m%dt%H%M%Sz"


class CannotRestore(ValueError):
    """What is asked for can't be had. The message says why, and what can."""


def choose(plan: Plan, services: Sequence[str], *, to_time: str | None, backup: str | None, place: Path) -> Unfinished:
    """Return what is to be done. Raises CannotRestore."""
    if unknown := sorted(set(services) - set(SERVICES)):
        raise CannotRestore(f"no service {', '.join(unknown)}: there are {', '.join(SERVICES)}")
    backups = catalogue.list_backups(place)
    if not backups:
        raise CannotRestore(f"there is no backup in {place}: crm backup")
    now = datetime.now(UTC)
    candidates = [find_backup(place, backup)] if backup is not None else backups
    if to_time is None:
        chosen, wanted = candidates[-1], None
    else:
        wanted = _read_moment(to_time, now)
        chosen = _choose_before(plan, candidates, wanted)
    return Unfinished(
        services=[one for one in SERVICES if one in (services or SERVICES)],
        backup=str(chosen.folder),
        wanted=None if wanted is None else wanted.isoformat(),
        stamp=now.strftime(STAMP_FORMAT),
    )


def find_backup(place: Path, name: str) -> Backup:
    """Return the backup of this name. Raises CannotRestore."""
    for one in catalogue.list_backups(place):
        if one.name == name:
            return one
    raise CannotRestore(f"there is no backup {name} in {place}: crm backup list")


def abandon(plan: Plan, work: Unfinished | None) -> str:
    """Leave a restore that was interrupted; say so. Raises CannotRestore where it has changed something."""
    if work is None:
        raise CannotRestore("no restore was interrupted")
    if not restoring.give_up(plan, work):
        raise CannotRestore(f"{', '.join(work.services)} stand at the earlier moment already: crm restore goes on")
    return f"the restore of {work.describe()} is given up; all is as it was"


def drop_replaced(plan: Plan, name: str) -> str:
    """Drop a database that a restore has replaced; say so. Raises CannotRestore."""
    if not swapping.drop_kept(plan.postgres.admin_dsn, name):
        raise CannotRestore(f"no restore has replaced a database {name}: crm backup list")
    return f"{name} is gone"


def _read_moment(text: str, now: datetime) -> datetime:
    try:
        moment = parse_instant(text)
    except ValueError:
        raise CannotRestore("--to-time is not an instant with a zone, such as 2026-11-30T08:00:00Z") from None
    if moment >= now:
        raise CannotRestore(f"--to-time lies in the future: it is {now:%Y-%m-%dT%H:%M:%SZ}")
    return moment


def _choose_before(plan: Plan, candidates: Sequence[Backup], wanted: datetime) -> Backup:
    """Return the last one that was whole by then: from an earlier one there would be more of the log to replay."""
    before = [one for one in candidates if one.ended_at <= wanted]
    if not before:
        raise CannotRestore(f"no backup was whole by then: the earliest moment is {candidates[0].ended_at.isoformat()}")
    chosen = before[-1]
    itself = f"without --to-time, {chosen.name} goes to its own moment, {chosen.ended_at:%Y-%m-%dT%H:%M:%SZ}"
    if chosen.system != taking.read_system(plan):
        raise CannotRestore(f"{chosen.name} is of another cluster, whose log is not here: {itself}")
    if not archive.has_begun(plan.log_archive, chosen.first_segment):
        raise CannotRestore(f"the log from {chosen.name} on is not kept: {itself}")
    return chosen
