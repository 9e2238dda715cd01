"""A refusal that is kept holds nothing of where it was raised: all of a batch would wait for a full collection."""

import gc
from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from crm_shared.features.batches import BatchItem, writing
from crm_shared.features.batches.requests import read_items
from crm_shared.http.answering import answering
from crm_shared.refusals import InvalidField, Refusal


class Counted:
    alive = 0

    def __init__(self) -> None:
        Counted.alive += 1

    def __del__(self) -> None:
        Counted.alive -= 1


@pytest.fixture(autouse=True)
def _uncollected() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


def refuse(*_: object) -> Any:
    raise InvalidField.at("/id", "is none")


async def test_items_are_let_go_of_with_their_answer() -> None:
    async def read() -> Mapping[int, Refusal]:
        request: Any = SimpleNamespace(state=SimpleNamespace(batch_turn=SimpleNamespace(take=no_rows)))
        context: Any = SimpleNamespace(caller=SimpleNamespace(tenant_id=uuid4()), request=request)
        return (await read_items(context, [{"held": Counted()}], refuse))[1]

    assert [refusal.status for refusal in (await read()).values()] == [422]
    assert Counted.alive == 0


async def test_a_batch_is_let_go_of_with_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "_decide", refuse)
    monkeypatch.setattr(writing, "publish", no_rows)
    plan = SimpleNamespace(steps=())
    records: Any = SimpleNamespace(look=lambda *_: no_rows(found=plan), resolve=no_rows, conclude=no_rows)
    transaction: Any = SimpleNamespace(execute=no_rows)

    async def write() -> Sequence[object]:
        items: list[BatchItem[object]] = [BatchItem(0, changes={"held": Counted()})]
        return list((await writing.write_batch(transaction, records, items)).values())

    (refusal,) = await write()
    assert isinstance(refusal, InvalidField)
    assert Counted.alive == 0


async def no_rows(*_: object, found: object = (), **__: object) -> Any:
    return found


async def test_a_request_is_let_go_of_with_its_answer() -> None:
    async def serve(_request: Request) -> Response:
        held = Counted()
        return refuse(held)  # type: ignore[no-any-return]

    request = Request({"type": "http", "method": "GET", "path": "/things", "headers": []})
    answer = await answering(APIRoute("/things", lambda: None), serve)(request)
    assert answer.status_code == 422
    assert Counted.alive == 0
