"""The issuer of a trial: what it hands out the services' verifier takes, and only who has its secret gets any."""

import stat
from pathlib import Path
from typing import Final
from uuid import uuid4

import httpx
import jwt
import pytest
from typer.testing import CliRunner

from crm_issuer import cli
from crm_issuer.app import IssuerIdentity, make_app
from crm_issuer.keys import make_key
from crm_issuer.tokens import parse_ttl
from crm_shared.access.keys import IssuerKeys
from crm_shared.access.tokens import TokenVerifier

URL: Final = "https://crm.example/issuer"
SECRET: Final = "s e:cret+%"
CLIENT: Final = {"client_id": "crm", "client_secret": SECRET}


@pytest.fixture
def identity(tmp_path: Path) -> IssuerIdentity:
    return IssuerIdentity(URL, "crm", make_key(tmp_path / "issuer.pem", tmp_path / "jwks.json"), SECRET)


@pytest.fixture
def client(identity: IssuerIdentity) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(make_app(identity)), base_url="https://crm.example")


def ask(**changes: str) -> dict[str, str]:
    form = {"grant_type": "client_credentials", "tenant_id": str(uuid4()), "user_id": str(uuid4()), **changes}
    return {name: value for name, value in form.items() if value}


async def test_a_token_is_what_the_services_take(client: httpx.AsyncClient, tmp_path: Path) -> None:
    form = ask(ttl="15m")
    answer = await client.post("/token", data=form | CLIENT)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    token = answer.json()
    assert (token["token_type"], token["expires_in"]) == ("Bearer", 900)
    keys = IssuerKeys((tmp_path / "jwks.json").as_uri(), refresh_s=300, max_age_s=86_400)
    verifier = TokenVerifier(keys, issuer=URL, audience="crm", max_ttl_s=86_400)
    _, claims = await verifier.verify(f"Bearer {token['access_token']}")
    assert (str(claims.tenant_id), str(claims.user_id)) == (form["tenant_id"], form["user_id"])


async def test_discovery_names_keys_that_verify(client: httpx.AsyncClient) -> None:
    answered = (await client.get("/.well-known/openid-configuration")).json()
    assert answered["issuer"] == URL
    [key] = (await client.get(answered["jwks_uri"].removeprefix(URL))).json()["keys"]
    assert "d" not in key
    # As OAuth's own clients send them: both halves form-encoded, then Basic.
    basic = httpx.BasicAuth("crm", "s+e%3Acret%2B%25")
    answer = await client.post(answered["token_endpoint"].removeprefix(URL), data=ask(), auth=basic)
    jwt.decode(answer.json()["access_token"], jwt.PyJWK(key), audience="crm", issuer=URL)


@pytest.mark.parametrize(
    ("form", "error", "named"),
    [
        (ask() | CLIENT | {"client_secret": "guess"}, "invalid_client", "client_secret"),
        (ask() | CLIENT | {"client_id": "other"}, "invalid_client", "client_id"),
        (ask(), "invalid_client", "client_secret"),
        (ask(grant_type="password") | CLIENT, "unsupported_grant_type", "grant_type"),
        (ask(tenant_id="acme") | CLIENT, "invalid_request", "tenant_id"),
        (ask(user_id="") | CLIENT, "invalid_request", "user_id"),
        (ask(ttl="1d") | CLIENT, "invalid_request", "ttl"),
        (ask(ttl="25h") | CLIENT, "invalid_request", "ttl"),
    ],
)
async def test_what_is_refused_says_why(
    client: httpx.AsyncClient, form: dict[str, str], error: str, named: str
) -> None:
    answer = await client.post("/token", data=form)
    assert answer.status_code == (401 if error == "invalid_client" else 400)
    assert answer.json()["error"] == error
    assert named in answer.json()["error_description"]
    assert SECRET not in answer.text


@pytest.mark.parametrize("header", ["Basic", "Basic !", "Basic /w==", "Bearer x"])
async def test_a_header_that_names_nobody_is_nobody(client: httpx.AsyncClient, header: str) -> None:
    answer = await client.post("/token", data=ask(), headers={"Authorization": header})
    assert answer.json()["error"] == "invalid_client"


def test_the_key_stays_private_and_the_same(tmp_path: Path) -> None:
    first = make_key(tmp_path / "issuer.pem", tmp_path / "jwks.json")
    again = make_key(tmp_path / "issuer.pem", tmp_path / "jwks.json")
    assert first.kid == again.kid
    assert stat.S_IMODE((tmp_path / "issuer.pem").stat().st_mode) == 0o600


def test_a_shell_beside_it_has_tokens_of_the_same_key(tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    (tmp_path / "public").mkdir()
    key = make_key(tmp_path / cli.PRIVATE_FILE, tmp_path / cli.JWKS_FILE)
    whose = ["token", "--tenant", str(uuid4()), "--user", str(uuid4()), "--url", URL, "--folder", str(tmp_path)]
    answered = CliRunner().invoke(cli.app, whose)
    assert answered.exit_code == 0
    claims = jwt.decode(answered.stdout.strip(), jwt.PyJWK(key.to_jwks()["keys"][0]), audience="crm", issuer=URL)
    assert claims["tid"] == whose[2]
    for wrong in (["--ttl", "1d"], ["--ttl", "25h"], ["--folder", str(tmp_path / "elsewhere")]):
        assert CliRunner().invoke(cli.app, [*whose, *wrong]).exit_code == 2


def test_an_issuer_without_a_secret_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("\n")
    started = ["serve", "--url", URL, "--secret-file", str(tmp_path / "secret"), "--folder", str(tmp_path)]
    assert CliRunner().invoke(cli.app, started).exit_code == 2


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("15m", 900), ("1h", 3600)])
def test_ttl(text: str, seconds: int) -> None:
    assert parse_ttl(text) == seconds


@pytest.mark.parametrize("text", ["", "0s", "1d", "-5m", "1.5h", "15", "m"])
def test_ttl_that_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="30s, 15m or 1h"):
        parse_ttl(text)
