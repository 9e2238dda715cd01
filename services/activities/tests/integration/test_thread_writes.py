"""Threads under load: many at once, batches, large ones, and what the database itself holds."""

import asyncio
from dataclasses import replace
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from crm_activities.activities import domain
from crm_activities.activities.activity import ActivityType, NewActivity
from crm_activities.activities.repository import insert_unique
from crm_activities.settings import ActivitiesSettings
from crm_activities.threads import commands as threads
from crm_activities.threads.domain import DuplicateMessage
from crm_activities.threads.message_ids import to_key
from crm_shared.access import Caller, Role
from crm_shared.clock import SystemClock, new_id
from crm_testing.answers import require_ok, walk_pages
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[ActivitiesSettings]
Fields = dict[str, Any]


async def log(client: httpx.AsyncClient, message_id: str | None = None, *names: str, **more: Any) -> Fields:
    body = {"type": "EMAIL", "message_id": message_id, "reference_ids": names, **more}
    return require_ok(await client.post("/v1/activities", json=body), 201)


async def edit(client: httpx.AsyncClient, email: Fields, **fields: Any) -> Fields:
    return require_ok(await client.patch(f"/v1/activities/{email['id']}", json=fields))


async def thread_of(client: httpx.AsyncClient, email: Fields) -> str:
    return str(require_ok(await client.get(f"/v1/activities/{email['id']}"))["thread_id"])


async def test_messages_that_arrive_at_once_are_in_one_thread(
    rep: httpx.AsyncClient, service: Kit, tenant: SeededTenant
) -> None:
    clients = [rep, service.client(tenant.admin), service.client(tenant.other_rep)]
    for turn in range(4):
        names = [f"{turn}-{number}@x" for number in range(9)]
        emails = await asyncio.gather(
            *(log(clients[n % 3], name, *([names[n - 1]] if n else [])) for n, name in enumerate(names))
        )
        found = {await thread_of(clients[1], email) for email in emails}
        assert found == {emails[0]["id"]}


async def test_one_message_that_a_user_logs_twice_at_once_is_there_once(rep: httpx.AsyncClient) -> None:
    body = {"type": "EMAIL", "message_id": "<1@x>"}
    answers = await asyncio.gather(*(rep.post("/v1/activities", json=body) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 5]
    [logged] = [answer.json()["id"] for answer in answers if answer.status_code == 201]
    assert {answer.json()["existing_id"] for answer in answers if answer.status_code == 409} == {logged}


async def test_the_database_keeps_a_message_a_user_s_own_whoever_writes(service: Kit, tenant: SeededTenant) -> None:
    rep = service.client(tenant.rep)
    await log(rep, "<1@x>")
    other = await log(rep, "<2@x>")
    rename = "UPDATE activities SET message_id = '1@x' WHERE tenant_id = $1 AND id = $2"
    with pytest.raises(asyncpg.UniqueViolationError):
        async with service.database.begin_as_worker() as transaction:
            await transaction.execute(rename, tenant.id, UUID(other["id"]))


@pytest.mark.parametrize("message_id", ["<a@b.example>", " a@b ", "日本語-ß-😀@x", "A'\\\"@x", "<<a>>", "e\u0301@x"])
async def test_code_and_database_give_a_message_id_one_key(service: Kit, message_id: str) -> None:
    tenant_id = uuid4()
    async with service.database.read_as_worker() as connection:
        key = await connection.fetchval("SELECT message_key($1, $2)", tenant_id, message_id)
    assert key == to_key(tenant_id, message_id)


async def test_one_of_a_batch_may_take_the_message_id_that_another_of_it_gives_up(
    service: Kit, tenant: SeededTenant
) -> None:
    caller = Caller(tenant.id, tenant.rep.id, Role.REP, "EUR", "Europe/Berlin")
    now = SystemClock().now()
    new = NewActivity(type=ActivityType.EMAIL, user_id=tenant.rep.id)
    one, other = [domain.log(new_id(), replace(new, message_id=each), now=now).activity for each in ("1@x", "2@x")]
    async with service.database.begin_as_worker() as transaction:
        await threads.lock(transaction, tenant.id)
        for each in await threads.place(
            transaction, caller, [threads.Change(None, one), threads.Change(None, other)], now
        ):
            await insert_unique(transaction, caller, each)
        passing = [
            threads.Change(other, replace(other, message_id="3@x")),
            threads.Change(one, replace(one, message_id="2@x")),
        ]
        placed = await threads.place(transaction, caller, passing, now)
        assert [each.thread_id for each in placed] == [other.id, one.id]
        taking = [threads.Change(one, replace(one, message_id="2@x"))]
        with pytest.raises(DuplicateMessage):
            await threads.place(transaction, caller, taking, now)


FILL: Final = """
    INSERT INTO activities (tenant_id, id, version, type, user_id, occurred_at, system, created_at, updated_at,
                            message_id, reference_ids, thread_id)
    SELECT $1, ids[n], 1, 'EMAIL', $2, now() - interval '1 day' + n * interval '1 s', false, now(), now(), n || '@big',
           CASE WHEN n > 1 THEN ARRAY[(CASE WHEN $4 THEN n - 1 ELSE 1 END) || '@big'] ELSE '{}' END, ids[1]
      FROM (SELECT $3::uuid[] AS ids) AS thread, generate_series(1, cardinality($3::uuid[])) AS n
"""


@pytest.mark.parametrize("is_chain", [True, False], ids=["one after the other", "all to one"])
async def test_a_large_thread_is_joined_parted_and_read_by_pages(
    rep: httpx.AsyncClient, service: Kit, tenant: SeededTenant, *, is_chain: bool
) -> None:
    ids = [new_id() for _ in range(600)]
    async with service.database.begin_as_worker() as transaction:
        await transaction.execute(FILL, tenant.id, tenant.rep.id, ids, is_chain)
    elder = await log(rep, "0@big", occurred_at="2026-01-01T00:00:00Z")
    root = {"id": str(ids[0])}
    await edit(rep, root, reference_ids=["0@big"])
    async with service.database.read_as_worker() as connection:
        count = "SELECT count(*) FROM activities WHERE tenant_id = $1 AND thread_id = $2"
        assert await connection.fetchval(count, tenant.id, UUID(elder["id"])) == len(ids) + 1
    assert len(await walk_pages(rep, f"/v1/threads/{ids[300]}", limit=200)) == len(ids) + 1
    await edit(rep, root, message_id="renamed@big")
    assert await thread_of(rep, root) == elder["id"]
    assert await thread_of(rep, {"id": str(ids[-1])}) == str(ids[1]), "all that named it are together without it"
