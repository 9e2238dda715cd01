"""Idempotency-Key on the deals' POSTs: one effect, one answer, whatever happens between."""

import asyncio
from typing import Any

import asyncpg
import pytest
from services.deals.tests.integration.sales import Sales
from structlog.testing import capture_logs

from crm_shared.http.idempotency import FORGET, IdempotencyKey
from crm_testing.answers import require_ok, require_problem, walk_pages

pytestmark = pytest.mark.engines

BODY = {"name": "Acme renewal", "amount": "12.50"}
KEY = {"Idempotency-Key": "7f3c"}


async def count_deals(sales: Sales) -> int:
    return len(await walk_pages(sales.admin, "/v1/deals"))


async def test_the_same_again_gets_the_first_answer(sales: Sales) -> None:
    first = await sales.rep.post("/v1/deals", json=BODY, headers=KEY)
    again = await sales.rep.post("/v1/deals", json=BODY, headers=KEY)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    for name in ("etag", "location", "crm-position", "content-type"):
        assert again.headers[name] == first.headers[name]
    assert await count_deals(sales) == 1
    assert len(await sales.take_events()) == 1


async def test_another_body_or_query_with_the_key_is_refused(sales: Sales) -> None:
    require_ok(await sales.rep.post("/v1/deals", json=BODY, headers=KEY), 201)
    other = await sales.rep.post("/v1/deals", json={**BODY, "amount": "13"}, headers=KEY)
    require_problem(other, 422, "idempotency-key-reused")
    assert await count_deals(sales) == 1


async def test_a_key_is_its_users_alone_and_its_paths_alone(sales: Sales, elsewhere: Sales) -> None:
    ids = []
    for client in (sales.rep, sales.other_rep, sales.admin, elsewhere.rep):
        answer = await client.post("/v1/deals", json=BODY, headers=KEY)
        assert "idempotency-replayed" not in answer.headers
        ids.append(require_ok(answer, 201)["id"])
    assert len(set(ids)) == 4
    move = {"stage_id": sales.stages["Proposal"]}
    moved = await sales.rep.post(f"/v1/deals/{ids[0]}/move", json=move, headers=KEY)
    assert require_ok(moved)["version"] == 2
    again = await sales.rep.post(f"/v1/deals/{ids[0]}/move", json=move, headers={**KEY, "If-Match": '"1"'})
    assert (require_ok(again)["version"], again.headers["idempotency-replayed"]) == (2, "true")


@pytest.mark.parametrize(
    ("then", "now", "status"),
    [("REP", "MANAGER", 201), ("MANAGER", "ADMIN", 201), ("MANAGER", "REP", 403), ("ADMIN", "MANAGER", 403)],
)
async def test_an_answer_is_repeated_to_whoever_may_no_less_than_then(
    sales: Sales, then: str, now: str, status: int
) -> None:
    answers = []
    for role in (then, now):
        async with sales.kit.database.begin_as_worker() as transaction:
            await transaction.execute("UPDATE directory_users SET role = $2 WHERE id = $1", sales.tenant.rep.id, role)
        answers.append(await sales.rep.post("/v1/deals", json=BODY, headers=KEY))
    first, again = answers
    require_ok(first, 201)
    assert again.status_code == status
    assert (again.content == first.content) is (status == 201)
    assert await count_deals(sales) == 1


async def test_a_refusal_is_not_remembered(sales: Sales) -> None:
    require_problem(await sales.rep.post("/v1/deals", json={**BODY, "amount": "-1"}, headers=KEY), 422)
    deal = await sales.create()
    path = f"/v1/deals/{deal['id']}/move"
    stale = {**KEY, "If-Match": '"9"'}
    body = {"stage_id": sales.stages["Proposal"]}
    require_problem(await sales.rep.post(path, json=body, headers=stale), 412)
    require_ok(await sales.rep.post(path, json=body, headers={**KEY, "If-Match": '"1"'}))
    require_ok(await sales.rep.post("/v1/deals", json=BODY, headers=KEY), 201)


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "caf\u00e9"])
async def test_a_key_that_is_none_is_named(steady: Sales, key: str) -> None:
    answer = await steady.rep.post("/v1/deals", json=BODY, headers=[(b"Idempotency-Key", key.encode("latin-1"))])
    require_problem(answer, 422, "invalid-field", "Idempotency-Key")


