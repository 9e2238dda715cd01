"""Tenants and users through the API: who may write them, and what an organisation must never become."""

from typing import Any

import pytest

from crm_contacts.settings import ContactsSettings
from crm_shared.clock import new_id
from crm_shared.contracts.states import TenantState, UserState
from crm_testing.answers import require_ok, require_problem, walk_pages
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Contacts = ServiceKit[ContactsSettings]


async def test_me_is_what_the_directory_knows(contacts: Contacts, tenant: SeededTenant) -> None:
    expected = {tenant.admin: 4, tenant.manager: 2, tenant.rep: 1, tenant.other_rep: 1}

    for person, count in expected.items():
        me = require_ok(await contacts.client(person).get("/v1/me"))
        assert me["user"]["id"] == str(person.id)
        assert me["tenant"]["id"] == str(tenant.id)
        assert (me["role"], me["visible_owner_count"]) == (person.role, count)


async def test_a_tenant_is_read_by_all_and_written_by_admins(contacts: Contacts, tenant: SeededTenant) -> None:
    for person in tenant.people:
        answer = await contacts.client(person).get("/v1/tenant")
        TenantState.model_validate(require_ok(answer), extra="forbid")
        assert answer.headers["etag"] == '"1"'
    for person in (tenant.manager, tenant.rep):
        # Before the body is looked at: what is wrong with it is not for them to learn.
        require_problem(await contacts.client(person).patch("/v1/tenant", json={"colour": "red"}), 403, "forbidden")
    admin = contacts.client(tenant.admin)

    edited = require_ok(await admin.patch("/v1/tenant", json={"name": "Nordwind", "auto_merge": False}))

    assert (edited["name"], edited["auto_merge"], edited["version"]) == ("Nordwind", False, 2)
    assert require_ok(await admin.patch("/v1/tenant", json={"name": "Nordwind"})) == edited
    require_problem(await admin.patch("/v1/tenant", json={}, headers={"If-Match": '"1"'}), 412, "stale-version")
    (event,) = await contacts.take_events(tenant.id)
    assert (event.type, event.version, event.state) == ("crm.tenant.updated", 2, edited)
    assert set(event.changed or {}) == {"name", "auto_merge"}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"name": None}, "/name"),
        ({"base_currency": "EURO"}, "/base_currency"),
        ({"base_currency": "eur"}, "/base_currency"),
        ({"time_zone": "Mars/Base"}, "/time_zone"),
        ({"manager_scope": "ALL"}, "/manager_scope"),
        ({"auto_merge": "yes"}, "/auto_merge"),
        ({"default_region": "XX"}, "/default_region"),
        ({"id": str(new_id())}, "/id"),
    ],
)
async def test_a_tenants_wrong_field_is_named(
    contacts: Contacts, tenant: SeededTenant, body: dict[str, Any], pointer: str
) -> None:
    answer = await contacts.client(tenant.admin).patch("/v1/tenant", json=body)

    require_problem(answer, 422, "invalid-field", pointer)


