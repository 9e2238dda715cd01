"""Keeps the garbage collector from walking what a process loaded at its start, and what it is at work on.

A full collection walks every living object in one go, whatever thread or loop waits for it: of a batch of 1,000 items
with 200 lists each 60 to 130 ms, at any point of it, and four times. Such objects are no garbage before their work is
done, and few of them are part of a circle then. So full collections wait until nothing is in hand.
"""

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

YOUNGER_BETWEEN: Final = 10
"""Collections of younger objects after which a full one is due: Python's own number."""

YOUNGER_AT_MOST: Final = 150
"""After so many Python makes a full one by itself: a million objects more than were let go, without a pause.

The dearest batch makes half as many. Under steady load something is always in hand, and what is garbage stays so long.
"""


@contextmanager
def frozen_after_loading() -> Iterator[None]:
    """Leave the collector off in the block, in which a process is put together, and keep what is loaded afterwards."""
    gc.disable()
    try:
        yield
    finally:
        freeze_loaded_objects()
        gc.enable()


def freeze_loaded_objects() -> None:
    """Set aside all that lives now: modules, models, routes. Called once, when a process is put together.

    Each full collection walks every living object, and what a process has loaded is never garbage.
    """
    gc.collect()
    gc.freeze()


class WorkInHand:
    """`with WORK_IN_HAND:` round a request or a batch: no full collection walks what it makes before its end.

    Where `put_off_full_collections` was not called, Python collects as it always does.
    """

    def __init__(self) -> None:
        self.is_awaited = False
        self._count = 0

    @property
    def is_any(self) -> bool:
        return self._count > 0

    def __enter__(self) -> None:
        self._count += 1

    def __exit__(self, *_: object) -> None:
        self._count -= 1
        if self._is_collection_due():
            # In the loop's next round: the answer is on its way by then, and what it was made of let go.
            asyncio.get_running_loop().call_soon(self._collect)

    def _is_collection_due(self) -> bool:
        return self.is_awaited and self._count == 0 and gc.get_count()[2] > YOUNGER_BETWEEN

    def _collect(self) -> None:
        if self._is_collection_due():
            gc.collect()


WORK_IN_HAND: Final = WorkInHand()
"""The process's: it has one collector."""


def put_off_full_collections() -> None:
    """Have full collections made when nothing is in hand. Called once, by a process that says what it has in hand."""
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, YOUNGER_AT_MOST)
    WORK_IN_HAND.is_awaited = True
