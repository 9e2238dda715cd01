"""Activities from files: made by the very rules of the API, named when they fail, found again when they come again."""

import asyncio
from contextlib import suppress
from typing import Any

import httpx
import pytest
from services.activities.tests.integration.importing import Kit, know, list_activities, read_errors, run

from crm_activities import consumers
from crm_activities.imports.adapters import ADAPTERS
from crm_testing import importing
from crm_testing.answers import require_ok, require_problem
from crm_testing.importing import counts
from crm_testing.people import SeededTenant

pytestmark = pytest.mark.engines


async def test_each_column_arrives_as_a_single_post_would_write_it(service: Kit, tenant: SeededTenant) -> None:
    contact = await know(service, tenant, email="Zoe@Acme.example", external_id="C-7")
    deal = await know(service, tenant, "deal", name="Renewal", contact_id=contact.id, external_id="D-1")
    job = await run(
        service,
        tenant.admin,
        "Type;Subject;Body;Contact;Deal;User;Occurred at;Direction;Outcome;Duration;External id;Due date;Priority\n"
        f"call;Hello;said = yes;zoe@acme.EXAMPLE;;{tenant.rep.email};31.12.2025 09:30;inbound;No answer;00:01:05;E1;;\n"
        "Aufgabe;Write;;C-7;Renewal;Rae Rep;;;;;E2;01.02.2027;High\n"
        "Note;;Alone;;D-1;;13.01.2026;;;;E3;;\n",
    )
    assert (job["status"], job["counts"]) == ("COMPLETED", counts(rows=3, created=3)), await read_errors(
        service, tenant.admin, job
    )
    call, task, note = await list_activities(service, tenant.admin)
    assert (call["type"], call["subject"], call["body"], call["direction"]) == (
        "CALL",
        "Hello",
        "said = yes",
        "INBOUND",
    )
    assert (call["occurred_at"], call["duration_s"], call["outcome"]) == ("2025-12-31T08:30:00Z", 65, "NO_ANSWER")
    assert (call["user_id"], call["external_id"]) == (str(tenant.rep.id), "E1")
    assert call["contact_ids"] == task["contact_ids"] == note["contact_ids"] == [str(contact.id)]
    assert task["deal_id"] == note["deal_id"] == str(deal.id)
    assert (task["type"], task["scheduled_on"], task["scheduled_at"]) == ("TASK", "2027-02-01", None)
    assert (task["priority"], task["user_id"]) == ("HIGH", str(tenant.rep.id))
    assert (note["occurred_at"], note["user_id"]) == ("2026-01-12T23:00:00Z", str(tenant.admin.id))
    assert {warning["column"] for warning in job["warnings"]} == {"Occurred at", "Due date"}


async def test_each_failed_row_is_named_with_its_reason(service: Kit, tenant: SeededTenant) -> None:
    job = await run(
        service,
        tenant.admin,
        "type,subject,contact,deal,user,occurred_at,completed_at,direction,message_id,attachments\n"
        "NOTE,right,,,,2026-12-01,,,,\n"
        ",type,,,,,,,,\n"
        "FAX,fax,,,,,,,,\n"
        "NOTE,contact,nobody@acme.example,,,,,,,\n"
        "NOTE,deal,,Nowhere,,,,,,\n"
        "NOTE,user,,,nobody@acme.example,,,,,\n"
        "NOTE,moment,,,,2026-02-30,,,,\n"
        "NOTE,done,,,,,2026-02-03,,,\n"
        "NOTE,direction,,,,,,INBOUND,,\n"
        "EMAIL,message,,,,,,,<>,\n"
        'NOTE,file,,,,,,,,"[{""name"": ""a"", ""url"": ""javascript:x""}]"\n',
    )
    assert job["counts"] == counts(rows=11, created=1, failed=10)
    errors = {row["subject"]: (row["field"], row["reason"]) for row in await read_errors(service, tenant.admin, job)}
    assert errors["type"] == ("type", "is required")
    assert errors["fax"] == ("type", "takes one of EMAIL, CALL, MEETING, NOTE, TASK")
    assert errors["contact"] == ("contact", "there is no such contact")
    assert errors["deal"] == ("deal", "there is no such deal")
    assert errors["user"] == ("user", "there is no such active user")
    assert errors["moment"][0] == "occurred_at"
    assert errors["moment"][1].startswith("takes a moment such as ")
    assert errors["done"] == ("completed_at", "belongs to MEETING or TASK, not to NOTE")
    assert errors["direction"] == ("direction", "belongs to CALL or EMAIL, not to NOTE")
    assert errors["message"][0] == "message_id"
    assert errors["file"][0] == "attachments"
    assert "takes an address such as" in errors["file"][1]
    assert len(errors) == 10
    assert [one["subject"] for one in await list_activities(service, tenant.admin)] == ["right"]


