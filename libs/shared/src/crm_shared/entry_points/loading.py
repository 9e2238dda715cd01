"""How an entry point of a service begins: its settings, and clear words about what is missing or wrong."""

from collections.abc import Iterator
from typing import TypeVar

import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError

from crm_shared.database_access import dsn_variable, list_dsns
from crm_shared.settings import ServiceSettings
from crm_shared.telemetry.logs import configure_logs
from crm_shared.telemetry.tracing import find_wrong_setting

SettingsT = TypeVar("SettingsT", bound=ServiceSettings)


def load_settings(service: str, entry_point: str, settings_type: type[SettingsT]) -> SettingsT:
    """Read the environment and start logging. Ends the process with status 2, naming what is missing or wrong."""
    try:
        settings = settings_type()
    except (ValidationError, SettingsError) as error:
        typer.echo(f"crm-{service}: settings missing or wrong: {'; '.join(_describe(error))}", err=True)
        raise typer.Exit(2) from None
    wrong = find_wrong_setting()
    if wrong is not None:
        typer.echo(f"crm-{service}: settings missing or wrong: {wrong}", err=True)
        raise typer.Exit(2)
    missing = [name for name in list_dsns(service, entry_point) if not getattr(settings, name).get_secret_value()]
    if missing:
        described = "; ".join(_describe_dsn(service, name) for name in missing)
        typer.echo(f"crm-{service} {entry_point} needs {described}. `crm env` prints those of a local suite.", err=True)
        raise typer.Exit(2)
    configure_logs(service=service, role=entry_point, level=settings.log_level)
    return settings


def _describe(error: ValidationError | SettingsError) -> Iterator[str]:
    """Say what is wrong without the values, which may be secrets."""
    if isinstance(error, SettingsError):
        yield str(error.__cause__ or error)
        return
    for found in error.errors(include_url=False, include_context=False, include_input=False):
        place = ".".join(str(part) for part in found["loc"])
        message = found["msg"].removeprefix("Value error, ")
        yield f"{place}: {message}" if place else message


def _describe_dsn(service: str, name: str) -> str:
    described = ServiceSettings.model_fields[name].description or ""
    return f"{dsn_variable(service, name)} ({described.partition(':')[0].replace('<service>', service)})"
