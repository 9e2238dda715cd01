"""`crm backup` and `crm restore`: what they take, and what they say as it goes."""

from pathlib import Path
from typing import Annotated

import typer

from crm_local import suite
from crm_local.home import Home
from crm_local.opening import open_plan, open_running, refuse

Folder = Annotated[Path | None, typer.Option("--from", help="where backups lie, if not beside this suite's data")]

backup = typer.Typer(help="Back up all databases of the running suite; list backups, remove one.")


@backup.callback(invoke_without_command=True)
def take(
    context: typer.Context,
    to: Annotated[Path | None, typer.Option(help="a folder, if not beside this suite's data")] = None,
    keep: Annotated[int | None, typer.Option(min=1, help="remove all but so many, and the log they don't need")] = None,
) -> None:
    """Back up all databases of the running suite. From the first one on it can be restored to any moment since."""
    if context.invoked_subcommand is not None:
        return
    from crm_local.backups import catalogue, taking
    from crm_local.backups.sizes import format_bytes
    from crm_local.backups.terminal import refusing_plainly

    plan = open_running()
    folder = catalogue.backup_folder(plan.home, to)
    with refusing_plainly():
        made = taking.take_backup(plan, folder, typer.echo)
        typer.echo(f"{made.name} in {folder}: {format_bytes(made.size_bytes)}, {made.duration_s:.1f} s, verified")
        if keep is not None:
            backups, pieces = taking.keep_newest(plan, folder, keep)
            typer.echo(f"removed {backups} older backups and {pieces} pieces of the log")


@backup.command("list")
def list_backups(folder: Folder = None) -> None:
    """List the backups, and the databases that restores have replaced."""
    from crm_local.backups import catalogue, swapping, terminal
    from crm_local.backups.sizes import format_bytes

    plan = open_plan(Home.from_environment())
    for line in terminal.describe_backups(plan, catalogue.backup_folder(plan.home, folder)):
        typer.echo(line)
    if suite.supervisor_pid(plan.home) is not None:
        with terminal.refusing_plainly():
            for name, size_bytes in swapping.list_kept(plan.postgres.admin_dsn).items():
                typer.echo(f"{name}: replaced, {format_bytes(size_bytes)}; crm restore --drop {name}")


@backup.command("drop")
def drop_backup(name: str, folder: Folder = None) -> None:
    """Remove a backup, and what of the log no other needs; with the last one the log is kept no more."""
    from crm_local.backups import catalogue, choosing, taking
    from crm_local.backups.terminal import refusing_plainly

    plan = open_plan(Home.from_environment())
    with refusing_plainly():
        taking.drop_backup(plan, choosing.find_backup(catalogue.backup_folder(plan.home, folder), name))
    typer.echo(f"{name} is gone")


def restore(
    service: Annotated[list[str] | None, typer.Option(help="one that goes back; again for more; none: all")] = None,
    to_time: Annotated[str | None, typer.Option(help="2026-11-30T08:00:00Z; none: the moment of the backup")] = None,
    backup: Annotated[str | None, typer.Option(help="from this one; none: the last before the moment")] = None,
    folder: Folder = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="don't ask")] = False,
    abandon: Annotated[bool, typer.Option("--abandon", help="give up one that was interrupted")] = False,
    drop: Annotated[str | None, typer.Option(help="drop a database that a restore has replaced")] = None,
) -> None:
    """Bring services of the running suite back to an earlier moment, and everybody in line with that.

    Interrupted, it is run again. What is replaced is kept until it is dropped. Status 2: refused, nothing is changed.
    """
    from crm_local.backups import catalogue, choosing, restoring, terminal, unfinished
    from crm_local.backups.locks import locked

    plan = open_running()
    with (
        terminal.refusing_plainly(),
        locked(plan.home.data / "restore.lock", refusal="another crm restore is at work") as lock,
    ):
        work = unfinished.read_unfinished(plan.home)
        if drop is not None:
            typer.echo(choosing.drop_replaced(plan, drop))
        elif abandon:
            typer.echo(choosing.abandon(plan, work))
        else:
            if work is None:
                place = catalogue.backup_folder(plan.home, folder)
                work = choosing.choose(plan, service or [], to_time=to_time, backup=backup, place=place)
                terminal.confirm(work, yes=yes)
            elif service or to_time or backup:
                refuse(f"the restore of {work.describe()} was interrupted: {terminal.GO_ON}", status=2)
            with terminal.refusing_with_what_stands(plan.home):
                done = restoring.restore(plan, work, lock, terminal.make_clocked())
            terminal.show(done)
