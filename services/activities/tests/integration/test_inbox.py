"""The inbox over HTTP: four sections, their counts, their pages, and whose it is."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from crm_activities.consumers import forget_contacts, hand_over, keep_directory, keep_replicas
from crm_activities.settings import ActivitiesSettings
from crm_shared.clock import SystemClock, new_id
from crm_testing.answers import require_ok, require_problem
from crm_testing.owners import OwnerStandIn
from crm_testing.people import SeededTenant, make_person, publish_user, seed_people
from crm_testing.published_records import PublishedRecord
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[ActivitiesSettings]
PATH = "/v1/inbox"
SECTIONS = ("overdue", "today", "upcoming", "unscheduled")
# In Berlin, which the tenant goes by: Sunday 2026-11-22, 10:00.
AT = "2026-11-22T09:00:00Z"


async def add(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    return require_ok(await client.post("/v1/activities", json={"type": "TASK", **fields}), 201)


async def read(client: httpx.AsyncClient, **parameters: Any) -> dict[str, Any]:
    return require_ok(await client.get(PATH, params={"at": AT, **parameters}))


def shown(inbox: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the subjects of each section; counts must agree."""
    for section in SECTIONS:
        assert inbox[section]["count"] == len(inbox[section]["items"])
        assert inbox[section]["next_cursor"] is None
    return {section: [item["subject"] for item in inbox[section]["items"]] for section in SECTIONS}


async def test_each_task_stands_in_its_section(rep: httpx.AsyncClient) -> None:
    tasks = [
        await add(rep, subject="long ago", scheduled_at="1900-01-01T00:00:00Z"),
        await add(rep, subject="yesterday", scheduled_on="2026-11-21"),
        await add(rep, subject="on the dot", scheduled_at=AT),
        await add(rep, subject="a moment later", scheduled_at="2026-11-22T09:00:00.000001Z"),
        await add(rep, subject="tonight", scheduled_at="2026-11-22T22:59:59.999999Z"),
        await add(rep, subject="any time today", scheduled_on="2026-11-22"),
        await add(rep, subject="midnight", scheduled_at="2026-11-22T23:00:00Z"),
        await add(rep, subject="tomorrow", scheduled_on="2026-11-23"),
        await add(rep, subject="never", scheduled_on="2200-12-31"),
        await add(rep, subject="some day"),
        await add(rep, subject="another day"),
    ]

    inbox = await read(rep)

    assert shown(inbox) == {
        "overdue": ["long ago", "yesterday", "on the dot"],
        "today": ["a moment later", "tonight", "any time today"],
        "upcoming": ["midnight", "tomorrow", "never"],
        "unscheduled": ["some day", "another day"],
    }
    assert [task for section in SECTIONS for task in inbox[section]["items"]] == tasks
    assert (list(inbox), inbox["time_zone"], inbox["at"]) == (["time_zone", "at", *SECTIONS], "Europe/Berlin", AT)


async def test_what_is_no_open_task_is_not_there(service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient) -> None:
    done, deleted, reopened = [await add(rep, subject=name, scheduled_at=AT) for name in ("done", "deleted", "again")]
    for fields in ({"type": "MEETING", "scheduled_at": AT}, {"type": "CALL"}, {"type": "NOTE"}, {"completed_at": AT}):
        await add(rep, **fields)
    await add(service.client(tenant.other_rep), subject="a colleague's")
    for task in (done, reopened):
        require_ok(await rep.post(f"/v1/activities/{task['id']}/complete"))
    require_ok(await rep.post(f"/v1/activities/{reopened['id']}/reopen"))
    assert (await rep.delete(f"/v1/activities/{deleted['id']}")).status_code == 204
    assert shown(await read(rep)) == {"overdue": ["again"], "today": [], "upcoming": [], "unscheduled": []}


async def test_now_is_the_default_and_is_told(rep: httpx.AsyncClient) -> None:
    before = datetime.now(UTC)
    await add(rep, subject="a minute ago", scheduled_at=(before - timedelta(minutes=1)).isoformat())
    inbox = require_ok(await rep.get(PATH))
    assert before <= datetime.fromisoformat(inbox["at"]) <= datetime.now(UTC)
    assert shown(inbox)["overdue"] == ["a minute ago"]


