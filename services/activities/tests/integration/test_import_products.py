"""What other products export of activities arrives without a mapping, wherever its meaning is plain.

The files are made from each product's documented columns.
"""

from typing import Any, Final

import pytest
from services.activities.tests.integration.importing import Kit, know, list_activities, read_errors, run

from crm_testing.arrivals import show_arrival
from crm_testing.people import SeededTenant

pytestmark = pytest.mark.engines

PRODUCTS: Final[dict[str, tuple[str, list[dict[str, Any]], set[str]]]] = {
    "HubSpot calls": (
        (
            "Record ID,Call Title,Call notes,Activity date,Call direction,Call outcome,Call duration (HH:mm:ss),"
            "Activity assigned to,Associated Contact,Associated Deal,Call status\n"
            "101,Intro,went well,2024-03-02 09:30,Inbound,Connected,00:02:05,Rae Rep,"
            "Zoe O (zoe@acme.example);Bob B (bob@acme.example),Renewal,COMPLETED\n"
        ),
        [
            {
                "type": "CALL", "subject": "Intro", "body": "went well", "occurred_at": "2024-03-02T08:30:00Z",
                "direction": "INBOUND", "outcome": "CONNECTED", "duration_s": 125, "external_id": "101",
                "user": "Rae Rep", "contacts": ["zoe", "bob"], "deal": True,
            }
        ],
        {"Call status"},
    ),
    "HubSpot notes": (
        (
            "Record ID,Note body,Activity date,Associated Contact IDs\n201,Likes tea,2024-03-02 09:30,C-1;C-2\n"
        ),
        [
            {
                "type": "NOTE", "body": "Likes tea", "occurred_at": "2024-03-02T08:30:00Z", "external_id": "201",
                "contacts": ["zoe", "bob"],
            }
        ],
        set(),
    ),
    "HubSpot tasks": (
        (
            "Record ID,Task Title,Task Notes,Task Status,Task Type,Priority,Due date,Completed at,Assigned to\n"
            "301,Send offer,soon,NOT_STARTED,To-do,High,2026-12-01 10:00,,Rae Rep\n"
            "302,Ring back,,COMPLETED,Call,None,2024-03-01 10:00,2024-03-02 11:00,Rae Rep\n"
        ),
        [
            {
                "type": "TASK", "subject": "Send offer", "body": "soon", "scheduled_at": "2026-12-01T09:00:00Z",
                "completed_at": None, "priority": "HIGH", "user": "Rae Rep",
            },
            {
                "type": "TASK", "subject": "Ring back", "completed_at": "2024-03-02T10:00:00Z",
                "occurred_at": "2024-03-02T10:00:00Z", "priority": "NORMAL",
            },
        ],
        {"Task Type"},
    ),
    "HubSpot meetings": (
        (
            "Record ID,Meeting Name,Meeting Description,Meeting start time,Meeting end time,Meeting Location,"
            "Meeting outcome,Associated Contact\n"
            "401,Demo,agenda,2024-03-02 09:30,2024-03-02 10:15,Office,Completed,zoe@acme.example\n"
        ),
        [
            {
                "type": "MEETING", "subject": "Demo", "body": "agenda", "scheduled_at": "2024-03-02T08:30:00Z",
                "duration_s": 2700, "location": "Office", "completed_at": "2024-03-02T08:30:00Z", "contacts": ["zoe"],
            }
        ],
        set(),
    ),
    "HubSpot e-mails": (
        (
            "Record ID,Email Subject,Email Text,Activity date,Email Direction,Associated Contact\n"
            "501,Offer,Dear Zoe,2024-03-02 09:30,INCOMING_EMAIL,Zoe O (zoe@acme.example)\n"
        ),
        [
            {
                "type": "EMAIL", "subject": "Offer", "body": "Dear Zoe", "direction": "INBOUND",
                "occurred_at": "2024-03-02T08:30:00Z", "contacts": ["zoe"],
            }
        ],
        set(),
    ),
    "Salesforce tasks": (
        (
            "Activity ID,Task Subtype,Subject,Date,Status,Priority,Assigned,Contact,Opportunity,Full Comments,"
            "Call Duration (seconds),Created Date\n"
            "00T1,Task,Send,12/31/2026,Not Started,Normal,Rae Rep,zoe@acme.example,Renewal,soon,,1/15/2026\n"
            "00T2,Call,Rang,1/31/2026,Completed,Normal,Somebody Else,,,,90,1/15/2026\n"
        ),
        [
            {
                "type": "TASK", "subject": "Send", "scheduled_on": "2026-12-31", "completed_at": None,
                "priority": "NORMAL", "contacts": ["zoe"], "deal": True, "body": "soon",
            },
        ],
        {"Priority", "Created Date", "Date"},
    ),
    "Salesforce events": (
        (
            "Activity ID,Type,Subject,Start,End,Location,Assigned,Created Date\n"
            '00U1,Event,Visit,"12/31/2026, 9:30 AM","12/31/2026, 10:30 AM",Berlin,Rae Rep,1/15/2026\n'
        ),
        [
            {
                "type": "MEETING", "subject": "Visit", "scheduled_at": "2026-12-31T08:30:00Z", "duration_s": 3600,
                "location": "Berlin",
            }
        ],
        {"Start", "End", "Created Date"},
    ),
    "Pipedrive": (
        (
            "Activity - ID,Activity - Type,Activity - Subject,Activity - Due date,Activity - Due time,"
            "Activity - Duration,Activity - Done,Activity - Assigned to user,Activity - Contact person,Activity - Deal,"
            "Activity - Note,Activity - Priority\n"
            "1,Call,Ring,2026-12-01,14:30,00:30,To do,Rae Rep,Zoe O,Renewal,ask,High\n"
            "2,Call,Rang,2024-03-02,09:30,00:10,Done,Rae Rep,,,,\n"
            "3,Lunch,Eat,2026-12-02,12:00,01:00,To do,Rae Rep,,,,\n"
            "4,Deadline,End,2026-12-03,,,To do,Rae Rep,,,,Low\n"
        ),
        [
            {
                "type": "TASK", "subject": "Ring", "scheduled_at": "2026-12-01T13:30:00Z", "duration_s": None,
                "external_id": "1", "contacts": ["zoe"], "deal": True, "body": "ask", "priority": "HIGH",
            },
            {"type": "CALL", "subject": "Rang", "occurred_at": "2024-03-02T08:30:00Z", "duration_s": 600},
            {"type": "MEETING", "subject": "Eat", "scheduled_at": "2026-12-02T11:00:00Z", "duration_s": 3600},
            {"type": "TASK", "subject": "End", "scheduled_on": "2026-12-03", "priority": "LOW"},
        ],
        {"Activity - Duration"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("product", PRODUCTS)
async def test_an_export_of_another_product_arrives_without_a_mapping(
    service: Kit, tenant: SeededTenant, product: str
) -> None:
    content, expected, warned = PRODUCTS[product]
    zoe = await know(service, tenant, first_name="Zoe", last_name="O", email="zoe@acme.example", external_id="C-1")
    bob = await know(service, tenant, first_name="Bob", last_name="B", email="bob@acme.example", external_id="C-2")
    deal = await know(service, tenant, "deal", name="Renewal")
    ids = {"zoe": str(zoe.id), "bob": str(bob.id)}
    job = await run(service, tenant.admin, content)
    show_arrival(product, job)
    made = await list_activities(service, tenant.admin)
    assert len(made) >= len(expected), (await read_errors(service, tenant.admin, job), job["warnings"])
    for one, wanted in zip(made, expected, strict=False):
        subjects = {
            **one,
            "user": {str(person.id): person.full_name for person in tenant.people}[one["user_id"]],
            "contacts": [name for name, contact_id in ids.items() if contact_id in one["contact_ids"]],
            "deal": one["deal_id"] == str(deal.id),
        }
        assert {name: subjects[name] for name in wanted} == wanted, job["warnings"]
    assert {warning["column"] for warning in job["warnings"]} == warned, job["warnings"]
    again = await run(service, tenant.admin, content, mode="upsert")
    assert (again["counts"]["unchanged"], again["counts"]["updated"]) == (len(made), 0), again
    assert again["counts"]["failed"] == job["counts"]["failed"]
    assert await list_activities(service, tenant.admin) == made


async def test_a_planned_call_that_was_made_is_a_task_that_is_done(service: Kit, tenant: SeededTenant) -> None:
    content = "ID,External id,Type,Due date,Due time,Done\n7,7,Call,2024-03-02,09:30,{}\n"
    await run(service, tenant.admin, content.format("To do"))
    for _ in range(2):
        await run(service, tenant.admin, content.format("Done"), mode="upsert")
    [task] = await list_activities(service, tenant.admin)
    assert (task["type"], task["scheduled_at"]) == ("TASK", "2024-03-02T08:30:00Z")
    assert (task["completed_at"], task["version"]) == ("2024-03-02T08:30:00Z", 2)
