"""A user who leaves hands over what they had to do; what they have done stays theirs."""

from typing import Any

import pytest

from crm_activities import consumers
from crm_activities.settings import ActivitiesSettings
from crm_shared.clock import SystemClock
from crm_testing.answers import require_ok, walk_pages
from crm_testing.people import SeededTenant, publish_user
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[ActivitiesSettings]
AT = "2026-11-23T09:00:00Z"


async def test_open_tasks_and_meetings_go_to_the_successor(service: Kit, tenant: SeededTenant) -> None:
    rep, admin, clock = service.client(tenant.rep), service.client(tenant.admin), SystemClock()

    async def log(**fields: Any) -> dict[str, Any]:
        return require_ok(await rep.post("/v1/activities", json=fields), 201)

    to_do = [await log(type="TASK", scheduled_at=AT), await log(type="MEETING"), await log(type="TASK")]
    done = [
        await log(type="TASK", completed_at=AT),
        await log(type="MEETING", completed_at=AT),
        await log(type="CALL"),
        await log(type="NOTE", body="x"),
        await log(type="EMAIL"),
    ]
    gone = await log(type="TASK")
    assert (await rep.delete(f"/v1/activities/{gone['id']}")).status_code == 204
    await service.take_events(tenant.id)
    left = publish_user(tenant.rep, version=2, by=tenant.admin, active=False, successor_id=tenant.manager.id)

    for _ in range(2):
        await consumers.keep_directory([left], service.database)
        await consumers.hand_over([left], service.database, clock)

    published = {str(event.aggregate_id): event for event in await service.take_events(tenant.id)}
    assert published.keys() == {activity["id"] for activity in to_do}
    for activity in to_do:
        event = published[activity["id"]]
        assert (event.type, event.version, event.actor_id) == ("crm.activity.updated", 2, tenant.admin.id)
        assert event.changed == {"user_id": {"from": str(tenant.rep.id), "to": str(tenant.manager.id)}}
        assert event.state == require_ok(await admin.get(f"/v1/activities/{activity['id']}"))
    stayed = await walk_pages(admin, "/v1/activities", user_id=str(tenant.rep.id))
    assert {activity["id"] for activity in stayed} == {activity["id"] for activity in done}
