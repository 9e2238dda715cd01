"""One person entered twice: found, merged by the system, undone by a person, and left alone from then on."""

import pytest

from crm_testing.suite.running import RunningCrm
from crm_testing.suite.tenant import Json, Tenant, User, eventually

pytestmark = pytest.mark.engines


async def list_contacts(user: User) -> set[str]:
    page = await user.get("contacts", "/v1/contacts", limit=200)
    return {item["id"] for item in page["items"]}


async def list_duplicates(user: User, status: str) -> list[Json]:
    items: list[Json] = (await user.get("contacts", "/v1/duplicates", status=status))["items"]
    return items


async def test_a_duplicate_is_merged_and_once_undone_left_alone(crm: RunningCrm, tenant: Tenant) -> None:
    admin = tenant.admin
    person = {"first_name": "Zebulon", "last_name": "Okonkwo", "phone": "+4930901820"}
    one = await admin.post("contacts", "/v1/contacts", {**person, "email": "zebulon@quince.example"})
    deal = await admin.post("deals", "/v1/deals", {"name": "Harvester", "contact_id": one["id"]})
    other = await admin.post("contacts", "/v1/contacts", {**person, "email": "z.okonkwo@quince.example"})
    namesake = await admin.post("contacts", "/v1/contacts", {"first_name": "Zebulon", "last_name": "Okonkwo"})

    await eventually(lambda: list_contacts(admin), {one["id"], namesake["id"]})
    await crm.drain()
    [suggested] = await list_duplicates(admin, "OPEN")
    assert suggested["band"] == "SUGGEST"
    assert {contact["id"] for contact in suggested["contacts"]} == {one["id"], namesake["id"]}

    [merge] = (await admin.get("contacts", "/v1/merges"))["items"]
    assert (merge["survivor_id"], merge["other_id"], merge["merged_by"]) == (one["id"], other["id"], None)
    await admin.post("contacts", f"/v1/merges/{merge['id']}/undo", {})
    await crm.drain()
    await crm.redeliver()
    await crm.drain()

    assert await list_contacts(admin) == {one["id"], other["id"], namesake["id"]}
    [dismissed] = await list_duplicates(admin, "DISMISSED")
    assert {contact["id"] for contact in dismissed["contacts"]} == {one["id"], other["id"]}
    assert (await admin.get("deals", f"/v1/deals/{deal['id']}"))["contact_id"] == one["id"]