async def test_an_import_names_only_what_its_caller_sees(service: Kit, tenant: SeededTenant) -> None:
    """And finds only that: another's external id is taken, and nobody says by which activity."""
    hidden = await know(service, tenant, email="seen@acme.example")
    deal = await know(service, tenant, "deal", name="Theirs")
    rep = service.client(tenant.rep)
    theirs = require_ok(await rep.post("/v1/activities", json={"type": "NOTE", "external_id": "T"}), 201)
    for column, name in (("contact_id", hidden.id), ("deal_id", deal.id), ("contact_ids", hidden.id)):
        job = await run(service, tenant.other_rep, f"type,{column}\nNOTE,{name}\n")
        [error] = await read_errors(service, tenant.other_rep, job)
        assert (error["field"], error["reason"].startswith("there is no such")) == (column, True)
    content = (
        "type,subject,external_id,contact,deal,user,in_reply_to\n"
        f"NOTE,id,T,,,,\nNOTE,contact,,seen@acme.example,,,\nNOTE,deal,,,Theirs,,\nNOTE,user,,,,{tenant.rep.email},\n"
        f"NOTE,answer,,,,,{theirs['id']}\nNOTE,own,,,,,\n"
    )
    job = await run(service, tenant.other_rep, content, mode="upsert")
    assert (job["counts"]["created"], job["counts"]["failed"]) == (1, 5)
    errors = {row["subject"]: row for row in await read_errors(service, tenant.other_rep, job)}
    assert errors["id"]["reason"].startswith("duplicate-external-id: ")
    assert theirs["id"] not in errors["id"]["reason"]
    assert errors["user"]["reason"] == "is nobody whose records you see"
    assert {errors[name]["reason"] for name in ("contact", "deal", "answer")} == {
        "there is no such contact", "there is no such deal", "there is no such activity",
    }  # fmt: skip
    require_problem(await rep.get(f"/v1/imports/{job['id']}"), 404, "not-found")
    stranger = await service.seed_tenant()
    job = await run(service, stranger.admin, f"type,id\nNOTE,{theirs['id']}\n", mode="update")
    assert job["counts"]["failed"] == 1


async def test_what_is_seen_through_a_contact_is_not_changed_by_who_sees_it(service: Kit, tenant: SeededTenant) -> None:
    """Sent back as it is it asks for nothing; a change is refused as PATCH refuses it."""
    contact = await know(service, tenant, email="zoe@acme.example", owner_id=tenant.other_rep.id)
    made = require_ok(
        await service.client(tenant.admin).post(
            "/v1/activities", json={"type": "NOTE", "subject": "of the boss", "contact_id": str(contact.id)}
        ),
        201,
    )
    content = "id,type,subject\n{},NOTE,{}\n"
    same = await run(service, tenant.other_rep, content.format(made["id"], "of the boss"), mode="update")
    assert same["counts"] == counts(rows=1, unchanged=1)
    other = await run(service, tenant.other_rep, content.format(made["id"], "mine"), mode="update")
    [error] = await read_errors(service, tenant.other_rep, other)
    assert error["reason"] == "Only its user, their managers and an ADMIN may change or delete an activity."


async def test_an_upsert_finds_by_external_id_and_is_taken_back(service: Kit, tenant: SeededTenant) -> None:
    admin = service.client(tenant.admin)
    first = await know(service, tenant, email="a@acme.example")
    await know(service, tenant, email="b@acme.example")
    sent = {"type": "TASK", "subject": "Old", "external_id": "E1", "contact_id": str(first.id)}
    made = require_ok(await admin.post("/v1/activities", json=sent), 201)
    job = await run(
        service,
        tenant.admin,
        "external_id,type,subject,contact,status,date\n"
        "E1,TASK,New,b@acme.example,done,2024-03-04 10:00\nE2,CALL,Second,,,2024-03-04 10:00\nE1,,Newer,,,\n",
        mode="upsert",
        chunk_rows=2,
    )
    assert job["counts"] == counts(rows=3, created=1, updated=2), await read_errors(service, tenant.admin, job)
    changed = require_ok(await admin.get(f"/v1/activities/{made['id']}"))
    assert (changed["subject"], changed["scheduled_at"]) == ("Newer", "2024-03-04T09:00:00Z")
    assert changed["completed_at"] == "2024-03-04T09:00:00Z"
    assert changed["contact_id"] != made["contact_id"]

    reverted = await importing.revert(service, ADAPTERS, tenant.admin, job["id"])
    assert (reverted["status"], reverted["reverted"]) == ("REVERTED", {"deleted": 1, "restored": 1, "kept": 0})
    [restored] = await list_activities(service, tenant.admin)
    same = made.keys() - {"version", "updated_at"}
    assert {name: restored[name] for name in same} == {name: made[name] for name in same}


