"""Edits and deletions over HTTP: what changes, what is told, who comes first."""

import asyncio
from typing import Any

import httpx
import pytest

from crm_activities.consumers import keep_replicas
from crm_activities.settings import ActivitiesSettings
from crm_testing.answers import require_ok, require_problem
from crm_testing.people import SeededTenant
from crm_testing.published_records import make_contact_event
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[ActivitiesSettings]
PATH = "/v1/activities"


async def log(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    return require_ok(await client.post(PATH, json={"type": "NOTE", **fields}), 201)


async def test_an_edit_changes_what_it_names_and_tells_what_was(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient
) -> None:
    activity = await log(rep, type="TASK", subject="Send offer", body="By post")
    answer = await rep.patch(f"{PATH}/{activity['id']}", json={"subject": "Send the offer", "body": None})
    edited = require_ok(answer)
    assert (edited["subject"], edited["body"], edited["version"]) == ("Send the offer", None, 2)
    assert answer.headers["etag"] == '"2"'
    assert require_ok(await rep.get(f"{PATH}/{activity['id']}")) == edited
    _, event = await service.take_events(tenant.id)
    assert (event.type, event.state) == ("crm.activity.updated", edited)
    assert event.changed == {
        "subject": {"from": "Send offer", "to": "Send the offer"},
        "body": {"from": "By post", "to": None},
    }
    unchanged = require_ok(await rep.patch(f"{PATH}/{activity['id']}", json={"subject": "Send the offer"}))
    assert unchanged == edited
    assert await service.take_events(tenant.id) == []


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"user_id": None}, "/user_id"),
        ({"type": None}, "/type"),
        ({"occurred_at": None}, "/occurred_at"),
        ({"type": "NOTE"}, "/direction"),
        ({"version": 3}, "/version"),
    ],
)
async def test_an_edit_that_does_not_fit_is_refused(
    rep: httpx.AsyncClient, changes: dict[str, Any], pointer: str
) -> None:
    activity = await log(rep, type="EMAIL", direction="INBOUND")
    require_problem(await rep.patch(f"{PATH}/{activity['id']}", json=changes), 422, "invalid-field", pointer)
    assert require_ok(await rep.get(f"{PATH}/{activity['id']}")) == activity


async def test_a_stale_version_is_refused(rep: httpx.AsyncClient) -> None:
    activity = await log(rep)
    path = f"{PATH}/{activity['id']}"
    require_ok(await rep.patch(path, json={"body": "one"}, headers={"If-Match": '"1"'}))
    stale = {"If-Match": '"1"'}
    problem = require_problem(await rep.patch(path, json={"body": "two"}, headers=stale), 412, "stale-version")
    assert problem["current_version"] == 2
    require_problem(await rep.delete(path, headers=stale), 412, "stale-version")
    require_problem(await rep.delete(path, headers={"If-Match": "W/1"}), 400, "malformed-request")


async def test_edits_at_once_stand_in_a_row_and_are_told_in_that_order(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient
) -> None:
    activity = await log(rep)
    path = f"{PATH}/{activity['id']}"
    answers = await asyncio.gather(*(rep.patch(path, json={"subject": str(number)}) for number in range(8)))
    assert sorted(require_ok(answer)["version"] for answer in answers) == list(range(2, 10))
    assert [event.version for event in await service.take_events(tenant.id)] == list(range(1, 10))

    fresh = {"If-Match": '"9"'}
    raced = await asyncio.gather(*(rep.patch(path, json={"body": str(n)}, headers=fresh) for n in range(5)))
    assert sorted(answer.status_code for answer in raced) == [200, 412, 412, 412, 412]


async def test_a_deleted_activity_is_gone_from_everywhere_and_told(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient
) -> None:
    contact = make_contact_event(tenant.id, tenant.rep.id)
    await keep_replicas([contact], service.database)
    activity = await log(rep, contact_id=str(contact.aggregate_id))
    path = f"{PATH}/{activity['id']}"
    answer = await rep.delete(path, headers={"If-Match": '"1"'})
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["crm-position"]
    for again in (await rep.get(path), await rep.patch(path, json={"body": "x"}), await rep.delete(path)):
        require_problem(again, 404, "not-found")
    assert require_ok(await rep.get(PATH))["items"] == []
    assert require_ok(await rep.get(f"/v1/timelines/contacts/{contact.aggregate_id}"))["items"] == []
    _, event = await service.take_events(tenant.id)
    assert (event.type, event.version) == ("crm.activity.deleted", 2)
    assert event.state["deleted_at"] is not None
