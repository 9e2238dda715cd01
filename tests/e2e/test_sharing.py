"""A contact is shared: the colleague finds it and its deals in every service, until the share is taken away."""

from dataclasses import dataclass

import pytest

from crm_testing.suite.running import RunningCrm
from crm_testing.suite.tenant import Json, Tenant, User, eventually

pytestmark = pytest.mark.engines


@dataclass(frozen=True)
class Account:
    contact_id: str
    deal_id: str
    note_id: str


async def make_account(owner: User) -> Account:
    contact = await owner.post("contacts", "/v1/contacts", {"first_name": "Zoë", "last_name": "Quetzal"})
    deal = await owner.post(
        "deals", "/v1/deals", {"name": "Quetzal renewal", "amount": "12500.00", "contact_id": contact["id"]}
    )
    note = await owner.post(
        "activities", "/v1/activities", {"type": "NOTE", "deal_id": deal["id"], "subject": "Quetzal called"}
    )
    await owner.post("deals", "/v1/deals", {"name": "Another one", "amount": "1.00"})
    return Account(contact["id"], deal["id"], note["id"])


async def list_sights(user: User, account: Account) -> Json:
    """Return what of the account a user sees, service by service."""
    paths = {
        "contact": ("contacts", f"/v1/contacts/{account.contact_id}"),
        "deal": ("deals", f"/v1/deals/{account.deal_id}"),
        "history": ("deals", f"/v1/deals/{account.deal_id}/history"),
        "activity": ("activities", f"/v1/activities/{account.note_id}"),
        "contact's timeline": ("activities", f"/v1/timelines/contacts/{account.contact_id}"),
        "deal's timeline": ("activities", f"/v1/timelines/deals/{account.deal_id}"),
    }
    answers = {name: await user.call(service, "GET", path) for name, (service, path) in paths.items()}
    sights: Json = {name: answer.status_code for name, answer in answers.items()}
    suggested = await user.get("search", "/v1/search/suggest", q="quetz")
    return sights | {
        "contacts listed": len((await user.get("contacts", "/v1/contacts"))["items"]),
        "deals listed": len((await user.get("deals", "/v1/deals"))["items"]),
        "activities listed": len((await user.get("activities", "/v1/activities"))["items"]),
        "found": len(await user.search("quetzal")),
        "suggested": len(suggested["items"]),
        "board": await user.board(),
        "report": await user.report(),
    }


NOTHING = {
    **dict.fromkeys(("contact", "deal", "history", "activity", "contact's timeline", "deal's timeline"), 404),
    **dict.fromkeys(("contacts listed", "deals listed", "activities listed", "found", "suggested"), 0),
    "board": {},
    "report": {},
}
WHOLE = {
    **dict.fromkeys(("contact", "deal", "history", "activity", "contact's timeline", "deal's timeline"), 200),
    **dict.fromkeys(("contacts listed", "deals listed", "activities listed", "suggested"), 1),
    "board": {"Qualification": (1, "12500.00")},
    "report": {"Qualification": (1, "12500.00")},
    "found": 3,
}


async def share(owner: User, account: Account, user: User, permission: str) -> str:
    """Share, and give the position to wait for."""
    answer = await owner.call(
        "contacts",
        "POST",
        f"/v1/contacts/{account.contact_id}/shares",
        json={"user_id": str(user.id), "permission": permission},
    )
    assert answer.is_success, answer.text
    return answer.headers["Crm-Position"]


async def test_a_share_shows_the_account_everywhere_and_its_end_hides_it(crm: RunningCrm, tenant: Tenant) -> None:
    owner, colleague = await tenant.add_user("olga", "REP"), await tenant.add_user("otto", "REP")
    account = await make_account(owner)
    await crm.drain()
    await eventually(lambda: list_sights(colleague, account), NOTHING)

    position = await share(owner, account, colleague, "READ")
    page = await colleague.get("search", "/v1/search", q="quetzal", after=position)
    assert (page["caught_up"], len(page["items"])) == (True, 3)
    await eventually(lambda: list_sights(colleague, account), WHOLE)

    gone = await owner.call("contacts", "DELETE", f"/v1/contacts/{account.contact_id}/shares/{colleague.id}")
    page = await colleague.get("search", "/v1/search", q="quetzal", after=gone.headers["Crm-Position"])
    # Nor is it told whether what it can't see any more has arrived.
    assert (page["caught_up"], page["items"]) == (False, [])
    await eventually(lambda: list_sights(colleague, account), NOTHING)


async def test_what_a_share_lets_its_holder_do(crm: RunningCrm, tenant: Tenant) -> None:
    owner, colleague = await tenant.add_user("olga", "REP"), await tenant.add_user("otto", "REP")
    account = await make_account(owner)
    await crm.drain()

    async def write() -> list[int]:
        """Edit the contact, log on it, edit the deal, delete the contact."""
        contact, note = f"/v1/contacts/{account.contact_id}", {"type": "NOTE", "contact_id": account.contact_id}
        return [
            (await colleague.call("contacts", "PATCH", contact, json={"job_title": "Buyer"})).status_code,
            (await colleague.call("activities", "POST", "/v1/activities", json=note)).status_code,
            (await colleague.call("deals", "PATCH", f"/v1/deals/{account.deal_id}", json={"name": "x"})).status_code,
            (await colleague.call("contacts", "DELETE", contact)).status_code,
        ]

    assert await write() == [404, 422, 404, 404]
    await share(owner, account, colleague, "READ")
    await eventually(write, [403, 403, 403, 403])
    await share(owner, account, colleague, "WRITE")
    await eventually(write, [200, 201, 403, 403])