async def test_a_message_is_found_as_its_users_own(service: Kit, tenant: SeededTenant) -> None:
    async def log(user: httpx.AsyncClient, subject: str) -> dict[str, Any]:
        sent = {"type": "EMAIL", "subject": subject, "message_id": "<One@acme.example>"}
        return require_ok(await user.post("/v1/activities", json=sent), 201)

    mine = await log(service.client(tenant.admin), "mine")
    theirs = await log(service.client(tenant.rep), "theirs")
    job = await run(
        service,
        tenant.admin,
        "type,message_id,subject,user,body,reference_ids\n"
        f"EMAIL,One@acme.example,mine now,,x,\nEMAIL,<One@acme.example>,theirs now,{tenant.rep.email},,\n"
        "EMAIL,<two@acme.example>,answer,,,<One@acme.example>\nEMAIL,<two@acme.example>,again,,,\n"
        f"EMAIL,<two@acme.example>,copy,Rae Rep,,\n",
        mode="upsert",
        id_property="message_id",
    )
    assert job["counts"] == counts(rows=5, created=2, updated=3), await read_errors(service, tenant.admin, job)
    found = {one["id"]: one for one in await list_activities(service, tenant.admin)}
    assert (found[mine["id"]]["subject"], found[mine["id"]]["body"]) == ("mine now", "x")
    assert found[theirs["id"]]["subject"] == "theirs now"
    assert sorted(one["subject"] for one in found.values()) == ["again", "copy", "mine now", "theirs now"]
    assert found[mine["id"]]["message_id"] == "<One@acme.example>"
    assert len({one["thread_id"] for one in found.values() if one["subject"] in {"again", "mine now"}}) == 1

    reverted = await importing.revert(service, ADAPTERS, tenant.admin, job["id"])
    assert reverted["reverted"] == {"deleted": 2, "restored": 2, "kept": 0}
    assert sorted(one["subject"] for one in await list_activities(service, tenant.admin)) == ["mine", "theirs"]


async def test_a_dry_run_writes_nothing_and_shows_what_would_be(service: Kit, tenant: SeededTenant) -> None:
    """Of two users' copies of a message neither is the other's again."""
    content = "type,subject,message_id,user\n" + (
        f"EMAIL,a,<m@x>,\nEMAIL,b,<m@x>,{tenant.rep.email}\nEMAIL,c,<m@x>,\nFAX,d,,\n"
        + "".join(f"NOTE,{number},,\n" for number in range(9))
    )
    job = await run(service, tenant.admin, content, dry_run="true", chunk_rows=2)
    assert job["counts"] == counts(rows=13, created=11, failed=2)
    assert [(row["line"], row["action"]) for row in job["preview"]] == [
        *((2, "create"), (3, "create"), (4, "fail"), (5, "fail")),
        *((line, "create") for line in range(6, 12)),
    ]
    assert job["preview"][1]["record"]["user_id"] == str(tenant.rep.id)
    assert await list_activities(service, tenant.admin) == []
    assert await service.take_events(tenant.id) == []


async def test_what_an_import_of_activities_can_not_be(service: Kit, tenant: SeededTenant) -> None:
    rep = service.client(tenant.rep)

    async def post(content: str, **fields: str) -> Any:
        return await importing.upload(rep, content, **{"entity_type": "ACTIVITY", **fields})

    require_problem(await post("type\nNOTE\n", entity_type="DEAL"), 422, "invalid-field", "/entity_type")
    require_problem(
        await post("type\nNOTE\n", on_missing_company="create"), 422, "invalid-field", "/on_missing_company"
    )
    require_problem(await post("type\nNOTE\n", mode="update", id_property="type"), 422, "invalid-field", "/id_property")
    require_problem(await post("type\n"), 422, "invalid-field", "/file")
    require_problem(await post("colour\nred\n"), 422, "invalid-field", "/mapping")


