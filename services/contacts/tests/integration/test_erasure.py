"""An erased contact is an empty shell: for whoever asks, in every table, and in what is told to others."""

import asyncio
import uuid
from typing import Any

import httpx
import pytest
from services.contacts.tests.integration.importing import list_errors, run_import

from crm_contacts.contacts import events as contact_events
from crm_contacts.erasure.commands import load_snapshots
from crm_contacts.settings import ContactsSettings
from crm_shared.erasure.echoes import TIMES, Echoes
from crm_shared.testing.answers import require_ok, require_problem
from crm_shared.testing.people import SeededTenant
from crm_shared.testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Contacts = ServiceKit[ContactsSettings]

MARK = "zzyzx"
PERSON = {
    "first_name": f"First{MARK}",
    "last_name": f"Last{MARK}",
    "email": f"mail.{MARK}@person.example",
    "phone": "030 901 820 77",
    "job_title": f"Job{MARK}",
    "source": "REFERRAL",
    "tags": [f"tag{MARK}"],
    "external_id": f"ext-{MARK}",
}
EMPTY: dict[str, Any] = {
    **dict.fromkeys(("first_name", "last_name", "email", "phone", "phone_e164", "company_id", "job_title", "source")),
    "external_id": None,
    "tags": [],
    "custom_data": {},
    "shares": [],
}

# The server lists its own tables and columns, so that no table is forgotten. A bytea is read as the text it holds.
LIST_TABLES = """
    SELECT table_name::text FROM information_schema.tables
     WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name <> 'outbox' ORDER BY 1
"""


async def list_tables_with(contacts: Contacts, tenant: SeededTenant, *texts: str) -> dict[str, list[str]]:
    """Give the tenant's rows of every table that hold one of the texts; the outbox apart, which the relay empties."""
    async with contacts.database.read_as_worker() as connection:
        tables = [row["table_name"] for row in await connection.fetch(LIST_TABLES)]
    rows = await contacts.list_rows(*tables)
    hexes = [text.encode().hex() for text in texts]  # how a bytea is written
    found = {
        table: [line for line in lines if str(tenant.id) in line and any(t in line.lower() for t in (*texts, *hexes))]
        for table, lines in rows.items()
    }
    return {table: lines for table, lines in found.items() if lines}


