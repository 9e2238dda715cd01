"""Long work of this service is done in pieces, so that other requests and consumers have their turn between them."""

import httpx
import pytest
from services.activities.tests.integration.series_stories import SeriesStory

from crm_activities.activities import domain, noting
from crm_activities.consumers import note_deal_moves
from crm_activities.exports import files
from crm_activities.series import commands
from crm_activities.settings import ActivitiesSettings
from crm_activities.threads import commands as thread_commands
from crm_activities.use_cases import batch_threads
from crm_shared import json_pieces
from crm_shared.clock import SystemClock
from crm_shared.json_text import to_json
from crm_testing.answers import require_ok
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.loop_rounds import LoopRounds
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[ActivitiesSettings]
PIECE = 3


@pytest.fixture
def rounds() -> LoopRounds:
    return LoopRounds()


async def test_the_moves_that_one_snapshot_tells_of_are_noted_in_pieces(
    service: Kit, tenant: SeededTenant, rounds: LoopRounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(noting, "PIECE_NOTES", PIECE)
    rounds.watch_in(monkeypatch, noting, "to_note")
    published = LoopRounds()
    published.watch_in(monkeypatch, noting, "ActivityLogged")
    story = DealStory(PublishedPipeline.sales(tenant.id), tenant.rep.id)
    story.create()
    for _ in range(5):
        story.move("Discovery")
        story.move("Proposal")
    await note_deal_moves([story.snapshot()], service.database, SystemClock())
    assert (rounds.calls, rounds.most) == (10, PIECE)
    assert (published.calls, published.most) == (10, PIECE)


@pytest.mark.parametrize("act", ["edit", "delete"])
async def test_the_instances_that_follow_go_in_pieces(
    service: Kit, rep: httpx.AsyncClient, rounds: LoopRounds, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    monkeypatch.setattr(commands, "BATCH_RECORDS", PIECE)
    rounds.watch_in(monkeypatch, domain, "delete")
    published = SeriesStory.of(service, rep)
    first, second, *following = await published.begin("FREQ=WEEKLY")
    if act == "edit":
        await published.edit(second, "future", subject="New")
    else:
        await published.delete(second, "future")
    assert (rounds.calls, rounds.most) == (len(following) + (act == "delete"), PIECE)
    assert await published.read(first["series_id"]) == [first]


@pytest.mark.parametrize(
    "fields", [{"body": "x" * 3000}, {"attachments": [{"name": "a", "url": f"https://a.b/{'x' * 1900}"}] * 2}]
)
async def test_long_instances_go_in_smaller_pieces(
    service: Kit, rep: httpx.AsyncClient, rounds: LoopRounds, monkeypatch: pytest.MonkeyPatch, fields: dict[str, object]
) -> None:
    """By what is read of them: repeated letters take nearly nothing in the table."""
    monkeypatch.setattr(commands, "BATCH_BYTES", 3000 * PIECE)
    rounds.watch_in(monkeypatch, domain, "delete")
    published = SeriesStory.of(service, rep)
    _, second, *_ = await published.begin("FREQ=WEEKLY", **fields)
    await published.delete(second, "future")
    assert rounds.calls > PIECE
    assert rounds.most <= PIECE


@pytest.mark.parametrize("path", ["/v1/activities", "/v1/inbox"])
async def test_a_page_is_written_in_pieces(
    rep: httpx.AsyncClient, rounds: LoopRounds, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    tasks = 3 * PIECE
    for number in range(tasks):
        require_ok(await rep.post("/v1/activities", json={"type": "TASK", "subject": str(number)}), 201)
    at = {"at": "2026-03-02T10:00:00Z"} if path == "/v1/inbox" else {}
    at_once = (await rep.get(path, params=at)).content
    monkeypatch.setattr(json_pieces, "PIECE_BYTES", PIECE * len(at_once) // tasks)
    write = rounds.watch(to_json)
    monkeypatch.setattr(json_pieces, "to_json", lambda one: write(one) if isinstance(one, dict) else to_json(one))
    in_pieces = await rep.get(path, params=at)
    assert in_pieces.content == at_once
    assert int(in_pieces.headers["content-length"]) == len(at_once)
    assert rounds.calls == tasks
    assert rounds.most <= PIECE + 1


async def test_what_e_mails_refer_to_is_looked_at_in_pieces(
    rep: httpx.AsyncClient, rounds: LoopRounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each names ten messages: their keys are digests, made of two e-mails a round."""
    monkeypatch.setattr(thread_commands, "NAMED_AT_ONCE", 22)
    rounds.watch_in(monkeypatch, thread_commands, "_to_message")
    published = LoopRounds()
    monkeypatch.setattr(batch_threads, "PAUSE_EVERY", PIECE)
    published.watch_in(monkeypatch, batch_threads, "_rewrite")
    named = [f"<{number}@mail.example>" for number in range(10)]
    items = [{"type": "EMAIL", "direction": "INBOUND", "reference_ids": named} for _ in range(8)]
    answer = await rep.post("/v1/activities/batch", json={"mode": "create", "items": items})
    assert {item["status"] for item in require_ok(answer, 207)["items"]} == {201}
    assert (rounds.calls, rounds.most) == (8, 2)
    assert (published.calls, published.most) == (8, PIECE)


async def test_rows_with_long_lists_are_written_fewer_at_once(
    rep: httpx.AsyncClient, rounds: LoopRounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PIECE_VALUES", 22)
    write = rounds.watch(str)
    monkeypatch.setattr(files, "_to_cell", lambda name, value: write(value) if name == "id" else None)
    named = [f"<{number}@mail.example>" for number in range(10)]
    for _ in range(5):
        mail = {"type": "EMAIL", "direction": "INBOUND", "reference_ids": named}
        require_ok(await rep.post("/v1/activities", json=mail), 201)
    answer = await rep.get("/v1/exports/activities.csv")
    assert len(answer.text.splitlines()) == 6
    assert (rounds.calls, rounds.most) == (5, 2)
