"""What the suite is for: one command in one service, and the other services follow."""

from functools import partial

import pytest

from crm_testing.suite.running import RunningCrm
from crm_testing.suite.tenant import Tenant, User, eventually

pytestmark = pytest.mark.engines


async def test_a_won_deal_reaches_timeline_report_and_search(crm: RunningCrm, tenant: Tenant) -> None:
    admin = tenant.admin
    contact = await admin.post("contacts", "/v1/contacts", {"first_name": "Zoë", "last_name": "Quist"})
    deal = await admin.post(
        "deals",
        "/v1/deals",
        {"name": "Acme renewal", "amount": "12500.00", "currency": "EUR", "contact_id": contact["id"]},
    )
    stages = await admin.stages()
    await admin.post("deals", f"/v1/deals/{deal['id']}/move", {"stage_id": stages["Proposal"]})
    await admin.post("deals", f"/v1/deals/{deal['id']}/move", {"stage_id": stages["Closed Won"]})

    await crm.drain()

    notes = ["Deal moved from Proposal to Closed Won", "Deal moved from Qualification to Proposal"]
    assert await admin.timeline(deal["id"]) == notes
    of_contact = await admin.get("activities", f"/v1/timelines/contacts/{contact['id']}")
    assert [item["body"] for item in of_contact["items"]] == notes
    assert await admin.report() == {"Closed Won": (1, "12500.00")} == await admin.board()
    await eventually(lambda: admin.search("acme ren", type="deal"), [deal["id"]])
    found = (await admin.get("search", "/v1/search", q="acme", type="deal"))["items"][0]["record"]
    assert (found["stage_name"], found["status"], found["amount"]) == ("Closed Won", "WON", "12500.00")


async def test_a_search_can_wait_for_a_write(tenant: Tenant) -> None:
    answer = await tenant.admin.call("contacts", "POST", "/v1/companies", json={"name": "Wintermute Foundry"})

    async def look() -> tuple[bool, list[str]]:
        page = await tenant.admin.get("search", "/v1/search", q="wintermute", after=answer.headers["Crm-Position"])
        assert page["items"] or not page["caught_up"]  # who is told that it caught up sees the write
        return page["caught_up"], [item["id"] for item in page["items"]]

    await eventually(look, (True, [answer.json()["id"]]))


async def test_create_contact_then_deal_at_once_always_works(tenant: Tenant) -> None:
    for number in range(20):
        contact = await tenant.admin.post("contacts", "/v1/contacts", {"email": f"p{number}@first.example"})
        deal = await tenant.admin.post("deals", "/v1/deals", {"name": "At once", "contact_id": contact["id"]})
        note = await tenant.admin.post(
            "activities", "/v1/activities", {"type": "NOTE", "deal_id": deal["id"], "body": "Hello"}
        )
        assert note["contact_id"] == contact["id"]


async def test_each_sees_their_own_everywhere_and_an_org_change_counts(crm: RunningCrm, tenant: Tenant) -> None:
    manager = await tenant.add_user("mia", "MANAGER")
    rep = await tenant.add_user("rae", "REP", manager=manager)
    other = await tenant.add_user("otto", "REP")
    deal = await rep.post("deals", "/v1/deals", {"name": "Blue whale", "amount": "100.00"})
    await crm.drain()

    async def sights(user: User) -> tuple[int, int, int, int]:
        return await count_sights(user, deal["id"])

    await eventually(lambda: sights(rep), (1, 1, 1, 200))
    await eventually(lambda: sights(manager), (1, 1, 1, 200))
    await eventually(lambda: sights(other), (0, 0, 0, 404))

    await tenant.admin.call("contacts", "PATCH", f"/v1/users/{rep.id}", json={"manager_id": None})
    await eventually(lambda: sights(manager), (0, 0, 0, 404))
    await tenant.admin.call("contacts", "PATCH", f"/v1/users/{other.id}", json={"role": "ADMIN"})
    await eventually(lambda: sights(other), (1, 1, 1, 200))


async def count_sights(user: User, deal_id: str) -> tuple[int, int, int, int]:
    """How many deals the user sees in list, search and report, and what the deal's timeline answers."""
    listed = len((await user.get("deals", "/v1/deals"))["items"])
    found = len(await user.search("blue whale"))
    reported = sum(count for count, _ in (await user.report()).values())
    return listed, found, reported, (await user.call("activities", "GET", f"/v1/timelines/deals/{deal_id}")).status_code


async def test_a_deactivated_user_is_out_everywhere(crm: RunningCrm, tenant: Tenant) -> None:
    rep = await tenant.add_user("rae", "REP")
    await rep.post("deals", "/v1/deals", {"name": "Mine"})
    await crm.drain()
    await tenant.admin.call("contacts", "PATCH", f"/v1/users/{rep.id}", json={"active": False})
    assert (await rep.call("contacts", "GET", "/v1/me")).status_code == 401
    paths = {
        "deals": "/v1/deals",
        "activities": "/v1/activities",
        "search": "/v1/search?q=mine",
        "reporting": "/v1/reports/pipeline",
    }
    for service, path in paths.items():
        await eventually(partial(status_of, rep, service, path), 401)


async def status_of(user: User, service: str, path: str) -> int:
    return int((await user.call(service, "GET", path)).status_code)


async def test_two_tenants_see_nothing_of_each_other(crm: RunningCrm, tenant: Tenant) -> None:
    neighbour = (await crm.new_tenant("Neighbour")).admin
    contact = await tenant.admin.post("contacts", "/v1/contacts", {"first_name": "Xenia", "last_name": "Secret"})
    deal = await tenant.admin.post("deals", "/v1/deals", {"name": "Secret deal", "contact_id": contact["id"]})
    await crm.drain()
    await eventually(lambda: tenant.admin.search("secret", type="deal"), [deal["id"]])

    assert await neighbour.search("secret") == []
    assert (await neighbour.get("deals", "/v1/deals"))["items"] == []
    for service, path in [
        ("contacts", f"/v1/contacts/{contact['id']}"),
        ("deals", f"/v1/deals/{deal['id']}"),
        ("activities", f"/v1/timelines/deals/{deal['id']}"),
        ("activities", f"/v1/timelines/contacts/{contact['id']}"),
    ]:
        assert (await neighbour.call(service, "GET", path)).status_code == 404
    refused = await neighbour.call("deals", "POST", "/v1/deals", json={"name": "x", "contact_id": contact["id"]})
    assert refused.status_code == 422
    assert refused.json()["type"] == "/problems/unknown-reference"
