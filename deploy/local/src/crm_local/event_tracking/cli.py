"""`crm why`: its arguments, and how what was found is printed."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from crm_local.opening import open_running
from crm_shared.features.event_tracking import EVENT_HELP, JSON_HELP, MOST_HELP, MOST_RECORDS, RECORD_HELP


def why(
    event_id: Annotated[str, typer.Argument(help=EVENT_HELP)],
    *,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
    record: Annotated[str, typer.Option(help=RECORD_HELP)] = "",
    most: Annotated[int, typer.Option(min=0, help=MOST_HELP)] = MOST_RECORDS,
    compose: Annotated[bool, typer.Option("--compose", help="in the containers of docker-compose.yml")] = False,
) -> None:
    """Show the way of one event: outbox, topic, each group, dead letters, and what came of it. Status 1: not found."""
    from crm_local.event_tracking.asking import Asked, ComposeServices, LocalServices, ask_all
    from crm_shared.features.event_tracking.command import read_wanted
    from crm_shared.features.event_tracking.parts import PARTS, is_found
    from crm_shared.features.event_tracking.table import print_parts

    wanted = read_wanted(event_id, record, most)
    asked: Asked = ComposeServices(Path.cwd()) if compose else LocalServices(open_running())
    try:
        parts = asyncio.run(ask_all(asked, wanted))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    if as_json:
        typer.echo(PARTS.dump_json(parts).decode())
    else:
        print_parts(wanted.event_id, parts)
    if not is_found(parts):
        raise typer.Exit(1)
