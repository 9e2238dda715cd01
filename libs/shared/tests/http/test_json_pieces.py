"""Long answers are written and sent in pieces, and read as if they were written at once."""

import json
from typing import Any

import pytest
from starlette.types import Message

from crm_shared import json_pieces
from crm_shared.event_loop_turns import to_pieces
from crm_shared.http import exports
from crm_shared.http.long_answers import LongAnswer
from crm_shared.json_pieces import write_json
from crm_shared.json_text import JsonText, to_json
from crm_shared.spreadsheets import write_rows
from crm_testing.loop_rounds import LoopRounds

RECORD = {"id": 1, "body": 'ü"\n\x01', "tags": ["a", "b"], "custom_data": {"x": None}, "amount": float("nan")}


@pytest.mark.parametrize("piece_bytes", [1, 40, 100_000])
@pytest.mark.parametrize("levels", [0, 1, 2, 3, 9])
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"items": [], "next_cursor": None},
        {"items": [RECORD] * 5, "next_cursor": "x", "facets": {"type": {"deal": 3}}},
        {"at": 1, "overdue": {"count": 2, "items": (RECORD, RECORD)}, "nested": [[1, [2]], []]},
    ],
)
async def test_the_text_is_that_of_one_go(
    monkeypatch: pytest.MonkeyPatch, body: dict[str, Any], levels: int, piece_bytes: int
) -> None:
    monkeypatch.setattr(json_pieces, "PIECE_BYTES", piece_bytes)
    assert b"".join(await write_json(body, levels=levels)) == to_json(body)


async def test_what_is_json_already_stays_as_it_is() -> None:
    written = JsonText(to_json(RECORD))
    assert b"".join(await write_json([written, RECORD, written], levels=1)) == to_json([RECORD] * 3)


async def test_items_of_a_page_are_written_by_their_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = LoopRounds()
    rounds.watch_in(monkeypatch, json_pieces, "to_json")
    items = [{"body": "x" * 1000}] * 20
    monkeypatch.setattr(json_pieces, "PIECE_BYTES", 4 * 1000)
    pieces = await write_json({"items": items, "next_cursor": None})
    assert (rounds.calls, rounds.most) == (len(items) + 3, 4 + 1), "a round has four items, the first a name beside"
    assert len(pieces) == 5 + 1
    assert json.loads(b"".join(pieces)) == {"items": items, "next_cursor": None}


async def test_a_short_answer_is_one_piece() -> None:
    assert await write_json({"items": [RECORD] * 50, "next_cursor": None}) == [
        to_json({"items": [RECORD] * 50, "next_cursor": None})
    ]


async def test_a_long_answer_is_sent_by_its_pieces() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError("nothing is read")

    await LongAnswer([b"{", b'"a":1', b"}"], headers={"Link": "<x>"})({"type": "http"}, receive, send)
    start, *bodies = sent
    assert dict(start["headers"])[b"content-length"] == b"7"
    assert [dict(start["headers"])[name] for name in (b"content-type", b"link")] == [b"application/json", b"<x>"]
    assert [(each["body"], each["more_body"]) for each in bodies] == [
        (b"{", True),
        (b'"a":1', True),
        (b"}", True),
        (b"", False),
    ]


async def test_long_rows_of_a_file_are_written_fewer_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [["x" * 1000, number, None] for number in range(7)]
    written = LoopRounds()
    monkeypatch.setattr(exports, "PIECE_CHARS", 2000)
    written.watch_in(monkeypatch, exports, "write_rows")
    pieces = [piece async for piece in exports.write_in_turns(rows)]
    assert (written.calls, written.most) == (4, 1)
    assert b"".join(pieces) == write_rows(rows)
    assert [piece async for piece in exports.write_in_turns([])] == []


def test_pieces_hold_what_they_may() -> None:
    assert list(to_pieces([1, 2, 3, 4, 5], at_once=2)) == [[1, 2], [3, 4], [5]]
    assert list(to_pieces([9, 1, 1, 1, 9], at_once=9, weigh=int, at_most=2)) == [[9], [1, 1], [1], [9]]
    assert list(to_pieces([0, 0, 0], at_once=9, weigh=int, at_most=2)) == [[0, 0, 0]]
    assert list(to_pieces([], at_once=2)) == []
