"""The issuer over HTTP: OpenID Connect discovery, its keys, and tokens for whoever has the client's secret.

The one grant is client credentials (RFC 6749, section 4.4) with two parameters of ours, `tenant_id` and `user_id`: who
holds the secret may be anybody, which is what a trial needs and what production must never have.
"""

import base64
import binascii
import secrets
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote_plus
from uuid import UUID

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.datastructures import FormData

from crm_issuer.keys import ALGORITHM, SigningKey
from crm_issuer.tokens import LONGEST_TTL_S, parse_ttl, sign

CLIENT_ID: Final = "crm"
DEFAULT_TTL_S: Final = 3600
MAX_FIELDS: Final = 20
GRANT: Final = "client_credentials"


@dataclass(frozen=True, slots=True)
class IssuerIdentity:
    """`url` is the `iss` of its tokens and where it is reached; `secret` what POST /token asks for."""

    url: str
    audience: str
    key: SigningKey
    secret: str


class TokenRefused(Exception):
    """`error` is one of RFC 6749, section 5.2; the message says what to do."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(message)
        self.error = error


def make_app(identity: IssuerIdentity) -> FastAPI:
    app = FastAPI(title="CRM issuer", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)

    @app.get("/livez")
    async def check_alive() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/.well-known/openid-configuration")
    async def discover() -> dict[str, Any]:
        return describe(identity.url)

    @app.get("/jwks.json")
    async def read_keys() -> dict[str, Any]:
        return identity.key.to_jwks()

    @app.post("/token")
    async def issue_token(request: Request) -> JSONResponse:
        headers = {"Cache-Control": "no-store"}
        try:
            async with request.form(max_files=0, max_fields=MAX_FIELDS) as form:
                answer = grant(identity, form, request.headers.get("authorization", ""))
        except TokenRefused as refused:
            body = {"error": refused.error, "error_description": str(refused)}
            if refused.error != "invalid_client":
                return JSONResponse(body, HTTPStatus.BAD_REQUEST, headers)
            return JSONResponse(body, HTTPStatus.UNAUTHORIZED, headers | {"WWW-Authenticate": 'Basic realm="crm"'})
        return JSONResponse(answer, headers=headers)

    return app


def describe(url: str) -> dict[str, Any]:
    """Return the issuer's metadata (OpenID Connect Discovery 1.0, section 3)."""
    return {
        "issuer": url,
        "jwks_uri": f"{url}/jwks.json",
        "token_endpoint": f"{url}/token",
        "grant_types_supported": [GRANT],
        "response_types_supported": ["token"],
        "subject_types_supported": ["public"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "claims_supported": ["iss", "aud", "sub", "tid", "iat", "exp"],
    }


def grant(identity: IssuerIdentity, form: FormData, authorization: str) -> dict[str, Any]:
    """Answer a request for a token. Raises TokenRefused."""
    client_id, secret = _read_basic(authorization) or (_read(form, "client_id"), _read(form, "client_secret"))
    known = secrets.compare_digest(secret.encode(), identity.secret.encode())
    if not known or client_id != CLIENT_ID:
        raise TokenRefused("invalid_client", f"client_id is {CLIENT_ID!r}, client_secret the issuer's secret")
    if _read(form, "grant_type") != GRANT:
        raise TokenRefused("unsupported_grant_type", f"grant_type must be {GRANT}")
    ttl_s = _read_ttl(form)
    token = sign(
        identity.key,
        issuer=identity.url,
        audience=identity.audience,
        tenant_id=_read_id(form, "tenant_id"),
        user_id=_read_id(form, "user_id"),
        ttl_s=ttl_s,
    )
    return {"access_token": token, "token_type": "Bearer", "expires_in": ttl_s}


def _read_basic(authorization: str) -> tuple[str, str] | None:
    """Read client_id and secret from an Authorization header, None where it is no Basic one."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise TokenRefused("invalid_client", "the Authorization header holds no client_id:client_secret") from None
    return unquote_plus(client_id), unquote_plus(secret)  # RFC 6749, section 2.3.1


def _read(form: FormData, field: str) -> str:
    value = form.get(field, "")
    return value if isinstance(value, str) else ""


def _read_id(form: FormData, field: str) -> UUID:
    try:
        return UUID(_read(form, field))
    except ValueError:
        raise TokenRefused("invalid_request", f"{field} must be an id, as create-tenant gives it") from None


def _read_ttl(form: FormData) -> int:
    """Read how long the token lives, in seconds."""
    if not (text := _read(form, "ttl")):
        return DEFAULT_TTL_S
    try:
        ttl_s = parse_ttl(text)
    except ValueError as error:
        raise TokenRefused("invalid_request", f"ttl: {error}") from None
    if ttl_s > LONGEST_TTL_S:
        raise TokenRefused("invalid_request", "ttl: at most 24h")
    return ttl_s
