"""The errors file holds each failed row once; mended and sent again it makes nobody twice."""

import csv
import io

import pytest
from services.contacts.tests.integration.importing import Kit, counts, make_runner, revert, run_import, upload

from crm_testing.answers import require_ok, walk_pages
from crm_testing.people import SeededTenant

pytestmark = pytest.mark.engines


async def fetch_errors(kit: Kit, tenant: SeededTenant, import_id: str) -> str:
    answer = await kit.client(tenant.rep).get(f"/v1/imports/{import_id}/errors.csv")
    assert answer.status_code == 200
    return answer.text


async def names(kit: Kit, tenant: SeededTenant) -> list[str]:
    return sorted(one["first_name"] for one in await walk_pages(kit.client(tenant.rep), "/v1/contacts"))


async def define(kit: Kit, tenant: SeededTenant) -> None:
    for key, kind in (("born", "DATE"), ("size", "NUMBER")):
        body = {"entity_type": "CONTACT", "key": key, "label": key.title(), "field_type": kind}
        require_ok(await kit.client(tenant.admin).post("/v1/custom-fields", json=body), 201)


async def test_a_row_with_two_faults_stands_once_and_is_taken_once(contacts: Kit, tenant: SeededTenant) -> None:
    await define(contacts, tenant)
    long = "x" * 5000
    file = f"First Name,Born,Size,Note\nMend,sometime,many,{long}\nFine,2021-03-12,4.5,\nLost,never,1,\n"
    first = await run_import(contacts, tenant.rep, file)
    assert counts(first) == [3, 1, 0, 0, 2]
    errors = await fetch_errors(contacts, tenant, first["id"])
    rows = list(csv.DictReader(io.StringIO(errors)))
    assert [(row["line"], row["field"]) for row in rows] == [("2", "Born; Size"), ("4", "Born")]
    assert "Born: takes a day" in rows[0]["reason"]
    assert "Size: takes a number" in rows[0]["reason"]
    assert (rows[0]["First Name"], rows[0]["Note"]) == ("Mend", long)

    mended = errors.replace("sometime", "2021-03-12").replace("many", "4.5")
    second = await run_import(contacts, tenant.rep, mended)
    assert counts(second) == [2, 1, 0, 0, 1]
    assert await names(contacts, tenant) == ["Fine", "Mend"]
    third = await run_import(contacts, tenant.rep, mended.replace("never", "2021-03-13"))
    assert counts(third) == [2, 1, 0, 1, 0]
    assert await names(contacts, tenant) == ["Fine", "Lost", "Mend"]
    assert [one["column"] for one in third["warnings"] if one["column"] == "import_row"] == ["import_row"]

    still = await fetch_errors(contacts, tenant, second["id"])  # the same row by the same key, in the second's file
    assert next(csv.reader(io.StringIO(still))) == next(csv.reader(io.StringIO(errors)))
    again = await run_import(contacts, tenant.rep, still.replace("never", "2021-03-13"))
    assert counts(again) == [1, 0, 0, 1, 0]


async def test_rows_of_an_import_that_was_taken_back_may_come_again(contacts: Kit, tenant: SeededTenant) -> None:
    first = await run_import(contacts, tenant.rep, "first_name,source\nMend,NOWHERE\n")
    mended = (await fetch_errors(contacts, tenant, first["id"])).replace("NOWHERE", "INBOUND")
    dry = await run_import(contacts, tenant.rep, mended, dry_run="true")
    assert counts(dry) == [1, 1, 0, 0, 0]
    second = await run_import(contacts, tenant.rep, mended)
    await revert(contacts, tenant.rep, second["id"])
    assert counts(await run_import(contacts, tenant.rep, mended)) == [1, 1, 0, 0, 0]
    assert await names(contacts, tenant) == ["Mend"]


async def test_the_same_file_twice_at_once_makes_nobody_twice(contacts: Kit, tenant: SeededTenant) -> None:
    first = await run_import(contacts, tenant.rep, "first_name,source\n" + "P,NOWHERE\n" * 30)
    mended = (await fetch_errors(contacts, tenant, first["id"])).replace("NOWHERE", "INBOUND")
    for person in (tenant.rep, tenant.admin):
        require_ok(await upload(contacts.client(person), mended), 201)
    await make_runner(contacts, chunk_rows=7).run_waiting()
    assert len(await walk_pages(contacts.client(tenant.admin), "/v1/contacts")) == 30
