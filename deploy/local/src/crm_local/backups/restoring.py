"""Brings services back to an earlier moment: their databases beside the live ones, swapped, and everybody told.

A service answers until its database is filled and waits; it is away while that is swapped in and others are told what
was lost. Killed at any point, the next call goes on with it.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import psycopg

from crm_local import suite
from crm_local.backups import archive, catalogue, following, swapping, unfinished
from crm_local.backups.locks import locked
from crm_local.backups.programs import find_program, pipe_programs, to_environment
from crm_local.backups.recovered import RecoveredPostgres, discard_left
from crm_local.backups.sizes import require_space
from crm_local.backups.taking import LOCK, verify
from crm_local.backups.unfinished import Unfinished
from crm_local.migrations import bring_up_to_date
from crm_local.plan import HOME_MARK, Plan
from crm_shared.service_registry import PUBLISHERS, find_service

SWAP_TRIES: Final = 5

Say = Callable[[str], None]


@dataclass(slots=True)
class Restored:
    """What was done. `kept`: the databases that were replaced."""

    moment: str
    filled_s: float
    """How long databases were filled beside the services, which answered."""
    away_s: float
    """How long they did not answer."""
    lost_s: float
    """From the moment to when they did not answer any more."""
    kept: Sequence[str]


def restore(plan: Plan, work: Unfinished, lock: int, say: Say) -> Restored:
    """Do what `work` names, or what is left of it, and forget it.

    Raises NotReached, NoSpace, NotArchived, ProgramFailed: nothing is changed then unless `is_swapped`; SuiteFailed,
    MigrationFailed, FollowingFailed: it waits to be gone on with.
    """
    began_s = away_from_s = time.monotonic()
    names, dsn = names_of(plan, work.services), plan.postgres.admin_dsn
    if swapping.is_swapped(dsn, work.services, work.stamp):
        say(f"going on with the restore of {work.describe()}")
        suite.hold(plan.home, names)
    else:
        unfinished.note(plan.home, work)
        try:
            _fill(plan, work, lock, say)
            away_from_s = time.monotonic()
            _replace(plan, work, names, say)
        except BaseException:
            # Nothing was done yet, or all of it and we were not told so: the databases say which.
            give_up(plan, work)
            raise
    following.follow(plan, work, lock, say)
    suite.release(plan.home, names)
    suite.wait_running(plan.home, [f"{service}-api" for service in work.services])
    away_s = time.monotonic() - away_from_s
    say("answering again")
    suite.wait_running(plan.home, names)
    following.announce_again(plan, work, lock, say)
    following.mend(plan, work.services, lock, say)
    unfinished.forget(plan.home)
    return Restored(
        moment=work.moment or "",
        filled_s=away_from_s - began_s,
        away_s=away_s,
        lost_s=work.lost_s,
        kept=[swapping.kept_name(service, work.stamp) for service in work.services],
    )


def give_up(plan: Plan, work: Unfinished) -> bool:
    """Leave everything as it was, unless the databases are swapped already; return whether that could be done."""
    try:
        if swapping.is_swapped(plan.postgres.admin_dsn, work.services, work.stamp):
            return False
        discard_left(_side_folder(plan))
        swapping.discard_filled(plan.postgres.admin_dsn, work.services)
    except psycopg.OperationalError:
        return False
    unfinished.forget(plan.home)
    suite.release(plan.home, names_of(plan, work.services))
    suite.wait_running(plan.home, names_of(plan, work.services))
    return True


def names_of(plan: Plan, services: Sequence[str]) -> list[str]:
    """List the processes that must not run while the services' databases are swapped."""
    names = [program.name for program in plan.programs() if program.service in services and program.role != "canary"]
    connected = plan.connect is not None and any(service in PUBLISHERS for service in services)
    return [*names, "connect"] if connected else names


def _fill(plan: Plan, work: Unfinished, lock: int, say: Say) -> None:
    """Have each service's database of the moment beside the live one."""
    backup = catalogue.read(Path(work.backup))
    discard_left(_side_folder(plan))
    require_space(plan.home.data, 2 * backup.size_bytes, "a copy of the backup and what is restored from it")
    wanted = None if work.wanted is None else datetime.fromisoformat(work.wanted)
    side = RecoveredPostgres(_side_folder(plan), backup, plan.log_archive, wanted)
    side.marks[HOME_MARK] = str(plan.home.path)
    try:
        # Neither the backup nor the log that it needs is to be removed meanwhile.
        with locked(backup.folder.parent / LOCK, refusal=f"a backup to {backup.folder.parent} is at work") as held:
            say(f"verifying {backup.name}")
            verify(backup.files, held)
            if wanted is not None:
                archive.flush(plan)
            say(f"replaying it to {work.wanted or 'its own moment'}, on the side")
            last = side.recover()
        work.moment = work.wanted or (last or backup.begun_at).isoformat()
        unfinished.note(plan.home, work)
        for service in work.services:
            say(f"{service}: filling a database from it")
            _copy(plan, side, service, lock, say)
    finally:
        side.discard()


def _copy(plan: Plan, side: RecoveredPostgres, service: str, lock: int, say: Say) -> None:
    source = side.dsn_of(swapping.database_of(service))
    name = swapping.make_empty(plan.postgres.admin_dsn, source, service)
    pipe_programs(
        [find_program("pg_dump"), "--format=custom", "--compress=none", "--statistics"],
        # All in one transaction, whose end alone is written through.
        [find_program("pg_restore"), "--single-transaction", "--exit-on-error", f"--dbname={name}"],
        source_environment=to_environment(source),
        sink_environment=to_environment(plan.postgres.admin_dsn),
        lock=lock,
    )
    # What can be done before service ends. An index in Elasticsearch is the live database's yet.
    if not find_service(service).uses_elasticsearch:
        say(f"{service}: migrate")
        asyncio.run(bring_up_to_date(plan, service, name))


def _replace(plan: Plan, work: Unfinished, names: Sequence[str], say: Say) -> None:
    say(f"stopping {', '.join(work.services)}")
    work.stopped_at = datetime.now(UTC).isoformat()
    unfinished.note(plan.home, work)
    suite.hold(plan.home, names)
    for left in reversed(range(SWAP_TRIES)):
        try:
            swapping.swap(plan.postgres.admin_dsn, work.services, work.stamp)
        except psycopg.errors.ObjectInUse:
            if not left:
                raise
            time.sleep(1)  # somebody who was sent away was quicker to come back
        else:
            return


def _side_folder(plan: Plan) -> Path:
    return plan.home.data / "postgres-restore"
