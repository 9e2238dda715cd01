"""What an import still holds of a person is deleted with them, and in time by itself."""

from datetime import timedelta

import pytest
from services.contacts.tests.integration.importing import Kit, list_errors, run_import, upload

from crm_contacts.imports.forgetting import forget
from crm_shared.features.imports.forgetting import FiledIdentities, forget_identities
from crm_shared.features.imports.write.cleanup import tidy
from crm_testing.answers import require_ok, walk_pages
from crm_testing.people import SeededTenant

pytestmark = pytest.mark.engines

AGE_IMPORTS = "UPDATE imports SET finished_at = finished_at - $2::interval WHERE tenant_id = $1"
AGE_PIECES = "UPDATE import_pieces SET stored_at = stored_at - $2::interval WHERE tenant_id = $1"
MAKE_ORPHAN = "INSERT INTO import_pieces (tenant_id, import_id, number, data) VALUES ($1, uuidv7(), 0, 'x')"
COUNT_PIECES = "SELECT count(*) FROM import_pieces WHERE tenant_id = $1"


async def test_a_persons_rows_leave_the_errors_file(contacts: Kit, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    ann = require_ok(await client.post("/v1/contacts", json={"email": "ann@acme.example", "phone": "030 901820"}), 201)
    file = "email,phone,source\nANN@acme.example,1 22,NO\nx,030 901820,\nbo@acme.example,,ODD\n"
    job = await run_import(contacts, tenant.rep, file)
    assert len(await list_errors(contacts, tenant.rep, job["id"])) == 3
    (_,) = await walk_pages(client, "/v1/contacts")
    async with contacts.database.begin(tenant.id) as transaction:
        await forget(transaction, tenant.id, [ann["id"]])

    (left,) = await list_errors(contacts, tenant.rep, job["id"])
    assert "bo@acme.example" in left


@pytest.mark.parametrize(
    "cells",
    [
        ("Ann <ANN@acme.example>", ""),
        ("mailto:ann@acme.example; bo@acme.example", ""),
        ("", "(030) 90-18 20"),
        ("", "+49 (0)30 901820 or later"),
        ("", "'0049 30 901820"),
    ],
)
async def test_a_persons_address_is_found_within_a_cell(
    contacts: Kit, tenant: SeededTenant, cells: tuple[str, str]
) -> None:
    person = {"email": "ann@acme.example", "phone": "030 901820"}
    ann = require_ok(await contacts.client(tenant.rep).post("/v1/contacts", json=person), 201)
    file = f'email,job_title,source\nodd,"{cells[0]} {cells[1]}",ODD\nnan@acme.example,90 18,ODD\n'
    job = await run_import(contacts, tenant.rep, file)
    async with contacts.database.begin(tenant.id) as transaction:
        await forget(transaction, tenant.id, [ann["id"]])

    lines = await list_errors(contacts, tenant.rep, job["id"])
    assert {line.split(",")[0] for line in lines} == {"3"}


async def test_failed_rows_are_looked_through_page_by_page(contacts: Kit, tenant: SeededTenant) -> None:
    lines = "".join(f"{name},ODD\n" for name in ("a ann@acme.example", "b", "c", "d +49 30 901820", "e", "f"))
    jobs = [await run_import(contacts, tenant.rep, "email,source\n" + lines) for _ in range(2)]
    identities = FiledIdentities(["Ann@acme.example"], ["030 901820"], ["F"])
    async with contacts.database.begin(tenant.id) as transaction:
        await forget_identities(transaction, tenant.id, identities, page_rows=2)

    for job in jobs:
        left = await list_errors(contacts, tenant.rep, job["id"])
        assert [line.rpartition(",ODD")[0].rpartition(",")[2] for line in left] == ["b", "c", "e"]


@pytest.mark.parametrize(
    ("file_name", "is_kept"),
    [("Ann@Acme.example leads.csv", False), ("+49 30 901820.csv", False), ("leads 2026-09-01.csv", True)],
)
async def test_a_file_that_was_named_after_a_person_loses_its_name(
    contacts: Kit, tenant: SeededTenant, file_name: str, *, is_kept: bool
) -> None:
    client = contacts.client(tenant.rep)
    person = {"email": "ann@acme.example", "phone": "030 901820"}
    ann = require_ok(await client.post("/v1/contacts", json=person), 201)
    files = {"file": (file_name, b"email\nx@acme.example\n", "text/csv")}
    job = require_ok(await client.post("/v1/imports", data={"entity_type": "CONTACT"}, files=files), 201)
    assert job["file_name"] == file_name
    async with contacts.database.begin(tenant.id) as transaction:
        await forget(transaction, tenant.id, [ann["id"]])

    after = require_ok(await client.get(f"/v1/imports/{job['id']}"))
    assert after["file_name"] == (file_name if is_kept else "import.csv")
    require_ok(await client.post(f"/v1/imports/{job['id']}/cancel"))


async def test_errors_and_broken_uploads_go_in_time(contacts: Kit, tenant: SeededTenant) -> None:
    job = await run_import(contacts, tenant.rep, "email\nodd\n", dry_run="true")
    waiting = require_ok(await upload(contacts.client(tenant.rep), "email\na@acme.example\n"), 201)
    keep = timedelta(days=contacts.settings.import_errors_keep_days)
    async with contacts.database.begin(tenant.id) as transaction:
        await transaction.execute(MAKE_ORPHAN, tenant.id)
        await transaction.execute(AGE_PIECES, tenant.id, timedelta(days=1))
        await transaction.execute(AGE_IMPORTS, tenant.id, keep - timedelta(hours=1))
    await tidy(contacts.database, contacts.settings)
    assert len(await list_errors(contacts, tenant.rep, job["id"])) == 1
    async with contacts.database.begin(tenant.id) as transaction:
        assert await transaction.fetchval(COUNT_PIECES, tenant.id) == 1  # that of the import that waits
        await transaction.execute(AGE_IMPORTS, tenant.id, timedelta(hours=2))
    await tidy(contacts.database, contacts.settings)

    assert await list_errors(contacts, tenant.rep, job["id"]) == []
    assert require_ok(await contacts.client(tenant.rep).get(f"/v1/imports/{job['id']}"))["preview"] is None
    require_ok(await contacts.client(tenant.rep).post(f"/v1/imports/{waiting['id']}/cancel"))
