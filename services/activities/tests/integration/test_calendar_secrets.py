"""The secret of a calendar's address: it is shown once, and stands in no log, metric, problem or table."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import structlog
from prometheus_client import generate_latest

from crm_activities.app import make_app
from crm_activities.calendar import queries
from crm_activities.calendar.feed_secrets import make_secret, read_secret
from crm_activities.settings import ActivitiesSettings
from crm_shared.clock import new_id
from crm_shared.database import Database
from crm_testing.answers import require_ok, require_problem
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[ActivitiesSettings]
FEEDS = "/v1/calendar-feeds"


async def make_feed(client: httpx.AsyncClient) -> dict[str, Any]:
    return require_ok(await client.post(FEEDS, json={}), 201)


@contextmanager
def running_elsewhere(app: Any, address: str) -> Iterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app, client=(address, 4711))
    yield httpx.AsyncClient(transport=transport, base_url="http://activities.test")


def test_a_secret_is_256_random_bits_in_one_form() -> None:
    tenant_id = new_id()
    secrets = {make_secret(tenant_id) for _ in range(100)}
    assert len(secrets) == 100
    for secret in secrets:
        found = read_secret(secret)
        assert found is not None
        assert (found.tenant_id, len(found.digest)) == (tenant_id, 32)
    secret = secrets.pop()
    for wrong in (
        "",
        secret[:-1],
        f"{secret}A",
        f"{secret}\n",
        f"{secret[:-1]}=",
        f"{secret[:-1]}é",
        "\N{BULLET}" * 64,
    ):
        assert read_secret(wrong) is None


async def test_a_repeated_creation_shows_and_keeps_no_secret(service: Kit, rep: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "once"}
    created = require_ok(await rep.post(FEEDS, json={}, headers=headers), 201)
    again = await rep.post(FEEDS, json={}, headers=headers)
    assert again.headers["idempotency-replayed"] == "true"
    assert require_ok(again, 201) == {"id": created["id"], "url": None, "secret": None}
    assert len(require_ok(await rep.get(FEEDS))["items"]) == 1
    assert require_ok(await rep.get(again.headers["location"]))["id"] == created["id"]
    kept = str(await service.list_rows("idempotency_keys", "outbox"))
    assert created["id"].encode().hex() in kept
    assert created["secret"].encode().hex() not in kept
    assert created["secret"] not in kept


async def test_what_is_kept_of_a_secret_is_its_hash(service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient) -> None:
    secret = (await make_feed(rep))["secret"]
    async with (
        Database.opened(service.settings.dsn.get_secret_value(), max_size=1) as database,
        database.read(tenant.id) as connection,
    ):
        row = str(await connection.fetchval("SELECT to_jsonb(f) FROM calendar_feeds f"))
    found = read_secret(secret)
    assert found is not None
    assert found.digest.hex() in row
    assert secret not in row


async def test_no_log_metric_or_problem_tells_a_secret(
    service: Kit,
    rep: httpx.AsyncClient,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    secret, nobody = (await make_feed(rep))["secret"], service.client_with(None)
    path = f"/v1/calendar/{secret}"
    with structlog.testing.capture_logs() as events, caplog.at_level(logging.DEBUG):
        assert (await nobody.get(f"{path}.ics")).status_code == 200
        problems = [
            *[await nobody.request(method, f"{path}.ics") for method in ("POST", "PUT", "PATCH", "DELETE", "TRACE")],
            *[await nobody.get(f"{path}{end}") for end in ("", ".ICS", ".ics/", ".ics/x", ".ics%00", "%0A.ics")],
            await nobody.get(f"{path}.ics?{secret[:20]}=1"),
            await nobody.get(f"/v1/calendar//{secret}.ics"),
        ]

        async def fail(*_arguments: Any, **_named: Any) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(queries, "find_feed", fail)
        problems.append(await nobody.get(f"{path}.ics"))
    assert [answer.status_code for answer in problems] == [405] * 5 + [404] * 6 + [422, 404, 500]
    assert {require_problem(answer, answer.status_code)["instance"] for answer in problems} == {"/v1/calendar/***"}
    assert [event["event"] for event in events] == ["request_failed"]
    logged = [record.getMessage() for record in caplog.records if record.name != "httpx"]  # that is the test's client
    shown = [generate_latest().decode(), str(events), *logged, *capsys.readouterr()]
    shown += [answer.text + str(answer.headers) for answer in problems]
    assert [text for text in shown if secret in text] == []
    assert 'route="/calendar/{secret}.ics"' in shown[0]


async def test_who_tries_secret_after_secret_hears_429_and_good_ones_pass(service: Kit, rep: httpx.AsyncClient) -> None:
    limits = {"rate_limit_bad_tokens": 3, "rate_limit_window_s": 3600}
    app = make_app(service.settings.model_copy(update=limits))
    known, fresh, other = [(await make_feed(rep))["url"] for _ in range(3)]
    async with app.router.lifespan_context(app):
        with running_elsewhere(app, "203.0.113.7") as client, running_elsewhere(app, "203.0.113.8") as elsewhere:
            assert (await client.get(known)).status_code == 200
            tried = [await client.get(f"/v1/calendar/{make_secret(new_id())}.ics") for _ in range(5)]
            assert [answer.status_code for answer in tried] == [404, 404, 404, 429, 429]
            assert int(tried[-1].headers["retry-after"]) > 0
            assert (await client.get("/v1/calendar/x.ics")).status_code == 429
            assert (await client.get(fresh)).status_code == 429  # not known to be good
            assert (await client.get(known)).status_code == 200
            assert (await elsewhere.get(fresh)).status_code == 200
            feed_id = require_ok(await rep.get(FEEDS))["items"][-1]["id"]
            assert (await rep.delete(f"{FEEDS}/{feed_id}")).status_code == 204
            assert (await client.get(known)).status_code == 404  # revoked, and from then on as any other
            assert (await client.get(known)).status_code == 429
            assert (await elsewhere.get(other)).status_code == 200


async def test_a_feed_is_read_so_often_and_no_more(service: Kit, rep: httpx.AsyncClient) -> None:
    app = make_app(service.settings.model_copy(update={"rate_limit_requests": 3, "rate_limit_window_s": 3600}))
    url, other = [(await make_feed(rep))["url"] for _ in range(2)]
    async with app.router.lifespan_context(app):
        with running_elsewhere(app, "203.0.113.7") as client:
            answers = [await client.get(url) for _ in range(4)]
            assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
            assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
            require_problem(answers[-1], 429, "rate-limited")
            assert (await client.get(other)).status_code == 200


async def test_the_address_begins_with_what_is_set(service: Kit, rep: httpx.AsyncClient) -> None:
    settings = ActivitiesSettings.model_validate(
        {
            **service.settings.model_dump(),
            "public_url": "https://crm.example/api",
            "activity_page_url": "https://crm.example/a/{id}",
        }
    )
    body = {"type": "TASK", "scheduled_on": "2199-12-31"}
    activity = require_ok(await rep.post("/v1/activities", json=body), 201)
    app = make_app(settings)
    async with app.router.lifespan_context(app):
        with running_elsewhere(app, "203.0.113.7") as client:
            headers = {"Authorization": rep.headers["authorization"]}
            feed = require_ok(await client.post(FEEDS, json={}, headers=headers), 201)
            assert feed["url"] == f"https://crm.example/api/v1/calendar/{feed['secret']}.ics"
            answer = await client.get(f"/v1/calendar/{feed['secret']}.ics")
            assert f"\r\nURL:https://crm.example/a/{activity['id']}\r\n" in answer.text


@pytest.mark.parametrize(
    "url", ["https://crm.example/a", "javascript:{id}", "https://x/{id}\r\nX:1", "https://x/{id}{id}"]
)
def test_a_page_that_can_be_none_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(ValueError, match="activity_page_url"):
        ActivitiesSettings(activity_page_url=url)
