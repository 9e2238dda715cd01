"""A change of the organisation counts in the next request: who is promoted sees more, who leaves sees nothing."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from crm_contacts.settings import ContactsSettings
from crm_testing.answers import require_ok, require_problem, walk_pages
from crm_testing.people import Person, SeededTenant
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Contacts = ServiceKit[ContactsSettings]
ChangesUser = Callable[[Person, dict[str, Any]], Awaitable[None]]
Sees = Callable[[Person], Awaitable[set[str]]]


@pytest.fixture
async def change(contacts: Contacts, tenant: SeededTenant) -> ChangesUser:
    """Let the ADMIN change a user."""

    async def run(person: Person, changes: dict[str, Any]) -> None:
        require_ok(await contacts.client(tenant.admin).patch(f"/v1/users/{person.id}", json=changes))

    return run


@pytest.fixture
async def sees(contacts: Contacts, tenant: SeededTenant) -> Sees:
    """Return whose contacts and companies a person sees; each person owns one of both."""
    for person in tenant.people:
        client = contacts.client(person)
        require_ok(await client.post("/v1/companies", json={"name": person.full_name}), 201)
        require_ok(await client.post("/v1/contacts", json={"first_name": person.full_name}), 201)

    async def look(person: Person) -> set[str]:
        client = contacts.client(person)
        people = {contact["first_name"] for contact in await walk_pages(client, "/v1/contacts")}
        assert people == {company["name"] for company in await walk_pages(client, "/v1/companies")}
        assert require_ok(await client.get("/v1/me"))["visible_owner_count"] == len(people)
        return people

    return look


async def test_at_first_each_sees_their_own(tenant: SeededTenant, sees: Sees) -> None:
    assert await sees(tenant.admin) == {"Ada Admin", "Mia Manager", "Rae Rep", "Otto Other"}
    assert await sees(tenant.manager) == {"Mia Manager", "Rae Rep"}
    assert await sees(tenant.rep) == {"Rae Rep"}
    assert await sees(tenant.other_rep) == {"Otto Other"}


async def test_promoted_and_demoted(tenant: SeededTenant, change: ChangesUser, sees: Sees) -> None:
    await change(tenant.other_rep, {"manager_id": str(tenant.rep.id)})
    assert await sees(tenant.rep) == {"Rae Rep"}  # a report without the role shows nothing

    await change(tenant.rep, {"role": "MANAGER"})
    assert await sees(tenant.rep) == {"Rae Rep", "Otto Other"}
    assert await sees(tenant.manager) == {"Mia Manager", "Rae Rep"}  # direct reports alone

    await change(tenant.rep, {"role": "REP"})
    assert await sees(tenant.rep) == {"Rae Rep"}
    await change(tenant.rep, {"role": "ADMIN"})
    assert len(await sees(tenant.rep)) == 4


async def test_a_subtree_moves(contacts: Contacts, tenant: SeededTenant, change: ChangesUser, sees: Sees) -> None:
    admin = contacts.client(tenant.admin)
    await change(tenant.other_rep, {"manager_id": str(tenant.rep.id)})
    require_ok(await admin.patch("/v1/tenant", json={"manager_scope": "SUBTREE"}))
    assert await sees(tenant.manager) == {"Mia Manager", "Rae Rep", "Otto Other"}

    await change(tenant.rep, {"manager_id": None})
    assert await sees(tenant.manager) == {"Mia Manager"}
    await change(tenant.rep, {"manager_id": str(tenant.manager.id)})
    assert await sees(tenant.manager) == {"Mia Manager", "Rae Rep", "Otto Other"}

    require_ok(await admin.patch("/v1/tenant", json={"manager_scope": "DIRECT"}))
    assert await sees(tenant.manager) == {"Mia Manager", "Rae Rep"}


async def test_the_deactivated_are_out_at_once(
    contacts: Contacts, tenant: SeededTenant, change: ChangesUser, sees: Sees
) -> None:
    await change(tenant.rep, {"active": False})

    for path in ("/v1/me", "/v1/contacts", "/v1/tenant"):
        require_problem(await contacts.client(tenant.rep).get(path), 401, "unauthenticated")
    assert await sees(tenant.manager) == {"Mia Manager", "Rae Rep"}  # what they owned stays to be looked after
    await change(tenant.manager, {"active": False})
    await change(tenant.manager, {"active": True})
    assert await sees(tenant.manager) == {"Mia Manager", "Rae Rep"}
    await change(tenant.rep, {"active": True})
    assert await sees(tenant.rep) == {"Rae Rep"}


async def test_a_new_user_is_seen_by_their_manager(contacts: Contacts, tenant: SeededTenant) -> None:
    body = {"email": "jana@nordwind.example", "full_name": "Jana", "manager_id": str(tenant.manager.id)}
    user = require_ok(await contacts.client(tenant.admin).post("/v1/users", json=body), 201)
    admin, manager = contacts.client(tenant.admin), contacts.client(tenant.manager)
    contact = {"first_name": "Zoë", "owner_id": user["id"]}

    created = require_ok(await admin.post("/v1/contacts", json=contact), 201)

    assert require_ok(await manager.get(f"/v1/contacts/{created['id']}")) == created
    require_problem(await contacts.client(tenant.rep).get(f"/v1/contacts/{created['id']}"), 404, "not-found")