async def test_hostile_cells_are_texts_or_named(service: Kit, tenant: SeededTenant) -> None:
    long = "x" * 50_001
    names, ids = "a;" * 60_000, f"{tenant.id};" * 3000
    job = await run(
        service,
        tenant.admin,
        f"type,subject,body,contact,contact_ids\nNOTE,'=1+1,,,\nNOTE,nul\x00,,,\nNOTE,long,{long},,\nNOTE,tab\there,,,\n"
        f"NOTE,who,,{names},\nNOTE,ids,,,{ids}\n",
    )
    errors = {row["subject"][:3]: row["field"] for row in await read_errors(service, tenant.admin, job)}
    assert errors == {"nul": "subject", "lon": "body", "tab": "subject", "who": "contact", "ids": "contact_ids"}
    assert [one["subject"] for one in await list_activities(service, tenant.admin)] == ["=1+1"]


async def test_what_is_forgotten_elsewhere_is_forgotten_in_files(service: Kit, tenant: SeededTenant) -> None:
    person = await know(service, tenant, email="zyxxa@acme.example", external_id="ZYXXA-9")
    job = await run(service, tenant.admin, "type,contact,body\n,ZYXXA-9,\n,,call Zyxxa@acme.example\n,,another\n")
    assert len(await read_errors(service, tenant.admin, job)) == 3

    await consumers.keep_replicas([person.erase()], service.database)

    assert [row["body"] for row in await read_errors(service, tenant.admin, job)] == ["another"]


@pytest.mark.parametrize("count", [2, 4, 6])
async def test_stopped_anywhere_it_goes_on_and_writes_each_row_once(
    service: Kit, tenant: SeededTenant, count: int
) -> None:
    content = "type,subject\n" + "".join(f"NOTE,N{number}\n" for number in range(5))
    admin = service.client(tenant.admin)
    job = require_ok(await importing.upload(admin, content, entity_type="ACTIVITY"), 201)
    clock = importing.StoppingClock(count)
    clock.task = asyncio.create_task(importing.make_runner(service, ADAPTERS, chunk_rows=2, clock=clock).run_waiting())
    with suppress(asyncio.CancelledError):
        await clock.task
    await importing.make_runner(service, ADAPTERS, chunk_rows=2).run_waiting()
    ended = require_ok(await admin.get(f"/v1/imports/{job['id']}"))
    assert (ended["status"], ended["counts"]["created"]) == ("COMPLETED", 5)
    found = await list_activities(service, tenant.admin)
    assert sorted(one["subject"] for one in found) == [f"N{number}" for number in range(5)]


async def test_two_imports_at_once_write_each_external_id_once(service: Kit, tenant: SeededTenant) -> None:
    content = "type,external_id\n" + "".join(f"NOTE,X{number}\n" for number in range(6))
    for person in (tenant.admin, tenant.rep):
        require_ok(await importing.upload(service.client(person), content, entity_type="ACTIVITY"), 201)
    await importing.make_runner(service, ADAPTERS, chunk_rows=2).run_waiting()
    ended = [require_ok(await service.client(tenant.admin).get("/v1/imports"))["items"]]
    assert sorted(job["counts"]["created"] + job["counts"]["failed"] for job in ended[0]) == [6, 6]
    found = await list_activities(service, tenant.admin)
    assert sorted(one["external_id"] for one in found) == [f"X{number}" for number in range(6)]


async def test_attachments_that_a_file_has_changed_are_given_back(service: Kit, tenant: SeededTenant) -> None:
    files = [{"name": "a", "url": "https://a.example"}]
    body = {"type": "NOTE", "external_id": "1", "attachments": files}
    made = require_ok(await service.client(tenant.admin).post("/v1/activities", json=body), 201)
    content = 'external_id,attachments\n1,"[{""name"": ""b"", ""url"": ""https://b.example""}]"\n'
    job = await run(service, tenant.admin, content, mode="update")
    assert job["counts"]["updated"] == 1, await read_errors(service, tenant.admin, job)
    ended = await importing.revert(service, ADAPTERS, tenant.admin, job["id"])
    assert ended["reverted"] == {"deleted": 0, "restored": 1, "kept": 0}
    [after] = await list_activities(service, tenant.admin)
    assert after["attachments"] == made["attachments"]
