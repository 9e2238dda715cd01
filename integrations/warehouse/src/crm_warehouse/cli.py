"""crm-warehouse sync | schema | access; `crm-reporting warehouse …` is the same where both are installed."""

import signal
import sys
from typing import Annotated, Any, NoReturn, TypeVar
from uuid import UUID

import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError

from crm_warehouse.settings import DestinationName, OwnerSettings, WarehouseSettings

main = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Bring what reports are made of into a data warehouse. Settings: CRM_WAREHOUSE_… (docs/guides/warehouse.md).",
)
Destination = Annotated[
    DestinationName | None,
    typer.Option(help="Where to; else CRM_WAREHOUSE_DESTINATION, else duckdb.", show_default=False),
]

SettingsT = TypeVar("SettingsT", WarehouseSettings, OwnerSettings)


@main.command()
def sync(
    destination: Destination = None,
    dataset: Annotated[str | None, typer.Option(help="Schema or folder; else CRM_WAREHOUSE_DATASET, else crm.")] = None,
    tenant: Annotated[UUID | None, typer.Option(help="This tenant alone; a dataset holds one tenant, or all.")] = None,
    *,
    full: Annotated[bool, typer.Option("--full", help="Bring every row anew, not only what changed.")] = False,
) -> None:
    """Bring what changed since the last time, and remove what is there no more. Run it as often as you like."""
    given = {name: value for name, value in {"destination": destination, "dataset": dataset}.items() if value}
    settings = _load(WarehouseSettings, **given)
    if not settings.dsn.get_secret_value():
        _fail("needs CRM_WAREHOUSE_DSN, reporting's database as the role that `crm-warehouse access` makes", status=2)
    signal.signal(
        signal.SIGTERM, signal.default_int_handler
    )  # as Ctrl-C: what was read whole is kept for the next time
    import psycopg
    from dlt.pipeline.exceptions import PipelineStepFailed

    from crm_warehouse.destinations import WrongDestination
    from crm_warehouse.sync import SyncRefused
    from crm_warehouse.sync import sync as run

    try:
        summary = run(settings, tenant=tenant, full=full, say=_say)
    except (SyncRefused, WrongDestination) as error:
        _fail(str(error), status=2)
    except psycopg.errors.InsufficientPrivilege as error:
        _fail(f"{str(error).strip()}: grant anew with `crm-warehouse access --keep-password`")
    except psycopg.Error as error:
        _fail(f"reporting's database can't be read: {str(error).strip()}. Nothing was changed.")
    except PipelineStepFailed as error:
        _fail(f"{error.step} failed: {_innermost(error)}. Run it again: it goes on where it was.")
    except KeyboardInterrupt:
        _fail("interrupted; the next sync goes on from here", status=130)
    for table, count in summary.rows.items():
        if count:
            typer.echo(f"{table}: {count}")
    rate = f", {summary.total / summary.seconds:,.0f} a second" if summary.total else ""
    typer.echo(f"{summary.total} rows in {summary.seconds:.1f} s{rate}")


@main.command()
def schema(
    destination: Destination = None,
    *,
    page: Annotated[bool, typer.Option("--page", help="Print a page in Markdown instead.")] = False,
) -> None:
    """Print the SQL of the star schema's tables, with what each column means. Asks nobody and needs no credentials."""
    from crm_warehouse.ddl import write_ddl, write_page
    from crm_warehouse.destinations import WrongDestination

    if page:
        typer.echo(write_page(), nl=False)
        return
    try:
        typer.echo(write_ddl(destination or _load(WarehouseSettings).destination), nl=False)
    except WrongDestination as error:
        _fail(str(error), status=2)


@main.command()
def access(
    tenant: Annotated[UUID | None, typer.Option(help="A role that sees this tenant alone.")] = None,
    role: Annotated[str, typer.Option(help="Its name; else reporting_warehouse, with the tenant's id for one.")] = "",
    *,
    keep_password: Annotated[
        bool, typer.Option("--keep-password", help="Grant anew, as after an upgrade, no more.")
    ] = False,
    revoke: Annotated[bool, typer.Option("--revoke", help="Drop the role.")] = False,
) -> None:
    """Make the role that a sync reads as, and print its DSN: now, and never again. Again: a new password."""
    import psycopg

    from crm_warehouse import access as roles

    settings = _load(OwnerSettings)
    dsns = settings.admin_dsn.get_secret_value(), settings.owner_dsn.get_secret_value()
    if not all(dsns):
        _fail("needs CRM_ADMIN_DSN, which may make roles, and CRM_REPORTING_OWNER_DSN, which owns the tables", status=2)
    try:
        name = role or roles.name_role(tenant)
        if not revoke:
            typer.echo(roles.grant(*dsns, name, tenant, keep_password=keep_password))
        elif not roles.revoke(*dsns, name):
            _fail(f"there is no role {name}")
    except psycopg.Error as error:
        _fail(f"PostgreSQL refused: {str(error).strip()}")


def _load(kind: type[SettingsT], **given: Any) -> SettingsT:
    try:
        return kind(**given)
    except ValidationError as error:
        wrong = (f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_input=False))
        _fail(f"settings missing or wrong: {'; '.join(wrong)}", status=2)
    except SettingsError as error:
        _fail(f"settings missing or wrong: {error.__cause__ or error}", status=2)


def _innermost(error: BaseException) -> str:
    """Return what went wrong at the bottom, in one line: dlt wraps it in the whole story."""
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(str(error).split())[:500]


def _say(line: str) -> None:
    typer.echo(line, err=True)


def _fail(message: str, *, status: int = 1) -> NoReturn:
    typer.echo(f"crm-warehouse: {message}", err=True)
    raise typer.Exit(status)


if __name__ == "__main__":
    sys.exit(main())
