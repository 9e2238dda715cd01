"""The API of webhooks: an ADMIN's alone, secrets shown once, bad addresses refused."""

import asyncio
from collections import Counter
from typing import Any
from uuid import uuid4

import pytest
from services.deals.tests.integration.sales import Sales

from crm_testing.answers import require_ok, require_problem, walk_pages

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
    assert event.state["url"] == "https://erp.example"  # the path may be the key, and the bus is read by many
    assert created["secret"] not in str(event.state)
    changed = require_ok(await sales.admin.patch(path, json={"secret": "another one"}))
    assert "secret" not in changed
    assert changed["previous_secret_until"] > changed["updated_at"]


async def test_a_repeated_creation_shows_and_keeps_no_secret(sales: Sales) -> None:
    headers = {"Idempotency-Key": "once"}
    created = require_ok(await sales.admin.post("/v1/webhooks", json=BODY, headers=headers), 201)
    again = await sales.admin.post("/v1/webhooks", json=BODY, headers=headers)
    assert again.headers["idempotency-replayed"] == "true"
    assert require_ok(again, 201) == {**created, "secret": None}
    kept = await sales.kit.list_rows("idempotency_keys")
    assert created["secret"].encode().hex() not in str(kept)
    async with sales.kit.database.begin_as_worker() as transaction:
        await transaction.execute("UPDATE directory_users SET role = 'REP' WHERE id = $1", sales.tenant.admin.id)
    refused = await sales.admin.post("/v1/webhooks", json=BODY, headers=headers)
    assert created["url"] not in require_problem(refused, 403, "forbidden").values()


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
        *("https://127.0.0.1/", "https://localhost/", "https://169.254.169.254/latest", "https://[::1]/"),
        *("https://10.0.0.7/", "https://0.0.0.0/", "https://2130706433/", "https://[::ffff:10.0.0.1]/"),
        *("https://0x7f.1/", "https://192.0.0.192/", "https://168.63.129.16/", "https://[fec0::1]/"),
        *("https://[64:ff9b::a00:1]/", "https://[2002:a00:1::]/", "http://8.8.8.8/", "https://8.8.8.8:25/"),
    ],
)
async def test_what_nothing_is_sent_to_is_refused(steady: Sales, url: str) -> None:
    answer = await steady.admin.post("/v1/webhooks", json={**BODY, "url": url})
    require_problem(answer, 422, "invalid-field", "/url")


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"url": None}, "/url"),
        ({"url": "erp.example"}, "/url"),
        ({"url": "https://" + "a" * 64 + ".example/"}, "/url"),
        ({"url": "https://erp.example/a\u0007b"}, "/url"),
        ({"url": "https://erp.example:99999/"}, "/url"),
        ({"url": "https://me:mine@erp.example/"}, "/url"),
        ({"event_types": []}, "/event_types"),
        ({"event_types": ["crm.deal.dreamt"]}, "/event_types/0"),
        ({"event_types": ["crm.contact.created"]}, "/event_types/0"),
        ({"event_types": ["crm.deal.snapshot"]}, "/event_types/0"),
        ({"secret": ""}, "/secret"),
        ({"secret": 5}, "/secret"),
        ({"secret": "x"}, "/secret"),
        ({"secret": "whsec_"}, "/secret"),
        ({"secret": "whsec_c2hvcnQ="}, "/secret"),
        ({"headers": {}}, "/headers"),
    ],
)
async def test_bad_input_names_its_field(steady: Sales, fields: dict[str, Any], pointer: str) -> None:
    answer = await steady.admin.post("/v1/webhooks", json={**BODY, **fields})
    require_problem(answer, 422, "invalid-field", pointer)


@pytest.mark.parametrize("field", ["status", "event_type", "record_id"])
async def test_deliveries_of_what_there_is_not_are_refused(sales: Sales, field: str) -> None:
    path = f"/v1/webhooks/{(await _create(sales))['id']}/deliveries"
    require_problem(await sales.admin.get(path, params={field: "crm.deal.dreamt"}), 422, "invalid-field", f"?{field}")


@pytest.mark.parametrize("secret", ["eight_by", "ключключ", "whsec_ZWlnaHRfYnk=", "whsec_no base64", "s" * 255])
async def test_a_secret_of_one_s_own_is_taken_as_it_is(sales: Sales, secret: str) -> None:
    assert (await _create(sales, secret=secret))["secret"] == secret


async def test_a_name_in_another_script_is_kept_as_dns_has_it(sales: Sales) -> None:
    created = await _create(sales, url="https://müller-erp.invalid/Bücher")
    assert created["url"] == "https://xn--mller-erp-q9a.invalid/B%C3%BCcher"
    path = f"/v1/webhooks/{created['id']}"
    assert require_ok(await sales.admin.patch(path, json={"url": "https://müller-erp.invalid/Bücher"})) == {
        name: value for name, value in created.items() if name != "secret"
    }
    require_problem(await sales.admin.patch(path, json={"url": "http://8.8.8.8/"}), 422, "invalid-field", "/url")


async def test_a_tenant_has_so_many_webhooks_and_no_more(sales: Sales, elsewhere: Sales) -> None:
    body = BODY | {"url": "https://erp.invalid/"}
    most = sales.kit.settings.webhook_max_per_tenant
    answers = await asyncio.gather(*(sales.admin.post("/v1/webhooks", json=body) for _ in range(most + 5)))
    assert Counter(answer.status_code for answer in answers) == {201: most, 409: 5}
    require_problem(await sales.admin.post("/v1/webhooks", json=body), 409, "too-many-webhooks")
    await _create(elsewhere, url="https://erp.invalid/")
    webhook = next(answer.json() for answer in answers if answer.status_code == 201)
    assert (await sales.admin.delete(f"/v1/webhooks/{webhook['id']}")).status_code == 204
    await _create(sales, url="https://erp.invalid/")


async def test_replays_follow_each_other_at_a_distance(sales: Sales) -> None:
    webhook = await _create(sales)
    path = f"/v1/webhooks/{webhook['id']}/replay"
    since = {"since": "2026-11-22T00:00:00Z"}
    answers = await asyncio.gather(*(sales.admin.post(path, json=since) for _ in range(8)))
    assert Counter(answer.status_code for answer in answers) == {200: 6, 429: 2}
    refused = await sales.admin.post(path, json=since)
    require_problem(refused, 429, "replay-too-soon")
    assert 3500 < int(refused.headers["retry-after"]) <= 3600
    async with sales.kit.database.begin_as_worker() as transaction:
        await transaction.execute(
            "UPDATE webhooks SET replays[1] = now() - interval '61 minutes' WHERE id = $1", webhook["id"]
        )
    require_ok(await sales.admin.post(path, json=since))
    require_problem(await sales.admin.post(path, json=since), 429, "replay-too-soon")


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
