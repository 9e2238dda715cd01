"""The second half of `crm demo`: somebody enters a contact twice; it is found, merged, and the merge undone.

The second entry is made anew in every run and deleted at its end, so that the demo can be run again.
"""

import time
from collections.abc import Callable
from typing import Any

import httpx

from crm_local.demo_arrivals import POLL_S, SEEN_WITHIN_S, say_arrivals
from crm_local.demo_suites import DemoFailed, DemoSuite
from crm_local.demo_tenant import DemoClient, DemoTenant

Contact = dict[str, Any]


def show(suite: DemoSuite, client: DemoClient, tenant: DemoTenant, say: Callable[[str], None]) -> None:
    """Enter the moved deal's contact a second time, and go through with it. Raises DemoFailed."""
    # People decide here: merged by itself the duplicate would be gone before anybody saw it.
    admin = DemoClient(suite, suite.token(tenant.tenant_id, tenant.admin_id))
    admin.patch("contacts", "/v1/tenant", {"auto_merge": False})
    deal = client.get("deals", f"/v1/deals/{tenant.deal_id}")
    known = client.get("contacts", f"/v1/contacts/{deal['contact_id']}")
    began_s = time.monotonic()
    second, note = _enter_again(client, known, began_s)
    try:
        _find(client, known, second, began_s, say)
        merge_id = _merge(suite, client, tenant, (known, second, note), say)
        _undo(suite, client, tenant, (merge_id, second, note), say)
    finally:
        client.delete("activities", f"/v1/activities/{note['id']}")
        client.delete("contacts", f"/v1/contacts/{second['id']}")


def _enter_again(client: DemoClient, known: Contact, began_s: float) -> tuple[Contact, dict[str, Any]]:
    """Make the second entry, as a colleague might who has the card but not the address, and note a call."""
    body = {name: known[name] for name in ("first_name", "last_name", "phone", "company_id")}
    body["job_title"] = "Head of Purchasing"
    second = client.post("contacts", "/v1/contacts", body, key=f"demo-second-{began_s}")
    note = {"type": "NOTE", "contact_id": second["id"], "body": "Met at the fair, asked for an offer"}
    return second, client.post("activities", "/v1/activities", note, key=f"demo-note-{began_s}")


def _find(client: DemoClient, known: Contact, second: Contact, began_s: float, say: Callable[[str], None]) -> None:
    path = f"/v1/contacts/{second['id']}/duplicates"
    while True:
        found = [one for one in client.get("contacts", path)["items"] if one["contact"]["id"] == known["id"]]
        if found:
            break
        if time.monotonic() - began_s > SEEN_WITHIN_S:
            raise DemoFailed(f"the duplicate was not found within {SEEN_WITHIN_S:.0f} s: {client.suite.advice}")
        time.sleep(POLL_S)
    found_ms = (time.monotonic() - began_s) * 1000
    name = f"{known['first_name']} {known['last_name']}"
    reasons = ", ".join(
        reason["field"] for reason in found[0]["reasons"] if reason["field"] in known and reason["weight"] > 0
    )
    say(f"{name}, entered twice: found in {found_ms:.0f} ms, score {found[0]['score']:.2f} ({reasons})")


def _merge(
    suite: DemoSuite,
    client: DemoClient,
    tenant: DemoTenant,
    entries: tuple[Contact, Contact, dict[str, Any]],
    say: Callable[[str], None],
) -> str:
    known, second, note = entries
    began_s = time.monotonic()
    path, body = f"/v1/contacts/{known['id']}/merge", {"other_id": second["id"]}
    merged = client.post("contacts", path, body, key=f"demo-merge-{began_s}")
    say(f"merged, answered in {_since(began_s)}; seen, counted from the call, in")
    places = {
        "timeline": lambda its: note["id"] in _timeline(its, known["id"]),
        "search": lambda its: second["id"] not in _search(its, second),
    }
    say_arrivals(suite, tenant.token, places, began_s, say)
    return str(merged["merge_id"])


def _undo(
    suite: DemoSuite,
    client: DemoClient,
    tenant: DemoTenant,
    done: tuple[str, Contact, dict[str, Any]],
    say: Callable[[str], None],
) -> None:
    merge_id, second, note = done
    began_s = time.monotonic()
    client.post("contacts", f"/v1/merges/{merge_id}/undo", {}, key=f"demo-undo-{began_s}")
    say(f"undone, answered in {_since(began_s)}; seen in")
    places = {
        "timeline": lambda its: note["id"] in _timeline(its, second["id"]),
        "search": lambda its: second["id"] in _search(its, second),
    }
    say_arrivals(suite, tenant.token, places, began_s, say)


def _since(began_s: float) -> str:
    return f"{(time.monotonic() - began_s) * 1000:.0f} ms"


def _timeline(client: DemoClient, contact_id: str) -> set[str]:
    """Return the ids in a contact's timeline, none while the contact is not there for the activities service."""
    path = f"/v1/timelines/contacts/{contact_id}"
    if client.status("activities", path) != httpx.codes.OK:
        return set()
    return {item["id"] for item in client.get("activities", path)["items"]}


def _search(client: DemoClient, contact: Contact) -> set[str]:
    found = client.get("search", "/v1/search", q=f"{contact['first_name']} {contact['last_name']}", type="contact")
    return {item["id"] for item in found["items"]}
