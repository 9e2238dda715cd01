"""What becomes of records when a custom field changes under them: required, retired, deleted, raced."""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from crm_contacts.settings import ContactsSettings
from crm_contacts.worker import RECORD_ADAPTERS
from crm_shared.clock import SystemClock
from crm_shared.features.custom_fields.cleaning import ValueCleaner
from crm_shared.features.custom_fields.domain import MAX_FIELDS, MAX_INDEXED
from crm_shared.features.custom_fields.indexes import IndexKeeper
from crm_testing.answers import require_ok, require_problem
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Contacts = ServiceKit[ContactsSettings]
Body = Mapping[str, Any]

TIER: Body = {
    "entity_type": "CONTACT", "key": "tier", "label": "Tier", "field_type": "SELECT", "options": ["gold", "silver"],
}  # fmt: skip
WAYS = [("CONTACT", "/v1/contacts", {"first_name": "Zoë"}), ("COMPANY", "/v1/companies", {"name": "Acme"})]


async def define(client: httpx.AsyncClient, body: Body, **more: Any) -> dict[str, Any]:
    return require_ok(await client.post("/v1/custom-fields", json={**body, **more}), 201)


async def clean(contacts: Contacts) -> None:
    """Run the worker's upkeep until nothing is left to do. Other transactions of the engine may hold it up."""
    keeper = IndexKeeper(contacts.database, contacts.settings.owner_dsn.get_secret_value())
    cleaner = ValueCleaner(contacts.database, RECORD_ADAPTERS, SystemClock())
    async with asyncio.timeout(60):
        while await cleaner.has_work() or await keeper.has_work():
            await keeper.converge()
            await cleaner.converge()
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(("entity_type", "collection", "body"), WAYS)
async def test_a_required_field_counts_at_once_and_leaves_old_records_editable(
    contacts: Contacts, tenant: SeededTenant, entity_type: str, collection: str, body: Body
) -> None:
    admin = contacts.client(tenant.admin)
    old = require_ok(await admin.post(collection, json=body), 201)
    field = await define(admin, TIER, entity_type=entity_type)
    require_ok(await admin.patch(f"/v1/custom-fields/{field['id']}", json={"required": True}))

    for custom_data in ({}, {"tier": None}):
        answer = await admin.post(collection, json={**body, "custom_data": custom_data})
        require_problem(answer, 422, "invalid-field", "/custom_data/tier")
    new = require_ok(await admin.post(collection, json={**body, "custom_data": {"tier": "gold"}}), 201)
    answer = await admin.patch(f"{collection}/{new['id']}", json={"custom_data": {"tier": None}})
    require_problem(answer, 422, "invalid-field", "/custom_data/tier")
    edited = require_ok(await admin.patch(f"{collection}/{old['id']}", json={"tags": ["old"], "custom_data": {}}))
    assert (edited["tags"], edited["custom_data"]) == (["old"], {})


@pytest.mark.parametrize(("entity_type", "collection", "body"), WAYS)
async def test_a_retired_option_stays_where_it_is_held(
    contacts: Contacts, tenant: SeededTenant, entity_type: str, collection: str, body: Body
) -> None:
    admin = contacts.client(tenant.admin)
    field = await define(admin, TIER, entity_type=entity_type)
    holder = require_ok(await admin.post(collection, json={**body, "custom_data": {"tier": "silver"}}), 201)
    retired = require_ok(await admin.patch(f"/v1/custom-fields/{field['id']}", json={"options": ["gold"]}))
    assert retired["options"][1] == {"value": "silver", "label": "silver", "retired": True}

    path = f"{collection}/{holder['id']}"
    again = require_ok(await admin.patch(path, json={"tags": ["a"], "custom_data": {"tier": "silver"}}))
    assert (again["tags"], again["custom_data"]) == (["a"], {"tier": "silver"})
    answer = await admin.post(collection, json={**body, "custom_data": {"tier": "silver"}})
    require_problem(answer, 422, "invalid-field", "/custom_data/tier")
    found = require_ok(await admin.get(collection, params={"cf_tier": "silver"}))
    assert [record["id"] for record in found["items"]] == [holder["id"]]
    require_ok(await admin.patch(path, json={"custom_data": {"tier": "gold"}}))
    answer = await admin.patch(path, json={"custom_data": {"tier": "silver"}})
    require_problem(answer, 422, "invalid-field", "/custom_data/tier")


