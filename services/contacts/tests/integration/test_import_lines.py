"""Lines of one file about the same record, row or company: what comes of them is no matter of where chunks end."""

import asyncio
from typing import Any, Final
from uuid import UUID

import pytest
from services.contacts.tests.integration.importing import Kit, counts, list_errors, run_import, upload

from crm_contacts.imports.missing_companies import create_companies
from crm_shared.access.directory import Directory
from crm_shared.clock import SystemClock, new_id
from crm_shared.database import Database
from crm_shared.features.imports import repository
from crm_testing.answers import require_ok, walk_pages
from crm_testing.people import SeededTenant

pytestmark = pytest.mark.engines

IS_HELD: Final = "SELECT true FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
TRIES = (("true", 1), ("true", 9), ("false", 1))
"""Dry run and rows of a chunk; the last writes."""


@pytest.mark.parametrize("chunk_rows", [2, 9])
async def test_a_phone_and_name_count_once_in_a_file(contacts: Kit, tenant: SeededTenant, chunk_rows: int) -> None:
    known = {"first_name": "Kay", "phone": "+1 415 555 2600"}
    require_ok(await contacts.client(tenant.rep).post("/v1/contacts", json=known), 201)
    lines = ["+1 415 555 2671,Ann", "+1 415 555 2600,Kay", *(f",Other {number}" for number in range(5))]
    file = "\n".join(["phone,first_name", *lines, "001 415 555 2671,ANN", "+14155552600,kay"])
    for dry_run in ("true", "false"):
        form = {"mode": "upsert", "match_by": "phone", "dry_run": dry_run}
        job = await run_import(contacts, tenant.rep, file, chunk_rows=chunk_rows, **form)
        assert counts(job) == [9, 6, 0, 1, 2], dry_run
        errors = await list_errors(contacts, tenant.rep, job["id"])
        assert [line.split(",")[:3] for line in errors] == [
            [line, "phone", "an earlier line of the file has the same phone and name"] for line in ("9", "10")
        ]


async def test_a_line_is_found_by_the_first_key_that_an_earlier_line_has(contacts: Kit, tenant: SeededTenant) -> None:
    file = (
        "external_id,email,phone,first_name\n"
        "x1,a@t.example,+1 415 555 2671,Ann\n"
        ",a@t.example,+1 415 555 2671,Ann\n"  # by its address, so the phone is not asked
        "x2,a@t.example,,Anna\n"  # by its address: nobody has x2
        "x3,b@t.example,,Bo\n"
        "X3,c@t.example,,Cy\n"  # another, as external ids are told apart by case
    )
    for dry_run, chunk_rows in TRIES:
        form = {"mode": "upsert", "match_by": "external_id,email,phone", "dry_run": dry_run}
        job = await run_import(contacts, tenant.rep, file, chunk_rows=chunk_rows, **form)
        counted = counts(job)
        assert (counted[1], counted[2] + counted[3], counted[4]) == (3, 2, 0), (dry_run, chunk_rows)
    found = await walk_pages(contacts.client(tenant.rep), "/v1/contacts")
    assert {(one["external_id"], one["first_name"]) for one in found} == {("x2", "Anna"), ("x3", "Bo"), ("X3", "Cy")}


async def test_an_upsert_by_phone_refuses_an_address_of_an_earlier_line(contacts: Kit, tenant: SeededTenant) -> None:
    file = "phone,email,first_name\n+1 415 555 2671,a@t.example,Ann\n+1 415 555 2672,a@t.example,Bo\n"
    for dry_run, chunk_rows in TRIES:
        form = {"mode": "upsert", "match_by": "phone", "dry_run": dry_run}
        job = await run_import(contacts, tenant.rep, file, chunk_rows=chunk_rows, **form)
        assert counts(job) == [2, 1, 0, 0, 1], (dry_run, chunk_rows)


async def test_a_row_of_an_errors_file_is_taken_once_in_a_file(contacts: Kit, tenant: SeededTenant) -> None:
    first = await run_import(contacts, tenant.rep, "first_name,source\nMend,NOWHERE\n")
    answer = await contacts.client(tenant.rep).get(f"/v1/imports/{first['id']}/errors.csv")
    header, row = answer.text.replace("NOWHERE", "INBOUND").splitlines()
    file = f"{header}\n{row}\n{row}\n"
    for dry_run, chunk_rows in TRIES:
        job = await run_import(contacts, tenant.rep, file, dry_run=dry_run, chunk_rows=chunk_rows)
        assert counts(job) == [2, 1, 0, 0, 1], (dry_run, chunk_rows)
    again = await run_import(contacts, tenant.rep, file)
    assert counts(again) == [2, 0, 0, 2, 0]


async def test_a_missing_company_has_the_files_first_spelling(contacts: Kit, tenant: SeededTenant) -> None:
    names = ["Blue  Moon", "blue moon", "BLUE MOON", "Blue Moon", "bLUE   mOON"]
    file = "first_name,company\n" + "".join(f"P,{name}\n" for name in names)
    job = await run_import(contacts, tenant.rep, file, on_missing_company="create", chunk_rows=3)
    assert counts(job) == [5, 5, 0, 0, 0]
    (company,) = await walk_pages(contacts.client(tenant.rep), "/v1/companies")
    assert company["name"] == "Blue Moon"


async def is_held(database: Database, tenant: SeededTenant) -> bool:
    async with database.read(tenant.id) as connection:  # a transaction sees what it saw first
        return bool(await connection.fetchval(IS_HELD))


async def test_companies_are_made_while_the_chunk_before_is_written(contacts: Kit, tenant: SeededTenant) -> None:
    """Both note what they wrote, under the next number each."""
    database = contacts.database
    answer = await upload(contacts.client(tenant.rep), "first_name,company\nA,Acme\n", on_missing_company="create")
    import_id = UUID(require_ok(answer, 201)["id"])
    caller, _ = await Directory(database, cache_s=0).find_caller(tenant.id, tenant.rep.id, "")
    assert caller is not None
    chunk: dict[str, Any] = {"written_at": SystemClock().now(), "created_ids": [new_id()], "updated": ()}
    async with database.begin(tenant.id) as writing:
        job = await repository.load_for_update(writing, tenant.id, import_id)
        await repository.add_chunk(writing, job, **chunk)
        making = asyncio.create_task(create_companies(database, caller, [("Acme", None)], job, SystemClock()))
        while not await is_held(database, tenant):
            assert not making.done()
            await asyncio.sleep(0.01)
    made = await making
    assert isinstance(made["Acme", None], UUID)
    async with database.read(tenant.id) as connection:
        count = "SELECT count(*) FROM import_chunks WHERE tenant_id = $1 AND import_id = $2"
        assert await connection.fetchval(count, tenant.id, import_id) == 2
