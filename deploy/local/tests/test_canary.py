"""The canary of `crm up`: there where it is wanted, with a tenant that is made once and a token that is kept fresh."""

import json
from pathlib import Path
from uuid import UUID

import jwt
import pytest

from crm_local.canary import find_tenant, write_token
from crm_local.home import Home
from crm_local.issuer import make_keys
from crm_local.plan import AUDIENCE, Plan
from crm_shared.service_registry import SERVICES

TENANT_ID, ADMIN_ID = UUID(int=1), UUID(int=2)
ALLOW = "CRM_WEBHOOK_ALLOW_PRIVATE"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.delenv("CRM_AUTH_JWKS_URL", raising=False)
    home = Home(tmp_path / "crm")
    home.make()
    return home


def test_it_runs_where_it_was_asked_for_and_its_endpoint_is_reached_there_alone(home: Home) -> None:
    assert "canary" not in Plan(home, 20000).ports().values()
    assert ALLOW not in Plan(home, 20000).service_environment("deals", "worker")
    home.remember("canary", wanted=True)
    plan = Plan(home, 20000)
    assert plan.ports()[20031] == "canary"
    (program,) = [one for one in plan.programs() if one.name == "canary"]
    assert program.environment["CRM_CANARY_WEBHOOK_URL"] == "http://127.0.0.1:20031/hook"
    assert program.environment["CRM_REPORTING_URL"] == plan.api_url("reporting")
    assert not [name for name in program.environment if name.endswith("_DSN")]
    assert [service for service in SERVICES if ALLOW in plan.service_environment(service, "worker")] == ["deals"]
    home.remember("canary", wanted=False)
    assert "canary" not in Plan(home, 20000).ports().values()


def test_its_tenant_is_the_one_that_was_made(home: Home) -> None:
    note = {"tenant_id": str(TENANT_ID), "admin_id": str(ADMIN_ID)}
    (home.path / "canary-tenant.json").write_text(json.dumps(note))
    assert find_tenant(Plan(home, 20000)) == (TENANT_ID, ADMIN_ID)


def test_its_token_is_of_its_tenants_admin(home: Home) -> None:
    make_keys(home)
    file = write_token(home, TENANT_ID, ADMIN_ID)
    claims = jwt.decode(file.read_text(), options={"verify_signature": False}, audience=AUDIENCE)
    assert (claims["tid"], claims["sub"]) == (str(TENANT_ID), str(ADMIN_ID))
    assert file.stat().st_mode & 0o077 == 0
