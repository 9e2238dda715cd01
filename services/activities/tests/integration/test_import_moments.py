"""When an imported activity is, was and was done, as its columns say it."""

import pytest
from services.activities.tests.integration.importing import Kit, list_activities, read_errors, run

from crm_testing.answers import require_ok
from crm_testing.importing import counts
from crm_testing.people import SeededTenant

pytestmark = pytest.mark.engines


async def test_moments_that_are_none_fail_their_rows_alone(service: Kit, tenant: SeededTenant) -> None:
    """Programs write the first and the last moment of their calendar for "not set" and "never"."""
    content = (
        "type,subject,start,end,completed_at\n"
        "MEETING,never ends,2026-12-01T10:00:00Z,2199-12-31T23:59:59Z,\n"
        "MEETING,first,0001-01-01T00:00:00,,\nMEETING,last,9999-12-31T23:59:59,,\n"
        "MEETING,done,2026-12-01T10:00:00Z,,0001-01-01 00:00\n"
        "MEETING,right,2026-12-01T10:00:00Z,2026-12-01T10:30:00Z,\n"
    )
    job = await run(service, tenant.admin, content)
    assert job["counts"] == counts(rows=5, created=1, failed=4), job
    errors = {row["subject"]: row["field"] for row in await read_errors(service, tenant.admin, job)}
    assert errors == {"never ends": "end", "first": "start", "last": "start", "done": "completed_at"}
    [right] = await list_activities(service, tenant.admin)
    assert (right["subject"], right["duration_s"]) == ("right", 1800)


async def test_a_second_line_of_a_task_says_all_that_the_first_may(service: Kit, tenant: SeededTenant) -> None:
    """The type is said by the columns' names, of a record that an earlier line of the file has changed too."""
    header = "Record ID,Task Title,Task Status,Due date\n"
    await run(service, tenant.admin, header + "7,Call,NOT_STARTED,2024-03-02 10:00\n")
    lines = "7,Call back,DEFERRED,2024-03-03 10:00\n7,Call back,COMPLETED,2024-03-04 10:00\n"
    job = await run(service, tenant.admin, header + lines, mode="upsert")
    assert job["counts"]["failed"] == 0, await read_errors(service, tenant.admin, job)
    [task] = await list_activities(service, tenant.admin)
    assert (task["type"], task["subject"], task["scheduled_at"]) == ("TASK", "Call back", "2024-03-04T09:00:00Z")
    assert task["completed_at"] == "2024-03-04T09:00:00Z"


async def test_what_is_done_was_done_when_the_record_was_due(service: Kit, tenant: SeededTenant) -> None:
    admin = service.client(tenant.admin)
    for number, due in enumerate(({"scheduled_at": "2024-03-02T10:00:00Z"}, {"scheduled_on": "2024-03-02"})):
        body = {"type": "TASK", "external_id": str(number), **due}
        require_ok(await admin.post("/v1/activities", json=body), 201)
    content = "external_id,status,scheduled_at\n0,Completed,2024-03-02T10:00:00Z\n1,Completed,\n"
    await run(service, tenant.admin, content, mode="update")
    done = [one["completed_at"] for one in await list_activities(service, tenant.admin)]
    assert done == ["2024-03-02T10:00:00Z", "2024-03-01T23:00:00Z"]


async def test_a_due_time_with_an_offset_is_of_that_offset(service: Kit, tenant: SeededTenant) -> None:
    await run(service, tenant.admin, "type,due date,due time\nTASK,2024-03-02,09:30+05:30\nTASK,2024-03-02,09:30Z\n")
    due = sorted(one["scheduled_at"] for one in await list_activities(service, tenant.admin))
    assert due == ["2024-03-02T04:00:00Z", "2024-03-02T09:30:00Z"]
