"""The collector walks what a process makes, not what it has loaded, nor what it is at work on."""

import asyncio
import gc
import sys
from collections.abc import Iterator, Mapping

import pytest
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from crm_shared.gc_freeze import WORK_IN_HAND, YOUNGER_BETWEEN, put_off_full_collections
from crm_shared.http.answering import answering
from crm_shared.refusals import Unavailable

YOUNG = 100
"""Objects more that make a collection of the youngest due: fewer than Python's own, so that the test is short."""
MIDDLE = 2
LISTS = 3 * YOUNG * MIDDLE * YOUNGER_BETWEEN


class FullCollections:
    """Counts them."""

    def __init__(self) -> None:
        self.count = 0

    def note(self, phase: str, about: Mapping[str, int]) -> None:
        self.count += phase == "start" and about["generation"] == 2


@pytest.fixture
def full() -> Iterator[FullCollections]:
    before, full = gc.get_threshold(), FullCollections()
    gc.set_threshold(YOUNG, MIDDLE, YOUNGER_BETWEEN)
    gc.freeze()
    gc.collect()  # the number that lives long is next to none, so that no full collection is left out for it
    gc.callbacks.append(full.note)
    yield full
    gc.callbacks.remove(full.note)
    gc.set_threshold(*before)
    WORK_IN_HAND.is_awaited = False


def make_lists() -> list[list[int]]:
    return [[number] for number in range(LISTS)]


def test_what_was_loaded_is_set_aside_while_tests_run() -> None:
    walked = {id(one) for one in gc.get_objects()}

    assert gc.isenabled()
    assert gc.get_freeze_count() > 0
    assert id(vars(sys.modules["crm_shared.gc_freeze"])) not in walked


async def test_python_by_itself_walks_what_is_in_hand(full: FullCollections) -> None:
    with WORK_IN_HAND:
        held = make_lists()
        assert full.count > 0
        assert len(held) == LISTS


async def test_a_full_collection_waits_for_the_end_of_all_work(full: FullCollections) -> None:
    put_off_full_collections()
    with WORK_IN_HAND:
        with WORK_IN_HAND:
            held = make_lists()
        await asyncio.sleep(0)
        assert full.count == 0, "another's work is in hand"
        assert len(held) == LISTS
    assert full.count == 0, "the answer goes first"
    await asyncio.sleep(0)
    assert full.count == 1
    with WORK_IN_HAND:
        pass
    await asyncio.sleep(0)
    assert full.count == 1, "nothing was made since"


async def test_work_that_is_taken_up_in_between_is_waited_for(full: FullCollections) -> None:
    put_off_full_collections()
    with WORK_IN_HAND:
        make_lists()
        held = make_lists()
    with WORK_IN_HAND:
        await asyncio.sleep(0)
        assert full.count == 0
        assert len(held) == LISTS
    await asyncio.sleep(0)
    assert full.count == 1


async def test_who_is_never_done_is_waited_for_so_long_and_no_longer(
    full: FullCollections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crm_shared.gc_freeze.YOUNGER_AT_MOST", YOUNGER_BETWEEN)
    put_off_full_collections()
    with WORK_IN_HAND:
        held = make_lists()
        assert full.count > 0
        assert len(held) == LISTS


@pytest.mark.parametrize("status", [200, 503])
async def test_a_request_is_in_hand_until_it_has_its_answer(status: int) -> None:
    in_hand = []

    async def serve(_request: Request) -> Response:
        in_hand.append(WORK_IN_HAND.is_any)
        if status != 200:
            raise Unavailable("away")
        return Response()

    request = Request({"type": "http", "method": "GET", "path": "/things", "headers": []})
    answer = await answering(APIRoute("/things", lambda: None), serve)(request)
    assert (answer.status_code, in_hand, WORK_IN_HAND.is_any) == (status, [True], False)