async def test_sections_are_paged_each_by_itself(rep: httpx.AsyncClient) -> None:
    for number in range(5):
        await add(rep, subject=f"late {number}", scheduled_at=f"2026-11-1{5 + number // 2}T08:00:00Z")
        await add(rep, subject=f"undated {number}")
    await add(rep, subject="late 5", scheduled_on="2026-11-21")

    inbox = await read(rep, limit=2)

    assert [inbox[section]["count"] for section in SECTIONS] == [6, 0, 0, 5]
    for section in SECTIONS:
        alone = await read(rep, limit=2, section=section)
        assert alone == {name: inbox[name] for name in ("time_zone", "at", section)}
        seen = [item["subject"] for item in alone[section]["items"]]
        while alone[section]["next_cursor"] is not None:
            alone = require_ok(
                await rep.get(PATH, params={"section": section, "limit": 2, "cursor": alone[section]["next_cursor"]})
            )
            assert (alone["at"], alone[section]["count"]) == (AT, inbox[section]["count"])
            seen += [item["subject"] for item in alone[section]["items"]]
        name = {"overdue": "late", "unscheduled": "undated"}.get(section)
        assert seen == ([] if name is None else [f"{name} {number}" for number in range(inbox[section]["count"])])


async def test_a_walk_while_others_write_neither_repeats_nor_loses(rep: httpx.AsyncClient) -> None:
    there = [await add(rep, scheduled_at=AT) for _ in range(3)] + [await add(rep, scheduled_on="2026-11-22")]
    await add(rep, scheduled_at="2026-11-23T05:00:00Z")
    seen: list[str] = []
    parameters: dict[str, str | int] = {"at": "2026-11-22T08:00:00Z", "section": "today", "limit": 1}
    while True:
        page = require_ok(await rep.get(PATH, params=parameters))["today"]
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        parameters = {"section": "today", "limit": 1, "cursor": page["next_cursor"]}
        await add(rep, scheduled_at="2026-11-22T08:30:00Z")
    assert seen == [task["id"] for task in there]


async def test_a_changed_zone_moves_tasks_already_written(service: Kit, tenant: SeededTenant) -> None:
    rep = service.client(tenant.rep)
    await add(rep, subject="the 22nd", scheduled_on="2026-11-22")
    await add(rep, subject="23:30 in Berlin", scheduled_at="2026-11-22T22:30:00Z")

    async def move_to(time_zone: str | None, version: int) -> dict[str, Any]:
        await keep_directory([publish_user(tenant.rep, version=version, time_zone=time_zone)], service.database)
        inbox = await read(rep)
        assert inbox["time_zone"] == (time_zone or "Europe/Berlin")
        return {section: subjects for section, subjects in shown(inbox).items() if subjects}

    assert await move_to(None, 2) == {"today": ["23:30 in Berlin", "the 22nd"]}
    assert await move_to("Pacific/Kiritimati", 3) == {"today": ["the 22nd"], "upcoming": ["23:30 in Berlin"]}
    assert await move_to("Pacific/Niue", 4) == {"upcoming": ["23:30 in Berlin", "the 22nd"]}
    at = "2026-11-22T10:00:00Z"  # when the 22nd is over in Kiritimati
    await keep_directory([publish_user(tenant.rep, version=5, time_zone="Pacific/Kiritimati")], service.database)
    assert shown(await read(rep, at=at))["overdue"] == ["the 22nd"]
    assert shown(await read(rep, at="2026-11-22T09:59:59.999999Z"))["today"] == ["the 22nd"]


async def test_a_changed_assignee_moves_tasks(service: Kit, tenant: SeededTenant) -> None:
    rep, manager, admin = (service.client(person) for person in (tenant.rep, tenant.manager, tenant.admin))
    task = await add(rep, subject="call back", scheduled_on="2026-11-22")
    require_ok(await manager.patch(f"/v1/activities/{task['id']}", json={"user_id": str(tenant.manager.id)}))
    assert shown(await read(rep))["today"] == []
    assert shown(await read(manager))["today"] == ["call back"]
    left = publish_user(
        tenant.manager, version=2, by=tenant.admin, active=False, successor_id=tenant.other_rep.id, manager_id=None
    )
    await keep_directory([left], service.database)
    await hand_over([left], service.database, SystemClock())
    assert shown(await read(service.client(tenant.other_rep)))["today"] == ["call back"]
    assert shown(await read(admin, user_id=tenant.manager.id))["today"] == []


