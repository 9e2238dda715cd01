"""Tasks and meetings are completed and taken up again; nothing else is."""

from typing import Any

import pytest

from crm_activities.settings import ActivitiesSettings
from crm_shared.clock import new_id
from crm_testing.answers import require_ok, require_problem
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[ActivitiesSettings]


@pytest.mark.parametrize("type_", ["TASK", "MEETING"])
async def test_completed_and_reopened(service: Kit, tenant: SeededTenant, type_: str) -> None:
    rep = service.client(tenant.rep)
    task = require_ok(await rep.post("/v1/activities", json={"type": type_}), 201)
    path = f"/v1/activities/{task['id']}"

    completed = require_ok(await rep.post(f"{path}/complete"))
    assert require_ok(await rep.post(f"{path}/complete", headers={"If-Match": '"2"'})) == completed
    answer = await rep.post(f"{path}/reopen", headers={"If-Match": '"1"'})
    require_problem(answer, 412, "stale-version")
    manager = service.client(tenant.manager)
    reopened = require_ok(await manager.post(f"{path}/reopen", headers={"If-Match": '"2"'}))
    assert require_ok(await rep.post(f"{path}/reopen")) == reopened == require_ok(await rep.get(path))

    assert (completed["version"], completed["completed_at"]) == (2, completed["updated_at"])
    assert (reopened["version"], reopened["completed_at"]) == (3, None)
    published = await service.take_events(tenant.id)
    assert [event.type for event in published] == [
        "crm.activity.logged",
        "crm.activity.completed",
        "crm.activity.reopened",
    ]
    assert [event.state for event in published] == [task, completed, reopened]


async def test_what_can_not_be_done_or_not_by_everybody(service: Kit, tenant: SeededTenant) -> None:
    rep, other = service.client(tenant.rep), service.client(tenant.other_rep)

    async def log(**fields: Any) -> str:
        created = require_ok(await rep.post("/v1/activities", json=fields), 201)
        return f"/v1/activities/{created['id']}"

    note, task = await log(type="NOTE", body="x"), await log(type="TASK")
    for act in ("complete", "reopen"):
        require_problem(await rep.post(f"{note}/{act}"), 409, "nothing-to-do")
        require_problem(await other.post(f"{task}/{act}"), 404, "not-found")
        require_problem(await rep.post(f"/v1/activities/{new_id()}/{act}"), 404, "not-found")
