"""Long work of this service is done in pieces, so that other requests and consumers have their turn between them."""

from collections import Counter

import pytest
from services.deals.tests.integration.sales import Sales
from services.deals.tests.integration.webhook_kit import wake_nobody

from crm_deals.consumers import queue_for_webhooks
from crm_deals.deals import board
from crm_deals.webhooks import queueing
from crm_shared import json_pieces
from crm_shared.contracts import writing as contracts_writing
from crm_shared.features.batches import requests, writing
from crm_shared.http import exports
from crm_shared.json_text import to_json
from crm_testing.answers import require_ok
from crm_testing.loop_rounds import LoopRounds

pytestmark = pytest.mark.engines

COUNT_DELIVERIES = "SELECT event_id, count(*) FROM webhook_deliveries WHERE tenant_id = $1 GROUP BY event_id"


async def test_what_many_webhooks_want_of_a_batch_is_written_in_pieces(
    sales: Sales, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each body is made once, however many want it, and no statement holds them all."""
    webhooks, deals, piece = 5, 9, 2
    for number in range(webhooks):
        hook = {"url": f"https://h{number}.example/x", "event_types": ["crm.deal.created"]}
        require_ok(await sales.admin.post("/v1/webhooks", json=hook), 201)
    for _ in range(deals):
        await sales.create()
    published = await sales.kit.take_events(sales.tenant.id)
    batch = [event for event in published if event.type == "crm.deal.created"]
    monkeypatch.setattr(queueing, "PIECE_EVENTS", piece)
    monkeypatch.setattr(queueing, "STATEMENT_ROWS", piece * webhooks)
    bodies = LoopRounds()
    bodies.watch_in(monkeypatch, queueing, "to_body")
    for _ in range(2):  # the second time nothing is new
        await queue_for_webhooks(batch, sales.kit.database, wake_nobody)
        async with sales.kit.database.read_as_worker() as connection:
            rows = await connection.fetch(COUNT_DELIVERIES, sales.tenant.id)
        assert Counter(row["count"] for row in rows) == {webhooks: deals}
    assert (bodies.calls, bodies.most) == (2 * deals, piece)


async def test_items_of_a_batch_are_read_and_decided_in_pieces(sales: Sales, monkeypatch: pytest.MonkeyPatch) -> None:
    read, decided = LoopRounds(), LoopRounds()
    read.watch_in(monkeypatch, requests, "BatchItem")
    decided.watch_in(monkeypatch, writing, "Outcome")
    items = [{"name": f"Deal {number}"} for number in range(3 * writing.PAUSE_EVERY)]
    answer = await sales.rep.post("/v1/deals/batch", json={"mode": "create", "items": items})
    assert {item["status"] for item in require_ok(answer, 207)["items"]} == {201}
    for rounds in (read, decided):
        assert (rounds.calls, rounds.most) == (len(items), writing.PAUSE_EVERY)


async def test_items_with_many_names_are_read_fewer_at_once(sales: Sales, monkeypatch: pytest.MonkeyPatch) -> None:
    read, published = LoopRounds(), LoopRounds()
    monkeypatch.setattr(requests, "MAX_PIECE_VALUES", 63)
    read.watch_in(monkeypatch, requests, "refusal_of_validation")
    published.watch_in(monkeypatch, requests, "to_problem")
    items = [{f"unknown_{name}": 1 for name in range(20)} for _ in range(3 * writing.PAUSE_EVERY)]
    answer = await sales.rep.post("/v1/deals/batch", json={"mode": "create", "items": items})
    assert {item["status"] for item in require_ok(answer, 207)["items"]} == {422}
    assert (read.calls, read.most) == (len(items), 3)
    assert (published.calls, published.most) == (len(items), writing.PAUSE_EVERY)


@pytest.mark.parametrize("fields", [{"description": "x" * 3000}, {"custom_data": {f"k{n}": "v" for n in range(30)}}])
async def test_long_items_are_read_fewer_at_once(
    sales: Sales, monkeypatch: pytest.MonkeyPatch, fields: dict[str, object]
) -> None:
    read = LoopRounds()
    monkeypatch.setattr(requests, "MAX_PIECE_VALUES", 100)
    read.watch_in(monkeypatch, requests, "BatchItem")
    items = [{"name": f"Deal {number}", **fields} for number in range(3 * writing.PAUSE_EVERY)]
    require_ok(await sales.rep.post("/v1/deals/batch", json={"mode": "create", "items": items}), 207)
    assert (read.calls, read.most) == (len(items), 3)


async def test_what_is_told_of_long_items_is_made_and_written_by_its_bytes(
    sales: Sales, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided, written = LoopRounds(), LoopRounds()
    monkeypatch.setattr(writing, "PIECE_BYTES", 6_500)
    decided.watch_in(monkeypatch, writing, "Outcome")
    write = written.watch(to_json)
    for module in (contracts_writing, json_pieces):  # for the event, and for the row if it wrote the deal anew
        monkeypatch.setattr(
            module, "to_json", lambda one: write(one) if isinstance(one, dict) and "name" in one else to_json(one)
        )
    items = [{"name": f"Deal {number}", "description": "x" * 4_000} for number in range(9)]
    require_ok(await sales.rep.post("/v1/deals/batch", json={"mode": "create", "items": items}), 207)
    assert (decided.calls, decided.most) == (9, 2)
    assert (written.calls, written.most) == (9, 2)


async def test_a_boards_deals_are_put_together_in_pieces(sales: Sales, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(5):
        await sales.create()
    shown = LoopRounds()
    monkeypatch.setattr(board, "PIECE_DEALS", 2)
    shown.watch_in(monkeypatch, board, "_to_shown")
    [pipeline] = require_ok(await sales.rep.get("/v1/pipelines"))["items"]
    stages = require_ok(await sales.rep.get(f"/v1/pipelines/{pipeline['id']}/board"))["stages"]
    assert [len(stage["deals"]) for stage in stages] == [5, 0, 0, 0, 0, 0]
    assert (shown.calls, shown.most) == (5, 2)


async def test_an_export_is_made_in_pieces(sales: Sales, monkeypatch: pytest.MonkeyPatch) -> None:
    written = LoopRounds()
    monkeypatch.setattr(exports, "PIECE_ROWS", 2)
    written.watch_in(monkeypatch, exports, "write_rows")
    for _ in range(5):
        await sales.create()
    answer = await sales.rep.get("/v1/exports/deals.csv")
    assert len(answer.text.splitlines()) == 6
    assert (written.calls, written.most) == (4, 1)
