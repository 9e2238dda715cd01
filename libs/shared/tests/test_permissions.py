"""What each role may do, as one table; a new role is a row of it, and the gates ask the table."""

from collections.abc import Mapping
from uuid import uuid4

import httpx
import pytest
from libs.shared.tests.http.things import ThingsSettings

from crm_shared import permissions
from crm_shared.access import Permission, Role
from crm_shared.contracts.states import UserState
from crm_shared.permissions import list_roles
from crm_testing.answers import require_ok, require_problem
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit

Things = ServiceKit[ThingsSettings]

MATRIX = """
                     ADMIN MANAGER REP
SEE_ALL              x     .       .
SEE_TEAM             .     x       .
SEE_ALL_IMPORTS      x     .       .
WRITE                x     x       x
BACKDATE             x     .       .
CHANGE_TENANT        x     .       .
WRITE_USERS          x     .       .
WRITE_PIPELINES      x     .       .
WRITE_CUSTOM_FIELDS  x     .       .
WRITE_EXCHANGE_RATES x     .       .
WRITE_QUOTAS         x     .       .
USE_WEBHOOKS         x     .       .
ERASE_CONTACTS       x     .       .
"""


def draw_matrix(table: Mapping[Role, frozenset[Permission]]) -> str:
    """Draw a column for each role, a line for each permission."""
    lines = [["", *table]]
    lines += [[one.name, *("x" if one in held else "." for held in table.values())] for one in Permission]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    drawn = [" ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n" + "\n".join(drawn) + "\n"


def test_who_may_do_what() -> None:
    drawn = draw_matrix(permissions.ROLE_PERMISSIONS)
    assert drawn == MATRIX, drawn


def test_every_role_has_a_row_and_sees_in_one_way() -> None:
    assert list(permissions.ROLE_PERMISSIONS) == list(Role)
    assert not set(list_roles(Permission.SEE_ALL)) & set(list_roles(Permission.SEE_TEAM))


def test_a_role_covers_those_that_may_no_more() -> None:
    assert {(role, other) for role in Role for other in Role if permissions.covers(role, other)} == {
        *((role, role) for role in Role),
        (Role.ADMIN, Role.MANAGER),
        (Role.ADMIN, Role.REP),
        (Role.MANAGER, Role.REP),
    }


def test_the_contract_has_the_same_roles() -> None:
    assert UserState.model_json_schema()["properties"]["role"]["enum"] == list(Role)


@pytest.fixture
def rep_without_permissions(monkeypatch: pytest.MonkeyPatch, things: Things, tenant: SeededTenant) -> httpx.AsyncClient:
    """Sign in with a role that reads what is its own and no more, as a row of the table alone makes it."""
    table: dict[Role, frozenset[Permission]] = {**permissions.ROLE_PERMISSIONS, Role.REP: frozenset()}
    monkeypatch.setattr(permissions, "ROLE_PERMISSIONS", table)
    return things.client(tenant.rep)


@pytest.mark.engines
async def test_who_may_not_write_reads_and_is_stopped_before_the_body(
    things: Things, tenant: SeededTenant, rep_without_permissions: httpx.AsyncClient
) -> None:
    thing = require_ok(await things.client(tenant.manager).post("/v1/things", json={"name": "a"}), 201)
    path = f"/v1/things/{thing['id']}"
    assert require_ok(await rep_without_permissions.get(path)) == thing

    for method, target in (("POST", "/v1/things"), ("DELETE", path)):
        refused = await rep_without_permissions.request(method, target, content=b"no JSON")
        problem = require_problem(refused, 403, "forbidden")
        assert problem["detail"] == "Only an ADMIN or MANAGER may write."
        assert int(refused.headers["ratelimit-remaining"]) < int(refused.headers["ratelimit-limit"])
    keyed = await rep_without_permissions.post(
        "/v1/things", json={"name": "b"}, headers={"Idempotency-Key": str(uuid4())}
    )
    require_problem(keyed, 403, "forbidden")
    assert require_ok(await things.client(tenant.manager).get(path)) == thing