async def create(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    created: dict[str, Any] = require_ok(await client.post("/v1/contacts", json={**PERSON, **fields}), 201)
    return created


async def erase(client: httpx.AsyncClient, contact_id: str, **headers: str) -> httpx.Response:
    return await client.post(f"/v1/contacts/{contact_id}/erase", headers=headers)


async def test_an_erased_contact_is_an_empty_deleted_shell(contacts: Contacts, tenant: SeededTenant) -> None:
    admin, rep = contacts.client(tenant.admin), contacts.client(tenant.rep)
    contact = await create(rep)

    answer = await erase(admin, contact["id"])

    state = require_ok(answer)
    assert {name: state[name] for name in EMPTY} == EMPTY
    assert (state["id"], state["version"], state["owner_id"]) == (contact["id"], 2, str(tenant.rep.id))
    assert state["erased_at"] == state["deleted_at"] == state["updated_at"]
    assert state["created_at"] == contact["created_at"]
    assert answer.headers["etag"] == '"2"'
    for client in (admin, rep):
        require_problem(await client.get(f"/v1/contacts/{contact['id']}"), 404, "not-found")
    assert (await admin.get("/v1/contacts", params={"email": PERSON["email"]})).json()["items"] == []


async def test_the_event_tells_the_fields_and_none_of_their_values(contacts: Contacts, tenant: SeededTenant) -> None:
    contact = await create(contacts.client(tenant.rep))
    await contacts.take_events(tenant.id)
    state = require_ok(await erase(contacts.client(tenant.admin), contact["id"]))

    (event,) = await contacts.take_events(tenant.id)

    assert (event.type, event.version, event.actor_id) == ("crm.contact.erased", 2, tenant.admin.id)
    assert event.state["erased_at"] == state["erased_at"]
    assert event.changed is not None
    assert set(event.changed) == {*PERSON, "phone_e164", "deleted_at", "erased_at"}
    assert all(change["from"] is None for change in event.changed.values())
    assert MARK not in repr(event).lower()


async def test_no_table_holds_anything_of_the_person(contacts: Contacts, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    key = {"Idempotency-Key": uuid.uuid4().hex}
    first = require_ok(await admin.post("/v1/contacts", json=PERSON, headers=key), 201)
    require_ok(await admin.patch(f"/v1/contacts/{first['id']}", json={"first_name": f"Other{MARK}"}))
    require_ok(await admin.put(f"/v1/contacts/{first['id']}/tags/more-{MARK}"))
    assert {"contacts", "record_changes", "idempotency_keys"} <= set(
        await list_tables_with(contacts, tenant, MARK, "90182077")
    )

    require_ok(await erase(admin, first["id"]))

    assert await list_tables_with(contacts, tenant, MARK, "90182077", "901 820 77") == {}


async def test_the_audit_keeps_who_when_and_which_field(contacts: Contacts, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    contact = await create(contacts.client(tenant.rep))
    require_ok(await contacts.client(tenant.rep).patch(f"/v1/contacts/{contact['id']}", json={"job_title": "Buyer"}))
    require_ok(await erase(admin, contact["id"]))

    erased, updated, created = require_ok(await admin.get(f"/v1/contacts/{contact['id']}/changes"))["items"]

    assert updated["changes"] == {"job_title": {"from": None, "to": None}}
    assert updated["changed_by"] == str(tenant.rep.id)
    assert (erased["event_type"], erased["changed_by"]) == ("crm.contact.erased", str(tenant.admin.id))
    assert "first_name" in erased["changes"]
    assert created["changes"] is None


async def test_a_repeated_creation_neither_repeats_nor_tells(contacts: Contacts, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    key = {"Idempotency-Key": uuid.uuid4().hex}
    contact = require_ok(await admin.post("/v1/contacts", json=PERSON, headers=key), 201)
    state = require_ok(await erase(admin, contact["id"]))

    again = await admin.post("/v1/contacts", json=PERSON, headers=key)

    assert require_ok(again, 201) == state
    assert again.headers["idempotency-replayed"] == "true"
    assert (await admin.get("/v1/contacts")).json()["items"] == []


async def test_erasing_twice_tells_once(contacts: Contacts, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    contact = await create(admin)
    first = require_ok(await erase(admin, contact["id"]))
    await contacts.take_events(tenant.id)
    before = await contacts.list_rows("contacts", "record_changes", "erasure_echoes")

    second = await erase(admin, contact["id"])

    assert require_ok(second) == first
    assert second.headers["etag"] == '"2"'
    assert await contacts.take_events(tenant.id) == []
    assert await contacts.list_rows("contacts", "record_changes", "erasure_echoes") == before


async def test_a_deleted_contact_is_erased_and_keeps_its_day(contacts: Contacts, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    contact = await create(admin)
    assert (await admin.delete(f"/v1/contacts/{contact['id']}")).status_code == 204
    state = require_ok(await erase(admin, contact["id"]))
    assert state["version"] == 3
    assert state["deleted_at"] < state["erased_at"]
    assert {name: state[name] for name in EMPTY} == EMPTY


async def test_if_match_is_held(contacts: Contacts, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    contact = await create(admin)
    require_problem(await erase(admin, contact["id"], **{"If-Match": '"7"'}), 412, "stale-version")
    require_problem(await erase(admin, contact["id"], **{"If-Match": "seven"}), 400, "malformed-request")
    assert require_ok(await admin.get(f"/v1/contacts/{contact['id']}"))["first_name"] == PERSON["first_name"]
    require_ok(await erase(admin, contact["id"], **{"If-Match": '"1"'}))
    require_problem(await erase(admin, contact["id"], **{"If-Match": '"1"'}), 412, "stale-version")
    require_ok(await erase(admin, contact["id"], **{"If-Match": '"2"'}))


@pytest.mark.parametrize("role", ["manager", "rep", "other_rep"])
async def test_only_an_admin_erases_and_others_learn_nothing_of_the_record(
    contacts: Contacts, tenant: SeededTenant, role: str
) -> None:
    client = contacts.client(getattr(tenant, role))
    contact = await create(contacts.client(tenant.rep))
    for contact_id in (contact["id"], str(uuid.uuid4())):
        require_problem(await erase(client, contact_id), 403, "forbidden")
    assert require_ok(await contacts.client(tenant.rep).get(f"/v1/contacts/{contact['id']}"))["version"] == 1


async def test_what_is_not_there_is_not_found(
    contacts: Contacts, tenant: SeededTenant, neighbour: SeededTenant
) -> None:
    admin = contacts.client(tenant.admin)
    foreign = await create(contacts.client(neighbour.rep))
    for contact_id in (foreign["id"], str(uuid.uuid4()), "no-id"):
        require_problem(await erase(admin, contact_id), 404, "not-found")
    assert require_ok(await contacts.client(neighbour.rep).get(f"/v1/contacts/{foreign['id']}"))["version"] == 1


async def test_a_strangers_same_values_stay(contacts: Contacts, tenant: SeededTenant, neighbour: SeededTenant) -> None:
    key = {"Idempotency-Key": uuid.uuid4().hex}
    neighbours = contacts.client(neighbour.admin)
    kept = require_ok(await neighbours.post("/v1/contacts", json=PERSON, headers=key), 201)
    contact = await create(contacts.client(tenant.rep))
    require_ok(await erase(contacts.client(tenant.admin), contact["id"]))
    assert require_ok(await neighbours.get(f"/v1/contacts/{kept['id']}")) == kept
    assert require_ok(await neighbours.post("/v1/contacts", json=PERSON, headers=key), 201) == kept


async def test_an_erased_contact_takes_nothing_any_more(contacts: Contacts, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    contact = await create(admin)
    require_ok(await erase(admin, contact["id"]))
    path = f"/v1/contacts/{contact['id']}"
    for answer in [
        await admin.patch(path, json={"first_name": "Back"}),
        await admin.delete(path),
        await admin.put(f"{path}/tags/back"),
        await admin.post(f"{path}/shares", json={"user_id": str(tenant.rep.id), "permission": "READ"}),
    ]:
        require_problem(answer, 404, "not-found")
    require_ok(await admin.post("/v1/contacts", json=PERSON), 201)  # its address is free


async def test_what_was_erased_is_told_again_once_it_is_due(contacts: Contacts, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    contact = await create(admin)
    await erase(admin, contact["id"])
    await contacts.take_events(tenant.id)
    assert await Echoes(contacts.database, load_snapshots, compaction_lag_s=3600).tell_due() == 0

    echoes = Echoes(contacts.database, load_snapshots, compaction_lag_s=0)
    while await echoes.tell_due():
        pass

    told = await contacts.take_events(tenant.id)
    assert [(echo.type, echo.version, echo.state["id"]) for echo in told] == [
        ("crm.contact.snapshot", 2, contact["id"])
    ] * TIMES
    assert all(echo.tells_of_erasure for echo in told)
    assert await echoes.tell_due() == 0


async def test_what_still_waits_in_the_outbox_by_then_is_dropped(contacts: Contacts, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    contact = await create(admin)
    other = await create(admin, email="other@person.example", external_id="other")
    await erase(admin, contact["id"])

    echoes = Echoes(contacts.database, load_snapshots, compaction_lag_s=0)
    while await echoes.tell_due():
        pass

    told = [(event.aggregate_id, event.verb) for event in await contacts.take_events(tenant.id)]
    erased_id = uuid.UUID(contact["id"])
    again = [(erased_id, "snapshot")] * TIMES
    assert told == [(uuid.UUID(other["id"]), "created"), (erased_id, "erased"), *again]


async def test_a_field_that_is_added_to_contacts_is_emptied_or_said_to_stay() -> None:
    """Whoever adds a field decides here what an erasure does to it."""
    kept = {"id", "version", "owner_id", "merged_into", "created_at", "updated_at", "deleted_at", "erased_at"}
    assert set(contact_events.STATE_FIELDS) == {*EMPTY, *kept}


async def merge(client: httpx.AsyncClient, survivor_id: str, other_id: str) -> str:
    merged = require_ok(await client.post(f"/v1/contacts/{survivor_id}/merge", json={"other_id": other_id}))
    merge_id: str = merged["merge_id"]
    return merge_id


@pytest.mark.parametrize("asked", ["survivor", "other", "first"])
async def test_who_was_merged_is_one_person_and_goes_whole(
    contacts: Contacts, tenant: SeededTenant, asked: str
) -> None:
    """First into other, other into survivor: whichever is asked for, all three go, and no undo brings one back."""
    admin = contacts.client(tenant.admin)
    ids = {
        name: (await create(admin, email=f"{name}.{MARK}@person.example", external_id=f"{name}-{MARK}"))["id"]
        for name in ("first", "other", "survivor")
    }
    bystander = await create(admin, email="stays@else.example", external_id="stays", first_name="Stays")
    first_merge = await merge(admin, ids["other"], ids["first"])
    last_merge = await merge(admin, ids["survivor"], ids["other"])
    await contacts.take_events(tenant.id)

    state = require_ok(await erase(admin, ids[asked]))

    assert state["id"] == ids[asked]
    told = await contacts.take_events(tenant.id)
    assert sorted((str(event.aggregate_id), event.verb) for event in told) == sorted(
        (one, "erased") for one in ids.values()
    )
    merged_into = {str(event.aggregate_id): event.state["merged_into"] for event in told}
    assert merged_into == {ids["first"]: ids["other"], ids["other"]: ids["survivor"], ids["survivor"]: None}
    assert MARK not in repr(told)
    left = await list_tables_with(contacts, tenant, MARK)
    assert [line for lines in left.values() for line in lines if bystander["id"] not in line] == []
    for merge_id in (last_merge, first_merge):
        answer = await admin.post(f"/v1/merges/{merge_id}/undo")
        assert answer.status_code == 409, answer.text
    assert await contacts.take_events(tenant.id) == []


async def test_a_merge_that_was_undone_leaves_nothing_in_the_others_audit(
    contacts: Contacts, tenant: SeededTenant
) -> None:
    admin = contacts.client(tenant.admin)
    kept = require_ok(await admin.post("/v1/contacts", json={"last_name": "Kept"}), 201)
    gone = await create(admin)
    merge_id = await merge(admin, kept["id"], gone["id"])
    require_ok(await admin.post(f"/v1/merges/{merge_id}/undo"))
    assert await list_tables_with(contacts, tenant, MARK) != {}

    require_ok(await erase(admin, gone["id"]))

    assert await list_tables_with(contacts, tenant, MARK) == {}
    left = require_ok(await admin.get(f"/v1/contacts/{kept['id']}"))
    assert (left["last_name"], left["first_name"]) == ("Kept", None)


async def test_an_erased_contact_is_not_restored_and_not_merged(contacts: Contacts, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    contact, other = await create(admin), require_ok(await admin.post("/v1/contacts", json={"last_name": "Other"}), 201)
    require_ok(await erase(admin, contact["id"]))
    require_problem(await admin.post(f"/v1/contacts/{contact['id']}/restore"), 404, "not-found")
    body = {"other_id": contact["id"]}
    require_problem(await admin.post(f"/v1/contacts/{other['id']}/merge", json=body), 422, "unknown-reference")


async def test_whatever_runs_at_the_same_time_nothing_is_left(contacts: Contacts, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    for number in range(8):
        contact = await create(admin, external_id=None, email=f"{number}.{MARK}@person.example")
        other = require_ok(await admin.post("/v1/contacts", json={"last_name": "Other"}), 201)
        path = f"/v1/contacts/{contact['id']}"
        answers = await asyncio.gather(
            admin.patch(path, json={"first_name": f"Later{MARK}"}),
            erase(admin, contact["id"]),
            admin.post(f"/v1/contacts/{other['id']}/merge", json={"other_id": contact["id"]}),
            admin.put(f"{path}/tags/late-{MARK}"),
            erase(admin, contact["id"]),
            admin.patch(path, json={"job_title": f"Late{MARK}"}),
        )
        assert all(answer.status_code < 500 for answer in answers), [answer.text for answer in answers]
        assert require_ok(answers[1])["erased_at"]
    assert await list_tables_with(contacts, tenant, MARK) == {}


async def test_what_imports_keep_of_the_person_goes(contacts: Contacts, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    contact = await create(admin)
    rows = [
        "email,job_title,source",
        f"{PERSON['email']},Imported{MARK},INBOUND",
        f"{PERSON['email']},Broken{MARK},NONSENSE",
        "other@else.example,Stays,NONSENSE",
    ]
    for dry_run in ("true", "false"):
        job = await run_import(
            contacts, tenant.admin, "\n".join(rows), mode="upsert", id_property="email", dry_run=dry_run
        )
        assert job["status"] == "COMPLETED", job
    assert {"imports", "import_errors"} <= set(await list_tables_with(contacts, tenant, MARK))

    require_ok(await erase(admin, contact["id"]))

    assert await list_tables_with(contacts, tenant, MARK) == {}
    assert [line for line in await list_errors(contacts, tenant.admin, job["id"]) if "Stays" in line] != []
