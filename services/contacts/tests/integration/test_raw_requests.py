"""No input gives 5xx, and none is waited for without end: bytes that no client library sends, over a real socket."""

import asyncio
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from services.contacts.tests.integration.importing import Kit
from services.contacts.tests.integration.strange_bytes import (
    BODIES,
    CHUNKS,
    CONTACT,
    FILE,
    FIRST_LINES,
    HEADERS,
    KINDS,
    PARTS,
    PATHS,
    STRANGE,
)

from crm_contacts.app import make_app
from crm_shared.http.direct import entrance
from crm_testing.people import SeededTenant
from crm_testing.raw_http import serving_on_socket

pytestmark = pytest.mark.engines

JSON = b"Content-Type: application/json\r\n"
FORM = b"Content-Type: multipart/form-data; boundary=b\r\n"
CONTACTS, IMPORTS = b"/v1/contacts", b"/v1/imports"
MUTATIONS = 400


def write(method: bytes, path: bytes, token: bytes, headers: bytes = b"", body: bytes = b"") -> bytes:
    length = b"Content-Length: %d\r\n" % len(body) if body else b""
    head = b"%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: %s\r\n" % (method, path, token)
    return head + headers + length + b"\r\n" + body


def list_valid(token: bytes) -> list[bytes]:
    an_id = b"0195a5f0-0000-7000-8000-000000000001"
    batch = b'{"mode": "upsert", "id_property": "email", "items": [' + CONTACT + b"]}"
    return [
        write(b"GET", b"/v1/contacts?limit=5&sort=-updated_at&q=ann&tag=a&updated_since=2026-01-01T00:00:00Z", token),
        write(b"GET", b"/v1/contacts/" + an_id, token),
        write(b"GET", b"/v1/exports/contacts.csv?source=INBOUND", token),
        write(b"POST", b"/v1/contacts", token, JSON + b"Idempotency-Key: k\r\n", CONTACT),
        write(b"PATCH", b"/v1/contacts/" + an_id, token, JSON + b'If-Match: "1"\r\n', CONTACT),
        write(b"PUT", b"/v1/contacts/" + an_id + b"/tags/vip", token),
        write(b"POST", b"/v1/contacts/batch", token, JSON, batch),
        write(b"POST", b"/v1/imports", token, b"Content-Type: multipart/form-data; boundary=b\r\n", FILE),
        write(b"POST", b"/v1/contacts", token, JSON + b"Transfer-Encoding: chunked\r\n") + b"2\r\n{}\r\n0\r\n\r\n",
    ]


def list_odd(token: bytes) -> Iterator[bytes]:
    yield from odd_bodies(token)
    yield from odd_paths(token)
    yield from odd_heads(token)
    yield from odd_uploads(token)


def odd_bodies(token: bytes) -> Iterator[bytes]:
    for body in BODIES:
        yield write(b"POST", CONTACTS, token, JSON, body)
    chunked = write(b"POST", CONTACTS, token, JSON + b"Transfer-Encoding: chunked\r\n")
    for rest in CHUNKS:
        yield chunked + rest


def odd_paths(token: bytes) -> Iterator[bytes]:
    for path in PATHS:
        for method in (b"GET", b"POST", b"DELETE", b"OPTIONS"):
            yield write(method, path, token)
    for method in (b"BREW", b"get", b"CONNECT", b"TRACE", b"PRI", b"G\x00T", b"M-SEARCH", b"X" * 5000):
        yield write(method, CONTACTS, token)


def odd_heads(token: bytes) -> Iterator[bytes]:
    for header in HEADERS:
        yield write(b"GET", CONTACTS, token, header)
        yield write(b"POST", CONTACTS, token, JSON + header, CONTACT)
    for kind in KINDS:
        yield write(b"POST", CONTACTS, token, b"Content-Type: " + kind + b"\r\n", CONTACT)
        yield write(b"POST", IMPORTS, token, b"Content-Type: " + kind + b"\r\n", FILE)


def odd_uploads(token: bytes) -> Iterator[bytes]:
    for boundary in (b"b" * 300, b"b" * 20_000, b"", b'"', b"\xff", b"b; boundary=c"):
        kind = b"Content-Type: multipart/form-data; boundary=" + boundary + b"\r\n"
        yield write(b"POST", IMPORTS, token, kind, FILE)
    for text in FIRST_LINES:
        yield write(b"POST", IMPORTS, token, FORM, FILE.replace(b"first_name,email", text))
    for parts in PARTS:
        yield write(b"POST", IMPORTS, token, FORM, parts)


def mutate(request: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(request))
        until = at + chance.choice((0, 0, 1, 5, 40))
        middle = chance.choice((chance.choice(STRANGE), chance.randbytes(2), request[at:until] * 2))
        request = request[:at] + middle + request[until:]
    return request


async def test_no_bytes_give_a_5xx_and_none_are_waited_for(contacts: Kit, tenant: SeededTenant) -> None:
    token = contacts.client(tenant.rep).headers["authorization"].encode()
    chance = random.Random(20261128)  # noqa: S311 - the same bytes in every run
    valid = list_valid(token)
    requests = [*valid, *list_odd(token), *(mutate(chance.choice(valid), chance) for _ in range(MUTATIONS))]
    hasty = {"http_head_deadline_s": 1, "http_body_window_s": 1, "http_body_min_bytes_s": 100, "http_keep_alive_s": 1}
    settings = contacts.settings.model_copy(update=hasty)

    def ask_all() -> list[bytes]:
        with (
            serving_on_socket(entrance(make_app(contacts.settings)), settings) as served,
            ThreadPoolExecutor(8) as pool,
        ):
            return list(pool.map(served.ask, requests))

    answers = await asyncio.to_thread(ask_all)
    wrong = [
        (request[:300], answer[:300])
        for request, answer in zip(requests, answers, strict=True)
        if any(status >= b"500" for status in list_statuses(answer))
    ]
    assert not wrong, wrong[:5]
    statuses = {list_statuses(answer)[0] for answer in answers[: len(valid)]}
    assert statuses <= {b"200", b"201", b"204", b"207", b"404", b"409", b"422"}  # those were read, and understood


def list_statuses(answer: bytes) -> list[bytes]:
    return [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:] if part[:3].isdigit()]
