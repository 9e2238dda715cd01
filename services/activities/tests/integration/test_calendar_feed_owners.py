"""Who has calendar feeds: made, listed and revoked, so many and no more, and nobody else's."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest
from services.activities.tests.integration.calendar_kit import FEEDS, fetch, make_feed

from crm_activities import consumers
from crm_activities.calendar.domain import MOST_FEEDS
from crm_activities.settings import ActivitiesSettings
from crm_shared.database import Database
from crm_testing.answers import require_ok, require_problem, walk_pages
from crm_testing.people import SeededTenant, publish_user
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines


Kit = ServiceKit[ActivitiesSettings]


@pytest.fixture
def nobody(service: Kit) -> httpx.AsyncClient:
    """Return a client that sends no token."""
    return service.client_with(None)


async def test_revoked_deactivated_and_unknown_are_one_404(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient, nobody: httpx.AsyncClient
) -> None:
    other = await service.seed_tenant()
    feed = require_ok(await rep.post(FEEDS, json={}), 201)
    mine = await make_feed(rep)
    problems = []

    async def require_none(url: str) -> None:
        for method in ("GET", "HEAD"):
            answer = await nobody.request(method, url, headers={"If-None-Match": "*"})
            assert answer.status_code == 404
            assert "etag" not in answer.headers
        problems.append(require_problem(await nobody.get(url), 404, "not-found"))

    assert (await rep.delete(f"{FEEDS}/{feed['id']}")).status_code == 204
    await require_none(feed["url"])
    await fetch(nobody, mine)
    await consumers.keep_directory(
        [publish_user(tenant.rep, version=2, by=tenant.admin, active=False)], service.database
    )
    await require_none(mine)
    secret = mine.removesuffix(".ics").rpartition("/")[2]
    for unknown in (
        "x",
        secret[:-1],
        f"{secret}A",
        secret.swapcase(),
        f"{secret[:-1]}.",
        f"{secret}%0A",
        "%C3%A9" * 64,
    ):
        await require_none(f"/v1/calendar/{unknown}.ics")
    # The same random part under another tenant's name.
    foreign = await make_feed(service.client(other.rep))
    foreign_secret = foreign.removesuffix(".ics").rpartition("/")[2]
    await require_none(f"/v1/calendar/{foreign_secret[:20]}{secret[20:]}.ics")
    assert all(problem == problems[0] for problem in problems)
    assert secret not in str(problems[0])
    await consumers.keep_directory(
        [publish_user(tenant.rep, version=3, by=tenant.admin, active=True)], service.database
    )
    await fetch(nobody, mine)


async def test_a_users_feeds_are_listed_and_revoked_by_themselves_and_by_who_writes_users(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient, nobody: httpx.AsyncClient
) -> None:
    first, second = [require_ok(await rep.post(FEEDS, json={}), 201) for _ in range(2)]
    assert first.keys() == {"id", "url", "secret"}
    assert first["url"] == f"http://activities.test/v1/calendar/{first['secret']}.ics"
    assert first["secret"] != second["secret"]
    items = await walk_pages(rep, FEEDS, limit=1)
    assert [item["id"] for item in items] == [second["id"], first["id"]]
    assert all(item.keys() == {"id", "created_at", "last_read_at"} for item in items)
    assert items[1]["last_read_at"] is None
    await fetch(nobody, first["url"])
    one = require_ok(await rep.get(f"{FEEDS}/{first['id']}"))
    assert one["last_read_at"] > one["created_at"]
    await fetch(nobody, first["url"])  # a note every time would be a write every time
    assert require_ok(await rep.get(f"{FEEDS}/{first['id']}")) == one

    path, whose = f"{FEEDS}/{first['id']}", {"user_id": str(tenant.rep.id)}
    admin, stranger = service.client(tenant.admin), service.client((await service.seed_tenant()).admin)
    for client in (service.client(tenant.manager), service.client(tenant.other_rep), admin, stranger):
        assert require_ok(await client.get(FEEDS))["items"] == []
        for method in ("GET", "DELETE"):
            require_problem(await client.request(method, path), 404, "not-found")
    for client in (service.client(tenant.manager), service.client(tenant.other_rep)):
        for method, address in (("GET", FEEDS), ("GET", path), ("DELETE", path)):
            require_problem(await client.request(method, address, params=whose), 403, "forbidden")
    assert require_ok(await stranger.get(FEEDS, params=whose))["items"] == []
    require_problem(await stranger.delete(path, params=whose), 404, "not-found")
    require_problem(await admin.delete(path, params={"user_id": str(tenant.other_rep.id)}), 404, "not-found")
    assert require_ok(await rep.get(FEEDS, params=whose))["items"][1] == one
    assert require_ok(await admin.get(FEEDS, params=whose))["items"][1] == one
    assert (await admin.delete(path, params=whose)).status_code == 204
    require_problem(await nobody.get(first["url"]), 404, "not-found")
    require_problem(await rep.delete(path), 404, "not-found")
    await fetch(nobody, second["url"])


async def test_a_user_has_so_many_feeds_and_no_more(service: Kit, tenant: SeededTenant) -> None:
    rep = service.client(tenant.rep)
    answers = await asyncio.gather(*(rep.post(FEEDS, json={}) for _ in range(MOST_FEEDS + 3)))
    assert sorted(answer.status_code for answer in answers) == [201] * MOST_FEEDS + [409] * 3
    refused = next(answer for answer in answers if answer.status_code == 409)
    require_problem(refused, 409, "too-many-feeds")
    await make_feed(service.client(tenant.other_rep))
    feed_id = require_ok(await rep.get(FEEDS))["items"][0]["id"]
    assert (await rep.delete(f"{FEEDS}/{feed_id}")).status_code == 204
    await make_feed(rep)


@pytest.mark.parametrize(
    ("method", "path", "body", "pointer"),
    [
        ("POST", FEEDS, {"name": "x"}, "/name"),
        ("POST", f"{FEEDS}?user_id={uuid4()}", {}, "?user_id"),
        ("GET", f"{FEEDS}?user_id=x", None, "?user_id"),
        ("GET", f"{FEEDS}?sort=id", None, "?sort"),
        ("DELETE", f"{FEEDS}/{uuid4()}?user_id=", None, "?user_id"),
        ("GET", "/v1/calendar/x.ics?fresh=1", None, "?fresh"),
    ],
    ids=["field", "post", "whose", "sort", "delete", "calendar"],
)
async def test_what_is_not_known_is_named(
    rep: httpx.AsyncClient, method: str, path: str, body: dict[str, Any] | None, pointer: str
) -> None:
    answer = await rep.request(method, path, json=body)
    require_problem(answer, 422, "invalid-field", pointer)


async def test_another_tenant_sees_no_row_of_a_feed(service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient) -> None:
    await make_feed(rep)
    other = await service.seed_tenant()
    async with Database.opened(service.settings.dsn.get_secret_value(), max_size=1) as database:
        for tenant_id, expected in ((tenant.id, 1), (other.id, 0)):
            async with database.read(tenant_id) as connection:
                assert await connection.fetchval("SELECT count(*) FROM calendar_feeds") == expected