async def test_whose_inbox_one_may_read(service: Kit, tenant: SeededTenant, owner: OwnerStandIn) -> None:
    stranger = await service.seed_tenant()
    for person in (*tenant.people, stranger.rep):
        await add(service.client(person), subject=person.full_name)
    sees = {
        tenant.admin: tenant.people,
        tenant.manager: (tenant.manager, tenant.rep),
        tenant.rep: (tenant.rep,),
        tenant.other_rep: (tenant.other_rep,),
    }
    for caller, seen in sees.items():
        client = service.client(caller)
        assert shown(await read(client))["unscheduled"] == [caller.full_name]
        for person in (*tenant.people, stranger.rep):
            answer = await client.get(PATH, params={"at": AT, "user_id": str(person.id)})
            if person in seen:
                assert shown(require_ok(answer))["unscheduled"] == [person.full_name]
            else:
                require_problem(answer, 404, "not-found")
        require_problem(await client.get(PATH, params={"user_id": str(new_id())}), 404, "not-found")
    assert owner.asked  # an ADMIN's unknown user might be one of whom no event has come yet


async def test_a_user_not_heard_of_yet_has_an_empty_inbox(
    service: Kit, tenant: SeededTenant, owner: OwnerStandIn
) -> None:
    new = make_person(tenant.id, "Nia New", tenant.rep.role)
    owner.show(publish_user(new, version=1), tenant.admin.id)
    inbox = await read(service.client(tenant.admin), user_id=new.id)
    assert shown(inbox) == {section: [] for section in SECTIONS}
    await seed_people(service.database, [new])
    assert await read(service.client(new)) == inbox


async def test_an_erased_contacts_task_is_still_to_be_seen_to(service: Kit, tenant: SeededTenant) -> None:
    rep = service.client(tenant.rep)
    contact = PublishedRecord.new("contact", tenant.id, owner_id=tenant.rep.id)
    await keep_replicas([contact.publish()], service.database)
    task = await add(rep, subject="secret", contact_id=str(contact.id))
    erased = contact.erase()
    await keep_replicas([erased], service.database)
    await forget_contacts([erased], service.database, SystemClock())
    (item,) = (await read(rep))["unscheduled"]["items"]
    assert (item["id"], item["subject"], item["version"]) == (task["id"], None, 2)


@pytest.mark.parametrize(
    "query",
    [
        *("at=now", "at=2026-11-22", "at=2201-01-01T00:00:00Z", "section=late", "section=", "limit=0", "limit=201"),
        *("user_id=7", "user_id=", "cursor=!", "cursor=WzFd&section=today", "zone=UTC", "sort=id"),
    ],
)
async def test_a_wrong_parameter_is_named(rep: httpx.AsyncClient, query: str) -> None:
    name = query.partition("=")[0]
    (error,) = require_problem(await rep.get(f"{PATH}?{query}"), 422, "invalid-field")["errors"]
    assert error["pointer"].startswith(f"?{name}")


async def test_a_cursor_belongs_to_its_section(rep: httpx.AsyncClient) -> None:
    for _ in range(2):
        await add(rep, scheduled_at=AT)
    cursor = (await read(rep, limit=1))["overdue"]["next_cursor"]
    for parameters in ({}, {"section": "today"}):
        answer = await rep.get(PATH, params={"cursor": cursor, **parameters})
        require_problem(answer, 422, "invalid-field", "?cursor")
    assert len((await read(rep, cursor=cursor, section="overdue"))["overdue"]["items"]) == 1


async def test_ids_break_ties_between_times_and_days(rep: httpx.AsyncClient) -> None:
    ids = [
        UUID((await add(rep, **when))["id"])
        for when in ({"scheduled_on": "2026-11-22"}, {"scheduled_at": "2026-11-22T23:00:00Z"}) * 3
    ]
    inbox = await read(rep, at="2026-11-25T00:00:00Z")
    assert [UUID(item["id"]) for item in inbox["overdue"]["items"]] == sorted(ids)


@pytest.mark.parametrize("zone", ["America/New_York", "Etc/GMT+12", "Pacific/Kiritimati"])
async def test_pages_go_on_through_the_last_day_there_is(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient, zone: str
) -> None:
    moved = publish_user(tenant.rep, version=2, by=tenant.admin, time_zone=zone)
    await keep_directory([moved], service.database)
    added = {(await add(rep, scheduled_on="2200-12-31"))["id"] for _ in range(3)}
    found, query = list[str](), {"section": "upcoming", "limit": 1}
    page = (await read(rep, **query))["upcoming"]
    while True:
        found += [task["id"] for task in page["items"]]
        if page["next_cursor"] is None:
            break
        page = (await read(rep, **query, cursor=page["next_cursor"]))["upcoming"]
    assert (len(found), set(found)) == (3, added)
