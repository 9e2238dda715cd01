"""Bodies: what is read, and how each that can't be is answered."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from crm_shared.http import bodies, route
from crm_shared.http.bodies import IN_A_THREAD_BYTES, MAX_CONTAINERS, MAX_NAMES
from crm_shared.refusals import MAX_FIELD_PROBLEMS
from crm_testing.answers import require_ok, require_problem
from crm_testing.loop_rounds import LoopRounds

pytestmark = pytest.mark.engines

JSON = {"content-type": "application/json"}
MIB = 1024 * 1024


async def post(client: httpx.AsyncClient, body: bytes, **headers: str) -> httpx.Response:
    return await client.post("/v1/things", content=body, headers={**JSON, **headers})


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"nonsense",
        b'{"name": "a",}',
        b'{"name": NaN}',
        b'{"name": Infinity}',
        b'{"name": "a\x01b"}',
        b"\xef\xbb\xbf" + b'{"name": "a"}',
        b'{"name": "\xff"}',
        b'{"name": "\xed\xa0\x80"}',
        '{"name": "a"}'.encode("utf-16"),
        '{"name": "a\\u0000"}'.encode("utf-32-le"),
        b'{"name": 1e99999999999999999999}',
        b"[" * 100_000,
        b"[" * 500 + b"]" * 500,
        b'{"name": "a", "notes": {"x": ' + b"[" * 64 + b"]" * 64 + b"}}",
        b'{"a":' * 200 + b'"\\u0000"' + b"}" * 200,
    ],
    ids=lambda body: repr(body[:30]),
)
async def test_what_is_not_json_is_malformed(rep: httpx.AsyncClient, body: bytes) -> None:
    require_problem(await post(rep, body), 400, "malformed-request")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b"", ""),
        (b"[]", ""),
        (b'[{"name": "a"}]', ""),
        (b"null", ""),
        (b'"name"', ""),
        (b"{}", "/name"),
        (b'{"name": ' + b"9" * 5000 + b"}", "/name"),
        (b'{"name": "a\\u0000b"}', "/name"),
        (b'{"name": "a", "notes": {"x/y": [1, "\\ud800"]}}', "/notes/x~1y/1"),
        (b'{"name": "a", "notes": {"\\ud800": "\\u0000"}}', "/notes"),
        (b'{"\\ud800": 1, "name": "a"}', "/"),
        (b'{"name": "a", "at": 5}', "/at"),
        (b'{"name": "a", "at": "2026"}', "/at"),
        (b'{"name": "a", "at": "2026-11-22T09:00:00"}', "/at"),
        (b'{"name": "a", "at": "0001-01-01T00:00:00+14:00"}', "/at"),
        (b'{"name": "a", "at": "0001-01-01T00:00:00Z"}', "/at"),
        (b'{"name": "a", "at": "9999-12-31T23:59:59.9999999Z"}', "/at"),
        (b'{"name": "a", "day": 20261122}', "/day"),
        (b'{"name": "a", "day": "0001-01-01"}', "/day"),
        (b'{"name": "a", "day": "9999-12-31"}', "/day"),
        (b'{"name": "a", "day": "2026-11-31"}', "/day"),
        (b'{"name": "a", "b~/c": 1}', "/b~0~1c"),
    ],
    ids=lambda value: repr(value[:30]),
)
async def test_what_is_json_but_not_asked_for_is_named(rep: httpx.AsyncClient, body: bytes, pointer: str) -> None:
    require_problem(await post(rep, body), 422, "invalid-field", pointer)


@pytest.mark.parametrize(
    "body",
    [
        b'{"name": "\xf0\x9f\x98\x80 \\ud83d\\ude00 \xc3\xa9"}',
        b' \n{"name": "a", "at": "2026-11-22T09:00:00.123456+05:30", "day": "2026-11-22"} ',
        b'{"name": "a\\\\u0000"}',
        b'{"name": "b", "notes": {"x": ' + b"[" * 62 + b"]" * 62 + b"}}",
        b'{"name": "c", "notes": {"x": [' + b"{}," * 500 + b"{}]}}",
    ],
    ids=lambda body: repr(body[:30]),
)
async def test_what_is_unusual_but_right_is_taken_and_given_back(rep: httpx.AsyncClient, body: bytes) -> None:
    made = require_ok(await post(rep, body), 201)
    assert require_ok(await rep.get(f"/v1/things/{made['id']}")) == made


@pytest.mark.parametrize(
    "stated",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/jsonp",
        "",
        "application/json; charset=utf-16",
    ],
)
async def test_other_types_are_not_taken(rep: httpx.AsyncClient, stated: str) -> None:
    answer = await rep.post("/v1/things", content=b'{"name": "a"}', headers={"content-type": stated})
    require_problem(answer, 415, "unsupported-media-type")


@pytest.mark.parametrize("stated", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/json ;x=y"])
async def test_json_may_be_written_otherwise(rep: httpx.AsyncClient, stated: str) -> None:
    body = f'{{"name": "{stated}"}}'.encode()
    require_ok(await rep.post("/v1/things", content=body, headers={"content-type": stated}), 201)


async def test_a_body_may_have_one_mebibyte(rep: httpx.AsyncClient) -> None:
    frame = b'{"name": "a", "notes": {"x": "%s"}}'
    fitting = frame % (b"x" * (MIB - len(frame) + 2))
    assert len(fitting) == MIB
    require_ok(await post(rep, fitting), 201)
    require_problem(await post(rep, fitting + b" "), 413, "body-too-large")


async def test_a_stream_is_cut_where_it_grows_too_large(rep: httpx.AsyncClient) -> None:
    sent = 0

    async def stream() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield b" " * 65_536

    require_problem(await rep.post("/v1/things", content=stream(), headers=JSON), 413, "body-too-large")
    assert sent <= 18


async def test_a_client_that_hangs_up_is_no_failure_of_ours(things: Any, tenant: Any) -> None:
    sent: list[dict[str, Any]] = []
    token = things.issuer.sign(tenant.id, tenant.rep.id)
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/things",
        "raw_path": b"/v1/things",
        "query_string": b"",
        "headers": [(b"authorization", b"Bearer " + token.encode()), (b"content-type", b"application/json")],
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await things.app(scope, receive, send)
    assert sent[0]["status"] == 400


@pytest.mark.parametrize("headers", [{"content-encoding": "gzip"}, {"content-encoding": "br, identity"}])
async def test_a_body_that_claims_to_be_packed_is_not_taken_as_it_is(
    rep: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    answer = await rep.post("/v1/things", content=b"{}", headers={"content-type": "application/json", **headers})
    require_problem(answer, 415, "unsupported-media-type")


@pytest.mark.parametrize(
    "value",
    [b"[" + b"1," * 30_000 + b"1]", b'"' + "e\u0301".encode() * 20_000 + b'"', b'"' + b"\\u0000" * 10_000 + b'"'],
)
async def test_a_long_body_is_read_beside_the_event_loop(
    rep: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, value: bytes
) -> None:
    """Numbers, marks and texts that can't be stored are each looked at one by one."""
    rounds = LoopRounds()
    for name in ("_read_json", "to_nfc", "is_storable"):
        rounds.watch_in(monkeypatch, bodies, name)
    answer = await post(rep, b'{"name": ' + value + b"}")
    require_problem(answer, 422, "invalid-field")
    assert rounds.most == 0
    assert rounds.calls > 0
    require_ok(await post(rep, '{"name": "é", "notes": {"n": 1}}'.encode()), 201)
    assert rounds.most > 0, f"bodies of up to {IN_A_THREAD_BYTES} bytes are read at once"


