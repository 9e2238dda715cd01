"""What `crm backup` and `crm restore` say: of backups, before a restore, after it, and where something is amiss."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg
import typer
from aiokafka.errors import KafkaError

from crm_local import suite
from crm_local.backups import archive, catalogue, unfinished
from crm_local.backups.archive import NotArchived
from crm_local.backups.catalogue import Backup
from crm_local.backups.catching_up import NotCaughtUp
from crm_local.backups.choosing import CannotRestore
from crm_local.backups.following import FollowingFailed
from crm_local.backups.locks import Busy
from crm_local.backups.programs import ProgramFailed
from crm_local.backups.recovered import NotReached
from crm_local.backups.restoring import Restored
from crm_local.backups.sizes import NoSpace, format_bytes
from crm_local.backups.unfinished import Unfinished
from crm_local.home import Home
from crm_local.migrations import MigrationFailed
from crm_local.opening import refuse
from crm_local.plan import Plan

GO_ON: Final = "crm restore goes on with it, crm restore --abandon gives it up while nothing is changed"


def make_clocked() -> Callable[[str], None]:
    """Return what says a line with the seconds since now before it."""
    began_s = time.monotonic()
    return lambda line: typer.echo(f"{time.monotonic() - began_s:6.1f} s  {line}")


def describe_backups(plan: Plan, folder: Path) -> Iterator[str]:
    """Yield a line for each backup in `folder`, and one for the log."""
    for one in catalogue.list_backups(folder):
        yield f"{one.name}  {format_bytes(one.size_bytes):>9}  {one.duration_s:6.1f} s  {_describe_reach(plan, one)}"
    sizes = [(plan.log_archive / name).stat().st_size for name in archive.list_segments(plan.log_archive)]
    yield f"in {folder}; {format_bytes(sum(sizes))} of log in {plan.log_archive}"


def confirm(work: Unfinished, *, yes: bool) -> None:
    """Ask once more, or refuse where nobody can be asked."""
    names = ", ".join(work.services)
    if yes:
        return
    if not sys.stdin.isatty():
        refuse(f"what was written to {names} since goes out of service: --yes where nobody can be asked", status=2)
    typer.echo(f"{work.describe()}. What was written since goes out of service, and is kept aside.")
    if typer.prompt(f"Type {names} to go on", default="", show_default=False).strip() != names:
        refuse("nothing is done", status=2)


def show(done: Restored) -> None:
    typer.echo("")
    typer.echo(f"moment   {done.moment}")
    typer.echo(
        f"RPO      {done.lost_s:.1f} s: what was written between that and the end of service is not there any more"
    )
    typer.echo(f"RTO      {done.away_s:.1f} s without service, after {done.filled_s:.1f} s of preparing beside it")
    for name in done.kept:
        typer.echo(f"kept     {name}: crm restore --drop {name}")


@contextmanager
def refusing_plainly() -> Iterator[None]:
    """End the command with a line where something is amiss that people can mend."""
    try:
        yield
    except CannotRestore as error:
        refuse(str(error), status=2)
    except (Busy, NoSpace, NotArchived, ProgramFailed) as error:
        refuse(str(error))
    except psycopg.OperationalError as error:
        refuse(f"PostgreSQL: {str(error).strip()}: crm status, crm logs postgres")
    except OSError as error:
        refuse(f"{error.filename or ''}: {error.strerror}")


@contextmanager
def refusing_with_what_stands(home: Home) -> Iterator[None]:
    """Say of a restore that ends early whether anything is changed."""
    try:
        yield
    except KeyboardInterrupt:
        line, status = "interrupted", 130
    except psycopg.OperationalError as error:
        line, status = f"PostgreSQL: {str(error).strip()}", 1
    except (
        *(NotReached, NotCaughtUp, FollowingFailed, MigrationFailed, suite.SuiteFailed, KafkaError),
        *(Busy, NoSpace, NotArchived, ProgramFailed, OSError),
    ) as error:
        line, status = str(error), 1
    else:
        return
    stands = f"It waits half done: {GO_ON}" if unfinished.read_unfinished(home) else "Nothing is changed"
    refuse(f"{line}\n{stands}", status=status)


def _describe_reach(plan: Plan, one: Backup) -> str:
    reach = archive.find_reach(plan.log_archive, one.first_segment)
    newest = max(archive.list_segments(plan.log_archive), default="")
    if reach is None and not archive.has_begun(plan.log_archive, one.first_segment):
        return f"of {one.ended_at:%Y-%m-%dT%H:%M:%SZ}, and no later moment: the log from there on is not kept"
    if reach is not None and reach < newest:
        return f"from {one.ended_at:%Y-%m-%dT%H:%M:%SZ} to the end of {reach}: what follows in the log is missing"
    return f"to any moment from {one.ended_at:%Y-%m-%dT%H:%M:%SZ} on"
