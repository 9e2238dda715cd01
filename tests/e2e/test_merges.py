"""Two contacts that are one person: merged, and whatever refers to them follows; undone, and everything is back."""

from typing import Any

import pytest

from crm_testing.suite.running import RunningCrm
from crm_testing.suite.tenant import Json, Tenant, User, eventually

pytestmark = pytest.mark.engines


async def give_past(user: User, contact: Json, name: str) -> tuple[Json, Json]:
    """Return a contact a deal and a note."""
    deal = await user.post("deals", "/v1/deals", {"name": name, "contact_id": contact["id"], "amount": "100.00"})
    note = {"type": "NOTE", "contact_id": contact["id"], "body": f"Called about {name}"}
    return deal, await user.post("activities", "/v1/activities", note)


KINDS_OF_MERGES = {"contact_merged", "contact_unmerged"}


async def timeline(user: User, contact: Json) -> set[str]:
    page = await user.get("activities", f"/v1/timelines/contacts/{contact['id']}", limit=200)
    return {item["id"] for item in page["items"] if item["system_kind"] not in KINDS_OF_MERGES}


async def notes(user: User, contact: Json) -> list[str]:
    """Return what the system noted of a contact's merges, the latest first."""
    page = await user.get("activities", f"/v1/timelines/contacts/{contact['id']}", limit=200)
    return [item["system_kind"] for item in page["items"] if item["system_kind"] in KINDS_OF_MERGES]


async def deals_of(user: User, contact: Json) -> set[str]:
    page = await user.get("deals", "/v1/deals", contact_id=contact["id"], limit=200)
    return {deal["id"] for deal in page["items"]}


async def merge(user: User, survivor: Json, other: Json, **body: Any) -> Json:
    return await user.post("contacts", f"/v1/contacts/{survivor['id']}/merge", {"other_id": other["id"], **body})


async def test_a_merge_and_its_undo_arrive_everywhere(crm: RunningCrm, tenant: Tenant) -> None:
    admin = tenant.admin
    zoe = await admin.post("contacts", "/v1/contacts", {"first_name": "Zebulon", "last_name": "Okonkwo"})
    other = await admin.post(
        "contacts", "/v1/contacts", {"first_name": "Zeb", "last_name": "Okonkwo", "email": "zeb@quince.example"}
    )
    own_deal, own_note = await give_past(admin, zoe, "Harvester")
    deal, note = await give_past(admin, other, "Threshing floor")
    await eventually(lambda: search_contacts(admin, "okonkwo"), {zoe["id"], other["id"]})

    done = await merge(admin, zoe, other)

    await eventually(lambda: deals_of(admin, zoe), {own_deal["id"], deal["id"]})
    await eventually(lambda: timeline(admin, zoe), {own_note["id"], note["id"]})
    await eventually(lambda: notes(admin, zoe), ["contact_merged"])
    await eventually(lambda: search_contacts(admin, "okonkwo"), {zoe["id"]})
    await eventually(lambda: admin.search("zeb@quince.example", type="contact"), [zoe["id"]])
    await eventually(lambda: admin.search("threshing zebulon", type="deal"), [deal["id"]])  # by the survivor's name
    gone = await admin.call("contacts", "GET", f"/v1/contacts/{other['id']}")
    assert (gone.status_code, gone.json()["merged_into"]) == (404, zoe["id"])
    assert (await admin.call("activities", "GET", f"/v1/timelines/contacts/{other['id']}")).status_code == 404
    refused = await admin.call("deals", "POST", "/v1/deals", json={"name": "x", "contact_id": other["id"]})
    assert refused.json()["type"] == "/problems/unknown-reference"

    # Later edits, and what is added since.
    await admin.call("contacts", "PATCH", f"/v1/contacts/{zoe['id']}", json={"job_title": "CEO"})
    added_deal, added_note = await give_past(admin, zoe, "Windmill")
    await crm.drain()  # the report has heard of the deal just made
    before = await admin.report()
    undone = await admin.post("contacts", f"/v1/merges/{done['merge_id']}/undo", {})

    await eventually(lambda: deals_of(admin, other), {deal["id"]})
    await eventually(lambda: timeline(admin, other), {note["id"]})
    await eventually(lambda: deals_of(admin, zoe), {own_deal["id"], added_deal["id"]})
    await eventually(lambda: timeline(admin, zoe), {own_note["id"], added_note["id"]})
    await eventually(lambda: admin.search("zeb@quince.example", type="contact"), [other["id"]])
    await eventually(lambda: admin.search("threshing zebulon", type="deal"), [])
    assert (undone["contact"]["email"], undone["contact"]["job_title"]) == (None, "CEO")
    assert undone["other"] == await admin.get("contacts", f"/v1/contacts/{other['id']}")
    assert (await admin.get("deals", f"/v1/deals/{deal['id']}"))["original_contact_id"] is None

    # Told again from the first event on, nothing changes.
    await crm.drain()
    await crm.redeliver()
    await crm.drain()
    assert await deals_of(admin, other) == {deal["id"]}
    assert await timeline(admin, other) == {note["id"]}
    assert await notes(admin, other) == ["contact_unmerged"]
    assert await notes(admin, zoe) == ["contact_unmerged", "contact_merged"]
    assert await admin.report() == before


async def test_a_chain_is_undone_link_by_link(crm: RunningCrm, tenant: Tenant) -> None:
    admin = tenant.admin
    people = [await admin.post("contacts", "/v1/contacts", {"first_name": name}) for name in "ABC"]
    pasts = [await give_past(admin, person, f"Deal of {person['first_name']}") for person in people]
    a, b, c = people
    one, two = await merge(admin, b, a), await merge(admin, c, b)
    await eventually(lambda: deals_of(admin, c), {deal["id"] for deal, _ in pasts})
    await eventually(lambda: timeline(admin, c), {note["id"] for _, note in pasts})

    blocked = await admin.call("contacts", "POST", f"/v1/merges/{one['merge_id']}/undo")
    assert (blocked.status_code, blocked.json()["merge_id"]) == (409, two["merge_id"])
    await admin.post("contacts", f"/v1/merges/{two['merge_id']}/undo", {})
    await eventually(lambda: deals_of(admin, b), {deal["id"] for deal, _ in pasts[:2]})
    await admin.post("contacts", f"/v1/merges/{one['merge_id']}/undo", {})

    for person, (deal, note) in zip(people, pasts, strict=True):
        await eventually(lambda one=person: deals_of(admin, one), {deal["id"]})  # type: ignore[misc]  # bound at once
        await eventually(lambda one=person: timeline(admin, one), {note["id"]})  # type: ignore[misc]
    await crm.drain()


async def search_contacts(user: User, text: str) -> set[str]:
    return set(await user.search(text, type="contact"))
