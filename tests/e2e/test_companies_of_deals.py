"""Companies that a file of deals names and nobody has: made by contacts, beside deals' own import, each once."""

import asyncio

import pytest

from crm_testing.suite.running import RunningCrm
from crm_testing.suite.tenant import Json, Tenant, User, eventually

pytestmark = pytest.mark.engines

FILE = b"name,company\nOne,Wombat AG\nTwo,WOMBAT ag\nThree,\n"


async def begin_import(user: User) -> Json:
    data = {"entity_type": "DEAL", "on_missing_company": "create"}
    files = {"file": ("deals.csv", FILE, "text/csv")}
    answer = await user.call("deals", "POST", "/v1/imports", data=data, files=files, timeout=60)
    assert answer.status_code == 201, answer.text
    job: Json = answer.json()
    return job


async def test_a_file_of_deals_brings_its_companies(crm: RunningCrm, tenant: Tenant) -> None:
    rep, colleague = await tenant.add_user("rita", "REP"), await tenant.add_user("otto", "REP")
    await crm.drain()
    jobs = await asyncio.gather(*(begin_import(rep) for _ in range(2)))

    async def read_counts() -> list[int]:
        present = [await rep.get("deals", f"/v1/imports/{job['id']}") for job in jobs]
        return [one["counts"]["created"] for one in present]

    await eventually(read_counts, [3, 3])
    (company,) = (await rep.get("contacts", "/v1/companies"))["items"]
    assert (company["name"], company["owner_id"]) == ("Wombat AG", str(rep.id))
    deals = (await rep.get("deals", "/v1/deals"))["items"]
    assert sorted(str(deal["company_id"]) for deal in deals) == sorted([company["id"]] * 4 + ["None"] * 2)
    assert (await colleague.get("contacts", "/v1/companies"))["items"] == []
    (change,) = (await rep.get("contacts", f"/v1/companies/{company['id']}/changes"))["items"]
    assert change["changed_by"] == str(rep.id)