async def test_the_tenants_region_reads_its_phones(contacts: Contacts, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    require_ok(await admin.patch("/v1/tenant", json={"default_region": "US"}))

    contact = require_ok(await admin.post("/v1/contacts", json={"phone": "(415) 555-2671"}), 201)

    assert contact["phone_e164"] == "+14155552671"
    assert len(await walk_pages(admin, "/v1/contacts", phone="415 555 2671")) == 1


async def test_a_user_lives_and_is_told_of(contacts: Contacts, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    facts = {"email": "jana@nordwind.example", "full_name": "Jana Keller", "role": "REP",
             "manager_id": str(tenant.manager.id), "active": True, "time_zone": "Europe/Lisbon"}  # fmt: skip

    answer = await admin.post("/v1/users", json=facts)

    created = require_ok(answer, 201)
    UserState.model_validate(created, extra="forbid")
    assert created.items() >= facts.items()
    assert answer.headers["location"] == f"/v1/users/{created['id']}"
    path = f"/v1/users/{created['id']}"
    for person in tenant.people:
        assert require_ok(await contacts.client(person).get(path)) == created
    edited = require_ok(await admin.patch(path, json={"time_zone": None}))
    assert require_ok(await admin.patch(path, json={"time_zone": None, "role": "REP"})) == edited
    gone = require_ok(await admin.patch(path, json={"active": False}))
    back = require_ok(await admin.patch(path, json={"active": True}))
    require_problem(await admin.patch(path, json={}, headers={"If-Match": '"1"'}), 412, "stale-version")
    events = await contacts.take_events(tenant.id)
    assert [(event.type, event.version) for event in events] == [
        ("crm.user.created", 1),
        ("crm.user.updated", 2),
        ("crm.user.deactivated", 3),
        ("crm.user.updated", 4),
    ]
    assert [event.state for event in events] == [created, edited, gone, back]
    assert events[2].changed == {"active": {"from": True, "to": False}}


async def test_only_admins_write_users(contacts: Contacts, tenant: SeededTenant, neighbour: SeededTenant) -> None:
    for person in (tenant.manager, tenant.rep):
        client = contacts.client(person)
        require_problem(await client.post("/v1/users", json={}), 403, "forbidden")
        require_problem(await client.patch(f"/v1/users/{person.id}", json={"role": "ADMIN"}), 403, "forbidden")
        require_problem(await client.patch(f"/v1/users/{new_id()}", json={}), 403, "forbidden")
    admin = contacts.client(tenant.admin)
    for user_id in (str(neighbour.rep.id), str(new_id()), "jana"):
        require_problem(await admin.get(f"/v1/users/{user_id}"), 404, "not-found")
        require_problem(await admin.patch(f"/v1/users/{user_id}", json={}), 404, "not-found")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"email": "jana"}, "/email"),
        ({"email": None}, "/email"),
        ({"full_name": ""}, "/full_name"),
        ({"role": "BOSS"}, "/role"),
        ({"role": None}, "/role"),
        ({"manager_id": "mia"}, "/manager_id"),
        ({"active": "no"}, "/active"),
        ({"time_zone": "Mars/Base"}, "/time_zone"),
        ({"password": "x"}, "/password"),
    ],
)
async def test_a_users_wrong_field_is_named(
    contacts: Contacts, tenant: SeededTenant, change: dict[str, Any], pointer: str
) -> None:
    admin = contacts.client(tenant.admin)
    body = {"email": "jana@nordwind.example", "full_name": "Jana Keller", "role": "REP", **change}

    require_problem(await admin.post("/v1/users", json=body), 422, "invalid-field", pointer)
    require_problem(await admin.patch(f"/v1/users/{tenant.rep.id}", json=change), 422, "invalid-field", pointer)


async def test_an_address_is_one_users_whatever_its_case(
    contacts: Contacts, tenant: SeededTenant, neighbour: SeededTenant
) -> None:
    admin = contacts.client(tenant.admin)
    body = {"full_name": "Jana", "email": "JANA@nordwind.example"}
    first = require_ok(await admin.post("/v1/users", json={**body, "email": "jana@nordwind.example"}), 201)
    require_ok(await admin.patch(f"/v1/users/{first['id']}", json={"active": False}))

    for answer in (
        await admin.post("/v1/users", json=body),
        await admin.patch(f"/v1/users/{tenant.rep.id}", json={"email": "JANA@Nordwind.example"}),
    ):
        assert require_problem(answer, 409, "duplicate-email")["existing_id"] == first["id"]
    require_ok(await admin.patch(f"/v1/users/{first['id']}", json={"email": "Jana@nordwind.example"}))
    require_ok(await contacts.client(neighbour.admin).post("/v1/users", json=body), 201)


async def test_a_manager_is_an_active_user_of_the_tenant(
    contacts: Contacts, tenant: SeededTenant, neighbour: SeededTenant
) -> None:
    admin = contacts.client(tenant.admin)
    require_ok(await admin.patch(f"/v1/users/{tenant.other_rep.id}", json={"active": False}))

    for manager_id in (str(new_id()), str(neighbour.manager.id), str(tenant.other_rep.id)):
        body = {"full_name": "Jana", "email": "jana@nordwind.example", "manager_id": manager_id}
        require_problem(await admin.post("/v1/users", json=body), 422, "unknown-reference", "/manager_id")
        answer = await admin.patch(f"/v1/users/{tenant.rep.id}", json={"manager_id": manager_id})
        require_problem(answer, 422, "unknown-reference", "/manager_id")


