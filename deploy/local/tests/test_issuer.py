"""Tokens of the local issuer are what the services' verifier takes, and are refused where another issuer rules."""

import json
import stat
from pathlib import Path
from uuid import uuid4

import jwt
import pytest

from crm_local.home import Home
from crm_local.issuer import ExternalIssuer, issue, make_keys
from crm_local.plan import AUDIENCE, ISSUER
from crm_shared.access.keys import IssuerKeys
from crm_shared.access.tokens import TokenVerifier
from crm_shared.refusals import Unauthenticated


def make_verifier(jwks_url: str) -> TokenVerifier:
    keys = IssuerKeys(jwks_url, refresh_s=300, max_age_s=86_400)
    return TokenVerifier(keys, issuer=ISSUER, audience=AUDIENCE, max_ttl_s=86_400)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.delenv("CRM_AUTH_JWKS_URL", raising=False)
    home = Home(tmp_path / "crm")
    home.secrets.mkdir(parents=True)
    home.run.mkdir()
    make_keys(home)
    return home


async def test_the_services_verifier_takes_it(home: Home) -> None:
    tenant_id, user_id = uuid4(), uuid4()
    token = issue(home, tenant_id=tenant_id, user_id=user_id, ttl_s=900)
    verifier = make_verifier(home.jwks_file.as_uri())
    _, claims = await verifier.verify(f"Bearer {token}")
    assert (claims.tenant_id, claims.user_id) == (tenant_id, user_id)
    payload = jwt.decode(token, options={"verify_signature": False})
    assert payload["exp"] - payload["iat"] == 900


async def test_another_homes_token_is_not_taken(home: Home, tmp_path: Path) -> None:
    stranger = Home(tmp_path / "other")
    stranger.secrets.mkdir(parents=True)
    make_keys(stranger)
    token = issue(stranger, tenant_id=uuid4(), user_id=uuid4(), ttl_s=60)
    verifier = make_verifier(home.jwks_file.as_uri())
    with pytest.raises(Unauthenticated):
        await verifier.verify(f"Bearer {token}")


def test_the_key_stays_private_and_the_same(home: Home) -> None:
    key = home.secrets / "issuer.pem"
    before = key.read_bytes()
    make_keys(home)
    assert key.read_bytes() == before
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert "d" not in json.loads(home.jwks_file.read_text())["keys"][0]


def test_no_token_beside_an_external_issuer(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_AUTH_JWKS_URL", "https://login.example/jwks.json")
    with pytest.raises(ExternalIssuer, match=r"login\.example"):
        issue(home, tenant_id=uuid4(), user_id=uuid4(), ttl_s=60)


def test_no_token_for_a_suite_that_was_started_with_one(home: Home) -> None:
    home.state_file.write_text(json.dumps({"jwks_url": "https://login.example/jwks.json"}))
    with pytest.raises(ExternalIssuer):
        issue(home, tenant_id=uuid4(), user_id=uuid4(), ttl_s=60)