async def test_long_bodies_are_read_one_at_a_time(rep: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each thread that reads takes the interpreter from the event loop for a while: six for six times as long."""
    read_json, counting = bodies._read_json, threading.Lock()  # noqa: SLF001 - what is counted
    now_read = most = 0

    def read(body: bytes, items: str | None) -> Any:
        nonlocal now_read, most
        with counting:
            now_read += 1
            most = max(most, now_read)
        time.sleep(0.02)
        with counting:
            now_read -= 1
        return read_json(body, items)

    monkeypatch.setattr(bodies, "_read_json", read)
    long = b'{"name": "' + b"x" * IN_A_THREAD_BYTES + b'"}'
    for answer in await asyncio.gather(*(post(rep, long) for _ in range(6))):
        require_problem(answer, 422, "invalid-field")
    assert most == 1


async def test_so_many_arrays_and_names_are_read_and_no_more(rep: httpx.AsyncClient) -> None:
    lists = b'{"name": [' + b"[]," * (MAX_CONTAINERS - 3) + b"[]]}"
    require_problem(await post(rep, lists), 422, "invalid-field")
    require_problem(await post(rep, lists.replace(b"]]}", b"],[]]}")), 400, "malformed-request")
    for nested in (b"%s", b'{"notes": {"x": [%s]}}'):
        names = [b'"n%d": 0' % number for number in range(MAX_NAMES + 1)]
        require_problem(await post(rep, nested % (b"{" + b",".join(names[1:]) + b"}")), 422, "invalid-field")
        require_problem(await post(rep, nested % (b"{" + b",".join(names) + b"}")), 400, "malformed-request")


async def test_a_refusal_names_so_many_fields_and_no_more(rep: httpx.AsyncClient) -> None:
    names = [b'"n%d": 0' % number for number in range(MAX_NAMES)]
    problem = require_problem(await post(rep, b"{" + b",".join(names) + b"}"), 422, "invalid-field")
    assert len(problem["errors"]) == MAX_FIELD_PROBLEMS


@pytest.mark.parametrize(("body", "status"), [(b'{"name": "a", "notes": {"x": [1]}}', 201), (b'{"name": 1}', 422)])
async def test_a_body_is_let_go_of_once_it_is_answered(
    rep: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, body: bytes, status: int
) -> None:
    """What serves a connection keeps its last request until the next one comes."""
    kept: list[Request] = []
    read = bodies.read_json_body

    async def read_and_keep(request: Request, **named: Any) -> bytes:
        kept.append(request)
        return await read(request, **named)

    monkeypatch.setattr(route, "read_json_body", read_and_keep)
    assert (await post(rep, body)).status_code == status
    [request] = kept
    assert {"_json", "_body"} & vars(request).keys() == set()