async def test_managers_never_form_a_cycle(contacts: Contacts, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    require_ok(await admin.patch(f"/v1/users/{tenant.other_rep.id}", json={"manager_id": str(tenant.rep.id)}))

    for manager in (tenant.manager, tenant.rep, tenant.other_rep):
        answer = await admin.patch(f"/v1/users/{tenant.manager.id}", json={"manager_id": str(manager.id)})
        require_problem(answer, 422, "manager-cycle", "/manager_id")


async def test_the_last_admin_stays(contacts: Contacts, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    path = f"/v1/users/{tenant.admin.id}"

    for change in ({"active": False}, {"role": "REP"}):
        require_problem(await admin.patch(path, json=change), 409, "last-admin")
    require_ok(await admin.patch(f"/v1/users/{tenant.manager.id}", json={"role": "ADMIN"}))
    require_ok(await admin.patch(path, json={"role": "REP"}))
    require_problem(await admin.patch(path, json={"role": "ADMIN"}), 403, "forbidden")  # at once
    second = contacts.client(tenant.manager)
    require_problem(await second.patch(f"/v1/users/{tenant.manager.id}", json={"active": False}), 409, "last-admin")


async def test_users_are_listed(contacts: Contacts, tenant: SeededTenant, neighbour: SeededTenant) -> None:
    client = contacts.client(tenant.rep)

    async def names(**parameters: str) -> list[str]:
        return [user["full_name"] for user in await walk_pages(client, "/v1/users", limit=3, **parameters)]

    assert await names(sort="full_name") == ["Ada Admin", "Mia Manager", "Otto Other", "Rae Rep"]
    assert await names(role="MANAGER") == ["Mia Manager"]
    assert await names(manager_id=str(tenant.manager.id)) == ["Rae Rep"]
    assert await names(email=tenant.rep.email.upper()) == ["Rae Rep"]
    assert await names(active="false") == []
    assert sorted(await names(active="true", updated_since="2026-01-01T00:00:00Z")) == sorted(await names())
    assert await names(email=neighbour.rep.email) == []
    assert await names(sort="-email") == ["Rae Rep", "Otto Other", "Mia Manager", "Ada Admin"]
    assert await names(q="  mia   MAN ") == await names(q=tenant.manager.email[:5].upper()) == ["Mia Manager"]
    assert await names(q="Manager") == []  # the beginning, and not a part
    assert await names(q="%") == []
    require_ok(await contacts.client(tenant.admin).patch(f"/v1/users/{tenant.other_rep.id}", json={"active": False}))
    assert await names(active="false") == ["Otto Other"]
    for parameter, value in (("role", "BOSS"), ("manager_id", "mia"), ("active", "maybe"), ("q", ""), ("name", "x")):
        require_problem(await client.get("/v1/users", params={parameter: value}), 422, None, f"?{parameter}")
    require_problem(await client.get("/v1/users", params={"sort": "role"}), 422, None, "?sort")


async def test_who_signs_in_is_the_user_whatever_becomes_of_the_address(
    contacts: Contacts, tenant: SeededTenant
) -> None:
    admin, rep = contacts.client(tenant.admin), contacts.client(tenant.rep)
    old = tenant.rep.email

    edited = require_ok(await admin.patch(f"/v1/users/{tenant.rep.id}", json={"email": "rae@new.example"}))

    assert require_ok(await rep.get("/v1/me"))["user"] == edited
    assert await walk_pages(admin, "/v1/users", email=old) == []
    body = {"email": old, "full_name": "Another"}
    assert require_ok(await admin.post("/v1/users", json=body), 201)["email"] == old  # free again


async def test_a_users_time_zone_goes_before_the_tenants(contacts: Contacts, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    path = f"/v1/users/{tenant.rep.id}"
    require_ok(await admin.patch("/v1/tenant", json={"time_zone": "America/New_York"}))

    for zone in ("Asia/Kathmandu", "UTC", None):
        assert require_ok(await admin.patch(path, json={"time_zone": zone}))["time_zone"] == zone
    for zone in ("europe/berlin", "Factory", "", "UTC+1", "../etc/passwd"):
        require_problem(await admin.patch(path, json={"time_zone": zone}), 422, "invalid-field", "/time_zone")


async def test_the_reports_of_a_manager_who_left_stay_theirs(contacts: Contacts, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    require_ok(await admin.patch("/v1/tenant", json={"manager_scope": "SUBTREE"}))
    require_ok(await admin.patch(f"/v1/users/{tenant.other_rep.id}", json={"role": "MANAGER"}))
    require_ok(await admin.patch(f"/v1/users/{tenant.manager.id}", json={"manager_id": str(tenant.other_rep.id)}))
    require_ok(await contacts.client(tenant.rep).post("/v1/contacts", json={"first_name": "Zoë"}), 201)
    successor_id = str(tenant.admin.id)

    change = {"active": False, "successor_id": successor_id}
    require_ok(await admin.patch(f"/v1/users/{tenant.manager.id}", json=change))

    report = require_ok(await admin.get(f"/v1/users/{tenant.rep.id}"))
    assert report["manager_id"] == str(tenant.manager.id)  # records are handed over, people are not
    seen = await walk_pages(contacts.client(tenant.other_rep), "/v1/contacts")
    assert [contact["owner_id"] for contact in seen] == [str(tenant.rep.id)]  # who stands above sees them yet
    require_ok(await admin.patch(f"/v1/users/{tenant.rep.id}", json={"full_name": "Rae R."}))
    require_ok(await admin.patch(f"/v1/users/{tenant.rep.id}", json={"manager_id": None}))
    back = {"manager_id": str(tenant.manager.id)}
    require_problem(await admin.patch(f"/v1/users/{tenant.rep.id}", json=back), 422, "unknown-reference", "/manager_id")