@pytest.mark.parametrize(("entity_type", "collection", "body"), WAYS)
async def test_a_deleted_fields_values_are_gone_at_once_and_for_good(
    contacts: Contacts, tenant: SeededTenant, entity_type: str, collection: str, body: Body
) -> None:
    admin = contacts.client(tenant.admin)
    field = await define(admin, TIER, entity_type=entity_type, indexed=True)
    await define(admin, TIER, entity_type=entity_type, key="kept", field_type="TEXT", options=[])
    custom_data = {"tier": "gold", "kept": "here"}
    records = [
        require_ok(await admin.post(collection, json={**body, "custom_data": custom_data}), 201) for _ in range(3)
    ]
    assert (await admin.delete(f"{collection}/{records[2]['id']}")).status_code == 204
    await contacts.take_events(tenant.id)
    assert (await admin.delete(f"/v1/custom-fields/{field['id']}")).status_code == 204

    path = f"{collection}/{records[0]['id']}"
    shown = require_ok(await admin.get(path))
    assert (shown["custom_data"], shown["version"]) == ({"kept": "here"}, 1)
    listed = require_ok(await admin.get(collection))["items"]
    assert [record["custom_data"] for record in listed] == [{"kept": "here"}] * 2
    require_problem(await admin.get(collection, params={"cf_tier": "gold"}), 422, "invalid-field", "?cf_tier")
    answer = await admin.patch(path, json={"custom_data": {"tier": "gold"}})
    require_problem(answer, 422, "unknown-custom-field", "/custom_data/tier")
    taken = await admin.post("/v1/custom-fields", json={**TIER, "entity_type": entity_type})
    require_problem(taken, 409, "custom-field-in-deletion")
    assert int(taken.headers["retry-after"]) > 0

    await clean(contacts)
    cleaned = require_ok(await admin.get(path))
    assert (cleaned["custom_data"], cleaned["version"]) == ({"kept": "here"}, 2)
    published = await contacts.take_events(tenant.id)
    assert {(event.aggregate_id, event.version) for event in published} == {
        (event.aggregate_id, 2) for event in published if str(event.aggregate_id) in {r["id"] for r in records[:2]}
    }
    assert [event.state["custom_data"] for event in published] == [{"kept": "here"}] * 2
    assert [event.type.rpartition(".")[2] for event in published] == ["updated"] * 2

    await define(admin, TIER, entity_type=entity_type)
    assert require_ok(await admin.get(path))["custom_data"] == {"kept": "here"}
    found = require_ok(await admin.get(collection, params={"cf_tier": "gold"}))
    assert found["items"] == []


