"""`crm-<service> restored`: what is asked for, said as it goes, and what is left to people."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import typer
from pydantic import ValidationError

from crm_shared.database import Database
from crm_shared.features.restoring.rewinding import WorkersRun
from crm_shared.features.restoring.steps import Summary, follow_restoration
from crm_shared.settings import ServiceSettings
from crm_shared.snapshots.sources import SnapshotSource
from crm_shared.time_window import parse_instant

# Whose a session is, everybody may see. The API's role is the only one that it has.
IS_API_UP: Final = """
    SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND usename = $1 || '_app')
"""
LEFT: Final = dict.fromkeys(("tenant", "webhook"), "make it again")
UNREAD: Final = "its last event is not whole, so no end of it can be told; others may show it until `repair`"
AGAIN: Final = "Once they have been, stop the workers and run this once more: it raises those too"


async def tell_of_restoration(
    settings: ServiceSettings, sources: Sequence[SnapshotSource], groups: Mapping[str, Sequence[str]], to: str
) -> None:
    """Follow a restoration to the instant `to`, and print what was done. Ends with status 2 where that can't be."""
    now = datetime.now(UTC)
    moment = _read_moment(to, now)
    try:
        async with Database.opened(settings.worker_dsn.get_secret_value(), max_size=2) as database:
            if sources:
                await _require_no_api(database, settings.service)
            summary = await follow_restoration(
                database,
                settings.kafka,
                sources=sources,
                groups=groups,
                moment=moment,
                now=now,
                progress=lambda line: typer.echo(line, err=True),
            )
    except WorkersRun as error:
        typer.echo(f"stop the {settings.service} workers first: {error} have members. Then run this again.", err=True)
        raise typer.Exit(2) from None
    for line in describe(summary):
        typer.echo(line)


async def _require_no_api(database: Database, service: str) -> None:
    """Refuse while the API may write: a version that it gave now would be one that others know as something else."""
    async with database.read_as_worker() as connection:
        is_up = await connection.fetchval(IS_API_UP, service)
    if is_up:
        typer.echo(f"stop the {service} API first: {service}_app has sessions in the database", err=True)
        raise typer.Exit(2)


def _read_moment(text: str, now: datetime) -> datetime:
    try:
        moment = parse_instant(text)
    except (ValidationError, ValueError):
        typer.echo("--to is not an instant with a zone, such as 2026-11-30T08:00:00Z", err=True)
        raise typer.Exit(2) from None
    if moment >= now:
        typer.echo("--to lies in the future: name the moment of the state that was restored", err=True)
        raise typer.Exit(2)
    return moment


def describe(summary: Summary) -> Iterator[str]:
    """Yield the lines that tell what was done and what is left to do."""
    for group_id, count in sorted(summary.reread.items()):
        yield f"{group_id}: reads {count} records again"
    for aggregate, count in summary.raised.items():
        ended = summary.ended.get(aggregate, 0)
        yield f"{aggregate}: {count} raised and told of again, {ended} ended that are not there any more"
    for aggregate, keys in summary.unended.items():
        yield from (
            f"{aggregate} {key} of tenant {tenant} is not there: {LEFT.get(aggregate, UNREAD)}" for tenant, key in keys
        )
    for aggregate, keys in summary.unerased.items():
        yield from (f"{aggregate} {key} of tenant {tenant} had been erased: erase it again" for tenant, key in keys)
    for aggregate, count in summary.made_again.items():
        yield f"{aggregate}: {count} will be made again by the workers. {AGAIN}"
    if summary.raised:
        yield "all is in the outbox; the relay brings it to Kafka. Start the workers again"
    else:
        yield "start the workers again"