async def test_many_at_once_have_one_effect(sales: Sales) -> None:
    answers = await asyncio.gather(*(sales.rep.post("/v1/deals", json=BODY, headers=KEY) for _ in range(20)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    made = [answer for answer in answers if answer.status_code == 201]
    assert len({answer.content for answer in made}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in made) == 1
    for answer in answers:
        if answer.status_code == 409:
            require_problem(answer, 409, "idempotency-key-in-use")
            assert answer.headers["retry-after"] == "1"
    assert await count_deals(sales) == 1
    assert len(await sales.take_events()) == 1


async def test_a_failing_commit_leaves_nothing(sales: Sales, monkeypatch: pytest.MonkeyPatch) -> None:
    conclude = IdempotencyKey.conclude

    async def cut_then_conclude(claim: IdempotencyKey, response: Any) -> None:
        held = claim._held  # noqa: SLF001 - the moment between the command and its commit has no other door
        assert held is not None
        with pytest.raises(asyncpg.AdminShutdownError):
            await held.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        await conclude(claim, response)

    monkeypatch.setattr(IdempotencyKey, "conclude", cut_then_conclude)
    answer = await sales.rep.post("/v1/deals", json=BODY, headers=KEY)
    require_problem(answer, 503, "unavailable")
    assert answer.headers["retry-after"]
    assert await count_deals(sales) == 0
    assert await sales.take_events() == []
    monkeypatch.undo()
    again = await sales.rep.post("/v1/deals", json=BODY, headers=KEY)
    assert "idempotency-replayed" not in again.headers
    require_ok(again, 201)
    assert await count_deals(sales) == 1


async def test_a_failing_answer_leaves_nothing(sales: Sales, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the answer can't be written")

    monkeypatch.setattr("crm_shared.http.context.RequestContext.reply_written", fail)
    with capture_logs() as logs:
        answer = await sales.rep.post("/v1/deals", json=BODY, headers=KEY)
    assert [entry["event"] for entry in logs] == ["request_failed"]
    assert "can't be written" not in require_problem(answer, 500, "internal-error")["detail"]
    monkeypatch.undo()
    assert await count_deals(sales) == 0
    assert await sales.take_events() == []


async def test_after_its_time_a_key_is_new(sales: Sales) -> None:
    first = require_ok(await sales.rep.post("/v1/deals", json=BODY, headers=KEY), 201)
    async with sales.kit.database.begin_as_worker() as transaction:
        await transaction.execute(
            "UPDATE idempotency_keys SET created_at = created_at - interval '25 h' WHERE tenant_id = $1",
            sales.tenant.id,
        )
    second = await sales.rep.post("/v1/deals", json=BODY, headers=KEY)
    assert require_ok(second, 201)["id"] != first["id"]
    assert "idempotency-replayed" not in second.headers
    third = await sales.rep.post("/v1/deals", json=BODY, headers=KEY)
    assert require_ok(third, 201)["id"] == second.json()["id"]


async def test_the_worker_forgets_what_is_past_its_time(sales: Sales) -> None:
    count = "SELECT count(*) FROM idempotency_keys WHERE tenant_id = $1"
    for key in ("old", "new"):
        await sales.rep.post("/v1/deals", json=BODY, headers={"Idempotency-Key": key})
    async with sales.kit.database.begin_as_worker() as transaction:
        await transaction.execute(
            "UPDATE idempotency_keys SET created_at = now() - interval '25 h' WHERE tenant_id = $1 AND key = 'old'",
            sales.tenant.id,
        )
        await transaction.execute(FORGET, 24)
        assert await transaction.fetchval(count, sales.tenant.id) == 1


async def test_an_answer_is_not_given_again_to_a_role_that_may_less(sales: Sales) -> None:
    require_ok(await sales.admin.post("/v1/deals", json=BODY, headers=KEY), 201)
    async with sales.kit.database.begin_as_worker() as transaction:
        await transaction.execute("UPDATE directory_users SET role = 'REP' WHERE id = $1", sales.tenant.admin.id)
    require_problem(await sales.admin.post("/v1/deals", json=BODY, headers=KEY), 403, "forbidden")
    require_ok(await sales.admin.post("/v1/deals", json=BODY, headers={"Idempotency-Key": "new"}), 201)