async def test_two_creates_of_one_key_give_one_field(contacts: Contacts, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    answers = await asyncio.gather(*(admin.post("/v1/custom-fields", json=TIER) for _ in range(6)))
    (made,) = [answer.json() for answer in answers if answer.status_code == 201]
    for answer in answers:
        if answer.status_code != 201:
            assert require_problem(answer, 409, "duplicate-key")["existing_id"] == made["id"]
    await define(admin, TIER, entity_type="COMPANY")  # a key is of one entity type


async def test_an_option_that_retires_while_records_are_written(contacts: Contacts, tenant: SeededTenant) -> None:
    """Whoever is answered after the retirement has not got the option; whoever got it was written before."""
    admin, rep = contacts.client(tenant.admin), contacts.client(tenant.rep)
    field = await define(admin, TIER)
    retired_at: list[int] = []
    answers: list[int] = []

    async def write(number: int) -> None:
        is_late = bool(retired_at)
        answer = await rep.post("/v1/contacts", json={"first_name": f"n{number}", "custom_data": {"tier": "silver"}})
        answers.append(answer.status_code)
        assert answer.status_code in {201, 422}
        assert not (is_late and answer.status_code == 201)

    async def retire() -> None:
        require_ok(await admin.patch(f"/v1/custom-fields/{field['id']}", json={"options": ["gold"]}))
        retired_at.append(len(answers))

    async def write_all() -> None:
        for start in range(0, 40, 4):
            await asyncio.gather(*(write(start + offset) for offset in range(4)))

    async def retire_soon() -> None:
        await asyncio.sleep(0.05)
        await retire()

    await asyncio.gather(write_all(), retire_soon())
    await write(99)
    assert answers[-1] == 422
    held = require_ok(await rep.get("/v1/contacts", params={"cf_tier": "silver", "limit": 200}))["items"]
    assert len(held) == answers.count(201)


async def test_a_write_waits_for_a_field_that_is_being_changed(contacts: Contacts, tenant: SeededTenant) -> None:
    """A required field counts for each record that is written after its transaction, whoever began first."""
    admin = contacts.client(tenant.admin)
    field = await define(admin, TIER)
    async with contacts.database.begin(tenant.id) as transaction:
        await transaction.execute("SELECT lock_custom_fields($1, 'CONTACT')", tenant.id)
        writing = asyncio.create_task(admin.post("/v1/contacts", json={"first_name": "Zoë"}))
        await asyncio.sleep(0.2)
        assert not writing.done()
        await transaction.execute(
            "UPDATE custom_fields SET required = true WHERE tenant_id = $1 AND id = $2", tenant.id, field["id"]
        )
    require_problem(await writing, 422, "invalid-field", "/custom_data/tier")


async def test_a_long_write_makes_a_change_of_fields_come_again(contacts: Contacts, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    async with contacts.database.begin(tenant.id) as transaction:
        await transaction.fetch("SELECT * FROM load_custom_fields($1, 'CONTACT')", tenant.id)
        answer = await admin.post("/v1/custom-fields", json=TIER)
        require_problem(answer, 503, "unavailable")
        require_ok(await admin.post("/v1/contacts", json={"first_name": "Zoë"}), 201)
    await define(admin, TIER)


async def test_who_may_write_and_where(contacts: Contacts, tenant: SeededTenant, neighbour: SeededTenant) -> None:
    admin, manager = contacts.client(tenant.admin), contacts.client(tenant.manager)
    field = await define(admin, TIER)
    path = f"/v1/custom-fields/{field['id']}"
    require_problem(await manager.post("/v1/custom-fields", json=TIER), 403, "forbidden")
    require_problem(await manager.patch(path, json={"label": "x"}), 403, "forbidden")
    require_problem(await manager.delete(path), 403, "forbidden")
    require_ok(await manager.get(path))
    stranger = contacts.client(neighbour.admin)
    for answer in (
        await stranger.get(path),
        await stranger.patch(path, json={"label": "x"}),
        await stranger.delete(path),
    ):
        require_problem(answer, 404, "not-found")
    assert require_ok(await stranger.get("/v1/custom-fields"))["items"] == []
    answer = await stranger.post("/v1/contacts", json={"first_name": "Zoë", "custom_data": {"tier": "gold"}})
    require_problem(answer, 422, "unknown-custom-field", "/custom_data/tier")
    await define(stranger, TIER)

    require_problem(
        await admin.post("/v1/custom-fields", json={**TIER, "entity_type": "DEAL"}),
        422,
        "invalid-field",
        "/entity_type",
    )
    answer = await admin.get("/v1/custom-fields", params={"entity_type": "DEAL"})
    require_problem(answer, 422, "invalid-field", "?entity_type")
    stale = await admin.patch(path, json={"label": "x"}, headers={"If-Match": '"7"'})
    require_problem(stale, 412, "stale-version")
    require_problem(await admin.delete(path, headers={"If-Match": '"7"'}), 412, "stale-version")


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"key": "Tier"}, "/key"),
        ({"key": "1st"}, "/key"),
        ({"key": "a" * 64}, "/key"),
        ({"key": "ti er"}, "/key"),
        ({"key": "a.gte"}, "/key"),
        ({"label": ""}, "/label"),
        ({"field_type": "COLOUR"}, "/field_type"),
        ({"options": []}, "/options"),
        ({"options": ["a", "a"]}, "/options/1/value"),
        ({"options": ["a"], "field_type": "TEXT"}, "/options"),
        ({"options": ["a;b"], "field_type": "MULTI_SELECT"}, "/options/0/value"),
        ({"options": [7]}, "/options/0"),
        ({"index_state": "READY"}, "/index_state"),
    ],
)
async def test_wrong_definitions_are_named(contacts: Contacts, tenant: SeededTenant, wrong: Body, pointer: str) -> None:
    answer = await contacts.client(tenant.admin).post("/v1/custom-fields", json={**TIER, **wrong})
    require_problem(answer, 422, "invalid-field", pointer)


async def test_there_is_a_limit(contacts: Contacts, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    text = {"entity_type": "CONTACT", "label": "x", "field_type": "TEXT"}
    for number in range(MAX_FIELDS):
        is_indexed = number < MAX_INDEXED
        last = await define(admin, {**text, "key": f"k{number}", "indexed": is_indexed})
    require_problem(await admin.post("/v1/custom-fields", json={**text, "key": "more"}), 409, "too-many-custom-fields")
    answer = await admin.patch(f"/v1/custom-fields/{last['id']}", json={"indexed": True})
    require_problem(answer, 409, "too-many-indexes")
    assert require_ok(await admin.get(f"/v1/custom-fields/{last['id']}"))["indexed"] is False
