"""Who sees an activity: through its user, its contact or its deal; each endpoint, each role, two tenants."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import pytest

from crm_activities.consumers import keep_directory, keep_replicas, note_deal_moves
from crm_activities.settings import ActivitiesSettings
from crm_shared.clock import SystemClock, new_id
from crm_shared.contracts import new_event
from crm_testing.answers import require_ok, require_problem, walk_pages
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.people import JOINED_AT, Person, SeededTenant
from crm_testing.published import to_event
from crm_testing.published_records import make_contact_event
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[ActivitiesSettings]
PATH = "/v1/activities"

# By whose the user, the contacts and the deal of an activity are (None: it has none): who sees it beside the ADMIN.
SEEN_BY: Mapping[tuple[str, str | None, str | None], set[str]] = {
    ("rep", None, None): {"rep", "manager"},
    ("manager", None, None): {"manager"},
    ("other_rep", None, None): {"other_rep"},
    ("other_rep", "rep", None): {"other_rep", "rep", "manager"},
    ("other_rep", None, "rep"): {"other_rep", "rep", "manager"},
    ("other_rep", "rep", "manager"): {"other_rep", "rep", "manager"},
    ("rep", "other_rep", None): {"rep", "manager", "other_rep"},
    ("manager", None, "other_rep"): {"manager", "other_rep"},
    ("admin", None, None): set(),
    ("admin", "manager", None): {"manager"},
    ("admin", "admin rep", None): {"rep", "manager"},
    ("rep", "other_rep admin", None): {"rep", "manager", "other_rep"},
    ("admin", "admin manager other_rep", None): {"manager", "other_rep"},
    ("other_rep", "admin admin", "rep"): {"other_rep", "rep", "manager"},
}


async def log_as_admin(
    kit: Kit, tenant: SeededTenant, user: Person, contact_owners: Sequence[Person], deal_owner: Person | None
) -> dict[str, Any]:
    """Log an activity on contacts and a deal of these owners."""
    contacts = [make_contact_event(tenant.id, owner.id) for owner in contact_owners]
    await keep_replicas(contacts, kit.database)
    body: dict[str, Any] = {
        "type": "NOTE",
        "user_id": str(user.id),
        "contact_ids": [str(contact.aggregate_id) for contact in contacts],
    }
    if deal_owner is not None:
        deal = DealStory(PublishedPipeline.sales(tenant.id), deal_owner.id)
        await keep_replicas([*deal.create()], kit.database)
        body["deal_id"] = str(deal.id)
    return require_ok(await kit.client(tenant.admin).post(PATH, json=body), 201)


def people_of(tenant: SeededTenant) -> dict[str, Person]:
    return {"admin": tenant.admin, "manager": tenant.manager, "rep": tenant.rep, "other_rep": tenant.other_rep}


@pytest.mark.parametrize(("user", "contact_owners", "deal_owner"), SEEN_BY)
async def test_the_matrix(
    service: Kit, tenant: SeededTenant, user: str, contact_owners: str | None, deal_owner: str | None
) -> None:
    people = people_of(tenant)
    activity = await log_as_admin(
        service,
        tenant,
        people[user],
        [people[owner] for owner in (contact_owners or "").split()],
        people[deal_owner] if deal_owner else None,
    )
    viewers = SEEN_BY[user, contact_owners, deal_owner] | {"admin"}
    writers = {"admin", user} | ({"manager"} if user == "rep" else set())
    path = f"{PATH}/{activity['id']}"
    for name, person in people.items():
        client = service.client(person)
        read, listed = await client.get(path), await walk_pages(client, PATH)
        edited = await client.patch(path, json={"subject": f"by {name}"})
        if name in viewers:
            assert require_ok(read)["id"] == activity["id"], name
            assert [item["id"] for item in listed] == [activity["id"]], name
        else:
            require_problem(read, 404, "not-found")
            assert listed == [], name
        if name in writers:
            require_ok(edited)
        elif name in viewers:
            require_problem(edited, 403, "forbidden")
            require_problem(await client.delete(path), 403, "forbidden")
        else:
            require_problem(edited, 404, "not-found")
            require_problem(await client.delete(path), 404, "not-found")


@pytest.mark.parametrize("kind", ["contacts", "deals"])
@pytest.mark.parametrize(
    ("record_owner", "viewers"),
    [
        ("rep", {"admin", "manager", "rep"}),
        ("other_rep", {"admin", "other_rep"}),
        ("manager", {"admin", "manager"}),
    ],
)
async def test_who_sees_the_record_sees_its_timeline(
    service: Kit, tenant: SeededTenant, kind: str, record_owner: str, viewers: set[str]
) -> None:
    people = people_of(tenant)
    record_owner_person = people[record_owner]
    activity = await log_as_admin(
        service,
        tenant,
        tenant.admin,
        [record_owner_person] if kind == "contacts" else [],
        record_owner_person if kind == "deals" else None,
    )
    path = f"/v1/timelines/{kind}/{activity['contact_id'] or activity['deal_id']}"
    for name, person in people.items():
        answer = await service.client(person).get(path)
        if name in viewers:
            assert require_ok(answer)["items"] == [activity], name
        else:
            require_problem(answer, 404, "not-found")


async def test_another_tenant_sees_nothing(service: Kit, tenant: SeededTenant) -> None:
    strangers = await service.seed_tenant()
    activity = await log_as_admin(service, tenant, tenant.rep, [tenant.rep], tenant.rep)
    path = f"{PATH}/{activity['id']}"
    for person in strangers.people:
        client = service.client(person)
        for path_to_read in (
            path,
            f"/v1/timelines/contacts/{activity['contact_id']}",
            f"/v1/timelines/deals/{activity['deal_id']}",
        ):
            require_problem(await client.get(path_to_read), 404, "not-found")
        require_problem(await client.patch(path, json={"body": "x"}), 404, "not-found")
        require_problem(await client.delete(path), 404, "not-found")
        assert await walk_pages(client, PATH) == []
        for field in ("contact_id", "deal_id", "user_id", "in_reply_to"):
            value = activity["id"] if field == "in_reply_to" else activity[field]
            answer = await client.post(PATH, json={"type": "NOTE", field: value})
            require_problem(answer, 422, "unknown-reference", f"/{field}")


async def test_an_org_change_counts_at_once(service: Kit, tenant: SeededTenant) -> None:
    activity = await log_as_admin(service, tenant, tenant.rep, [], None)
    manager = service.client(tenant.manager)
    require_ok(await manager.get(f"{PATH}/{activity['id']}"))
    await keep_directory([to_event(publish_rep(tenant, version=2, manager_id=None))], service.database)
    require_problem(await manager.get(f"{PATH}/{activity['id']}"), 404, "not-found")
    await keep_directory([to_event(publish_rep(tenant, version=3, manager_id=tenant.manager.id))], service.database)
    require_ok(await manager.get(f"{PATH}/{activity['id']}"))


def publish_rep(tenant: SeededTenant, *, version: int, manager_id: UUID | None) -> Any:
    rep = tenant.rep
    return new_event(
        aggregate="user",
        aggregate_id=rep.id,
        verb="updated",
        version=version,
        tenant_id=tenant.id,
        occurred_at=JOINED_AT,
        state={
            "id": rep.id,
            "version": version,
            "email": rep.email,
            "full_name": rep.full_name,
            "role": rep.role,
            "manager_id": manager_id,
            "active": True,
            "time_zone": None,
            "created_at": JOINED_AT,
            "updated_at": JOINED_AT,
        },
        changed={},
        actor_id=tenant.admin.id,
    )


async def test_a_record_that_changes_hands_takes_its_timeline_along(service: Kit, tenant: SeededTenant) -> None:
    deal = DealStory(PublishedPipeline.sales(tenant.id), tenant.rep.id, actor_id=tenant.admin.id)
    await keep_replicas([*deal.create()], service.database)
    await note_deal_moves([*deal.move("Proposal")], service.database, SystemClock())
    rep, other_rep = service.client(tenant.rep), service.client(tenant.other_rep)
    path = f"/v1/timelines/deals/{deal.id}"
    (note,) = require_ok(await rep.get(path))["items"]
    require_problem(await other_rep.get(path), 404, "not-found")
    deal.owner_id = tenant.other_rep.id
    await keep_replicas([*deal.edit(owner_id=tenant.other_rep.id)], service.database)
    require_problem(await rep.get(path), 404, "not-found")
    require_problem(await rep.get(f"{PATH}/{note['id']}"), 404, "not-found")
    assert require_ok(await other_rep.get(path))["items"] == [note]


async def test_a_deleted_contact_shows_its_activities_to_their_users_only(service: Kit, tenant: SeededTenant) -> None:
    contact = make_contact_event(tenant.id, tenant.rep.id)
    await keep_replicas([contact], service.database)
    body = {"type": "NOTE", "contact_id": str(contact.aggregate_id), "user_id": str(tenant.admin.id)}
    activity = require_ok(await service.client(tenant.admin).post(PATH, json=body), 201)
    rep = service.client(tenant.rep)
    require_ok(await rep.get(f"{PATH}/{activity['id']}"))
    gone = make_contact_event(
        tenant.id, tenant.rep.id, contact_id=contact.aggregate_id, version=2, deleted_at=JOINED_AT
    )
    await keep_replicas([gone], service.database)
    require_problem(await rep.get(f"{PATH}/{activity['id']}"), 404, "not-found")
    assert await walk_pages(rep, PATH) == []
    for client in (rep, service.client(tenant.admin)):
        require_problem(await client.get(f"/v1/timelines/contacts/{contact.aggregate_id}"), 404, "not-found")
    require_ok(await service.client(tenant.admin).get(f"{PATH}/{activity['id']}"))


async def test_the_timeline_of_nothing_is_not_found(service: Kit, tenant: SeededTenant) -> None:
    for kind in ("contacts", "deals"):
        answer = await service.client(tenant.admin).get(f"/v1/timelines/{kind}/{new_id()}")
        require_problem(answer, 404, "not-found")
