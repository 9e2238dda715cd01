"""The API of webhooks: an ADMIN's alone, secrets shown once, bad addresses refused."""

from typing import Any
from uuid import uuid4

import pytest
from services.deals.tests.integration.sales import Sales

from crm_shared.testing.answers import require_ok, require_problem, walk_pages

pytestmark = pytest.mark.engines
BODY = {"url": "https://erp.example/hooks?key=abc", "event_types": ["crm.deal.won", "crm.deal.won"]}


async def _create(sales: Sales, **fields: Any) -> dict[str, Any]:
    return require_ok(await sales.admin.post("/v1/webhooks", json={**BODY, **fields}), 201)


async def test_a_secret_is_made_and_shown_once(sales: Sales) -> None:
    created = await _create(sales)
    assert created["secret"].startswith("whsec_")
    assert (created["event_types"], created["active"], created["version"]) == (["crm.deal.won"], True, 1)
    path = f"/v1/webhooks/{created['id']}"
    read = require_ok(await sales.admin.get(path))
    assert read == {name: value for name, value in created.items() if name != "secret"}
    [event] = await sales.take_events()
    assert event.type == "crm.webhook.created"
    assert event.state["url"] == "https://erp.example/hooks"  # the bus hears no key
    assert created["secret"] not in str(event.state)
    changed = require_ok(await sales.admin.patch(path, json={"secret": "another one"}))
    assert "secret" not in changed
    assert changed["previous_secret_until"] > changed["updated_at"]


async def test_webhooks_are_listed_changed_and_deleted(sales: Sales) -> None:
    webhooks = [await _create(sales, url=f"https://erp.example/{number}") for number in range(3)]
    items = await walk_pages(sales.admin, "/v1/webhooks", limit=2)
    assert [item["id"] for item in items] == [webhook["id"] for webhook in reversed(webhooks)]
    path = f"/v1/webhooks/{webhooks[0]['id']}"
    changes = {"url": "https://new.example/", "event_types": ["crm.deal.lost"], "active": False}
    changed = require_ok(await sales.admin.patch(path, json=changes, headers={"If-Match": '"1"'}))
    assert {name: changed[name] for name in changes} == changes
    require_problem(await sales.admin.patch(path, json=changes, headers={"If-Match": '"1"'}), 412, "stale-version")
    assert require_ok(await sales.admin.patch(path, json=changes))["version"] == 2
    assert (await sales.admin.delete(path)).status_code == 204
    require_problem(await sales.admin.get(path), 404, "not-found")
    verbs = [event.verb for event in await sales.take_events()]
    assert verbs == ["created", "created", "created", "updated", "deleted"]


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1:8000/", "http://localhost/", "https://169.254.169.254/latest", "http://[::1]/"),
        *("http://10.0.0.7/", "http://0.0.0.0/", "http://2130706433/", "http://[::ffff:10.0.0.1]/", "http://0x7f.1/"),
    ],
)
async def test_private_addresses_are_refused(steady: Sales, url: str) -> None:
    answer = await steady.admin.post("/v1/webhooks", json={**BODY, "url": url})
    require_problem(answer, 422, "invalid-field", "/url")


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"url": None}, "/url"),
        ({"url": "erp.example"}, "/url"),
        ({"event_types": []}, "/event_types"),
        ({"event_types": ["crm.deal.dreamt"]}, "/event_types/0"),
        ({"event_types": ["crm.contact.created"]}, "/event_types/0"),
        ({"event_types": ["crm.deal.snapshot"]}, "/event_types/0"),
        ({"secret": ""}, "/secret"),
        ({"secret": 5}, "/secret"),
        ({"headers": {}}, "/headers"),
    ],
)
async def test_bad_input_names_its_field(steady: Sales, fields: dict[str, Any], pointer: str) -> None:
    answer = await steady.admin.post("/v1/webhooks", json={**BODY, **fields})
    require_problem(answer, 422, "invalid-field", pointer)


async def test_a_host_that_is_not_there_yet_may_be_named(sales: Sales) -> None:
    assert (await _create(sales, url="https://later.invalid/"))["active"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "", BODY),
        ("GET", "", None),
        ("GET", "/{id}", None),
        ("PATCH", "/{id}", {"active": False}),
        ("DELETE", "/{id}", None),
        ("GET", "/{id}/deliveries", None),
        ("GET", "/{id}/deliveries/{other}", None),
        ("POST", "/{id}/deliveries/{other}/redeliver", None),
        ("POST", "/{id}/replay", {"since": "2026-11-22T00:00:00Z"}),
    ],
)
async def test_only_an_admin_of_the_tenant_gets_in(
    sales: Sales, elsewhere: Sales, method: str, path: str, body: dict[str, Any] | None
) -> None:
    webhook = await _create(sales)
    ours = "/v1/webhooks" + path.format(id=webhook["id"], other=uuid4())
    for client in (sales.rep, sales.manager):
        require_problem(await client.request(method, ours, json=body), 403, "forbidden")
    if path:
        require_problem(await elsewhere.admin.request(method, ours, json=body), 404, "not-found")
    else:
        assert webhook["id"] not in (await elsewhere.admin.request("GET", ours)).text
    assert require_ok(await sales.admin.get(f"/v1/webhooks/{webhook['id']}"))["active"]
