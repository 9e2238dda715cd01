"""The `crm-issuer` command: `serve` in a container of its own, `token` for a shell beside it."""

from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
import uvicorn

from crm_issuer.app import IssuerIdentity, make_app
from crm_issuer.keys import load_key, make_key
from crm_issuer.tokens import LONGEST_TTL_S, parse_ttl, sign

PRIVATE_FILE, JWKS_FILE = "private/issuer.pem", "public/jwks.json"

app = typer.Typer(no_args_is_help=True, add_completion=False, help="An issuer of tokens for development and trials.")

Folder = Annotated[Path, typer.Option(envvar="CRM_ISSUER_FOLDER", help="of its keys: private/ and public/")]
Url = Annotated[str, typer.Option(envvar="CRM_AUTH_ISSUER", help="who it is in its tokens, and where it is reached")]
Audience = Annotated[str, typer.Option(envvar="CRM_AUTH_AUDIENCE", help="whom its tokens are for")]


@app.command()
def serve(
    url: Url,
    secret_file: Annotated[Path, typer.Option(envvar="CRM_ISSUER_SECRET_FILE", help="what POST /token asks for")],
    folder: Folder = Path("/run/issuer"),
    audience: Audience = "crm",
    host: Annotated[str, typer.Option(envvar="CRM_HTTP_HOST")] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="CRM_HTTP_PORT")] = 8000,
) -> None:
    """Answer discovery, keys and tokens, with keys that are made at the first start."""
    secret = secret_file.read_text().strip()
    if not secret:
        raise typer.BadParameter(f"{secret_file} is empty: anybody could have a token")
    for file in (PRIVATE_FILE, JWKS_FILE):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
    key = make_key(folder / PRIVATE_FILE, folder / JWKS_FILE)
    # Its access log would be the one place that tells which of a trial's users asked; its own words are few.
    uvicorn.run(
        make_app(IssuerIdentity(url.rstrip("/"), audience, key, secret)), host=host, port=port, access_log=False
    )


@app.command()
def token(
    tenant: Annotated[UUID, typer.Option(help="the tenant's id")],
    user: Annotated[UUID, typer.Option(help="the user's id")],
    url: Url,
    ttl: Annotated[str, typer.Option(help="30s, 15m, 1h")] = "1h",
    folder: Folder = Path("/run/issuer"),
    audience: Audience = "crm",
) -> None:
    """Print a token."""
    try:
        ttl_s = parse_ttl(ttl)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if ttl_s > LONGEST_TTL_S:
        raise typer.BadParameter("a token lives for 24h at most")
    try:
        key = load_key(folder / PRIVATE_FILE)
    except FileNotFoundError:
        raise typer.BadParameter(f"no key in {folder}: crm-issuer serve makes it") from None
    signed = sign(key, issuer=url.rstrip("/"), audience=audience, tenant_id=tenant, user_id=user, ttl_s=ttl_s)
    typer.echo(signed)


def main() -> None:
    app()
