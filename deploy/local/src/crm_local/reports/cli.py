"""`crm report`: its arguments."""

from typing import Annotated
from uuid import UUID

import typer

from crm_local import suite
from crm_local.home import Home
from crm_local.opening import open_plan, refuse
from crm_local.reports.catalogue import ReportName, refuse_untaken

NARROWEST, WIDEST = 40, 500
WRONG_USAGE = 2
FIRST = "first day; movement: an instant, such as 2026-11-01T00:00:00Z; attainment: a month, such as 2026-11"
CALLED_BY = "id or e-mail address of whom to ask as; default: the tenant's ADMIN"
GROUPS = "win-rate: owner, month, source, lost_reason; velocity: owner, month"
Width = Annotated[
    int | None, typer.Option(min=NARROWEST, max=WIDEST, help="columns; default: the terminal's, 80 where there is none")
]


def report(  # noqa: PLR0913 - one for each option
    name: Annotated[ReportName, typer.Argument(help=", ".join(ReportName), metavar="NAME", show_choices=False)],
    *,
    tenant: Annotated[UUID | None, typer.Option(help="default: the demo tenant, else the only one")] = None,
    user: Annotated[str | None, typer.Option(help=CALLED_BY)] = None,
    from_: Annotated[str | None, typer.Option("--from", help=FIRST)] = None,
    to: Annotated[str | None, typer.Option(help="last day, instant or month; likewise")] = None,
    as_of: Annotated[str | None, typer.Option(help="a past moment: pipeline, forecast")] = None,
    pipeline: Annotated[str | None, typer.Option(help="its id; default: the default pipeline")] = None,
    owner: Annotated[list[str] | None, typer.Option(help="id or e-mail address, repeatable; default: all")] = None,
    currency: Annotated[str | None, typer.Option(help="ISO 4217; default: the tenant's")] = None,
    time_zone: Annotated[str | None, typer.Option(help="IANA name; default: the tenant's")] = None,
    group_by: Annotated[str | None, typer.Option(help=GROUPS)] = None,
    from_stage: Annotated[str | None, typer.Option(help="a stage's id: conversion, with --to-stage")] = None,
    to_stage: Annotated[str | None, typer.Option(help="a stage's id: conversion, with --from-stage")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="print CSV, as the API answers it")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON, as the API answers it")] = False,
    width: Width = None,
) -> None:
    """Print a report of the running suite as a table, with a chart of its main figure.

    What each figure counts: docs/reports.md. With examples: docs/guides/reports.md.
    """
    given = {
        "from": from_, "to": to, "as_of": as_of, "pipeline_id": pipeline, "owner_id": owner or None,
        "currency": currency, "time_zone": time_zone, "group_by": group_by,
        "from_stage": from_stage, "to_stage": to_stage,
    }  # fmt: skip
    asked = {parameter: value for parameter, value in given.items() if value is not None}
    if reason := refuse_untaken(name, asked):
        refuse(reason, status=WRONG_USAGE)
    if as_csv and as_json:
        refuse("--csv or --json, not both", status=WRONG_USAGE)
    accept = "text/csv" if as_csv else "application/json" if as_json else None
    parameters = {parameter: str(value) for parameter, value in asked.items() if parameter != "owner_id"}
    try:
        _print(name, parameters, tenant, user, owner or [], accept, width)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _print(
    name: ReportName,
    parameters: dict[str, str],
    tenant: UUID | None,
    user: str | None,
    owners: list[str],
    accept: str | None,
    width: int | None,
) -> None:
    from crm_local.reports.asking import ReportRefused
    from crm_local.reports.command import Request, fetch, show

    home = Home.from_environment()
    plan = open_plan(home)
    if suite.supervisor_pid(home) is None:
        refuse("nothing is running: crm up")
    request = Request(name, parameters, tenant, user, owners)
    try:
        if accept is None:
            show(plan, request, width=width)
        else:
            typer.echo(fetch(plan, request, accept=accept), nl=accept != "text/csv")
    except ReportRefused as error:
        refuse(str(error))
