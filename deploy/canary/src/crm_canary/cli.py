"""The `crm-canary` command."""

import logging
import ssl

import httpx
import typer
import uvicorn
from pydantic import ValidationError

from crm_canary.app import CanaryApp
from crm_canary.deal import CanaryDeal
from crm_canary.hops import Report, Search, Timeline
from crm_canary.receiver import Receiver
from crm_canary.rounds import Canary, Pace
from crm_canary.settings import CanarySettings
from crm_canary.suite_api import SuiteApi
from crm_canary.tokens import ClientCredentials, TokenFile, Tokens

REQUEST_TIMEOUT_S = 10.0
WRONG_USAGE = 2

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Moves a deal, and times when each part shows it.")


@app.callback()
def _root() -> None:
    """Keep `serve` a word of its own, though it is the only one."""


@app.command()
def serve() -> None:
    """Move the tenant's one deal to and fro; health, metrics and the webhooks' endpoint on CRM_HTTP_HOST:CRM_HTTP_PORT.

    Settings are CRM_CANARY_… variables: docs/operations/canary.md.
    """
    try:
        settings = CanarySettings()
    except ValidationError as error:
        for found in error.errors(include_url=False, include_context=False, include_input=False):
            place = ".".join(str(part) for part in found["loc"])
            typer.echo(f"crm-canary: {place}{': ' if place else ''}{found['msg']}", err=True)
        raise typer.Exit(WRONG_USAGE) from None
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    uvicorn.run(make_app(settings), host=settings.http_host, port=settings.http_port, access_log=False, log_config=None)


def make_app(settings: CanarySettings, transport: httpx.AsyncBaseTransport | None = None) -> CanaryApp:
    """Put the canary together. It begins with the application's lifespan, and ends with it."""
    verify = ssl.create_default_context(cafile=settings.ca_file) if settings.ca_file is not None else True
    http = httpx.AsyncClient(timeout=REQUEST_TIMEOUT_S, verify=verify, transport=transport)
    api = SuiteApi(
        http,
        {
            "deals": settings.deals_url,
            "activities": settings.activities_url,
            "search": settings.search_url,
            "reporting": settings.reporting_url,
        },
        _make_tokens(http, settings),
    )
    receiver = Receiver(api, settings.webhook_url) if settings.webhook_url is not None else None
    pace = Pace(settings.every_s, settings.lost_after_s)
    canary = Canary(CanaryDeal(api), [Timeline(api), Search(api), Report(api)], receiver, pace)
    return CanaryApp(canary, receiver, close=http.aclose)


def _make_tokens(http: httpx.AsyncClient, settings: CanarySettings) -> Tokens:
    if settings.token_file is not None:
        return TokenFile(settings.token_file)
    if settings.token_url is None or settings.client_secret_file is None:
        raise ValueError("no way to a token")  # the settings have made sure
    return ClientCredentials(
        http, settings.token_url, settings.client_id, settings.client_secret_file, settings.token_form
    )


def main() -> None:
    app()


if __name__ == "__main__":
    main()
