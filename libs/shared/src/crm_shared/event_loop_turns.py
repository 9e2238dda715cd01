"""Turns of the event loop for work that is done in pieces: one piece a round, however many do such work at once.

`asyncio.sleep(0)` between pieces lets others have the loop, but whoever else works in pieces is among them: eight who
each take 40 ms hold the loop for a third of a second before anything else has its turn.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Final, TypeVar
from weakref import WeakKeyDictionary

Item = TypeVar("Item")

_WAITING: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, deque[asyncio.Future[None]]]] = WeakKeyDictionary()


async def next_turn() -> None:
    """Wait until the loop has been round for all else, and nobody else who works in pieces has this round.

    Call it before each piece. Those who wait take turns in the order in which they came.
    """
    loop = asyncio.get_running_loop()
    waiting = _WAITING.setdefault(loop, deque())
    turn: asyncio.Future[None] = loop.create_future()
    waiting.append(turn)
    if len(waiting) == 1:
        loop.call_soon(_give_turn, loop, waiting)
    await turn


async def in_turns(
    items: Iterable[Item], *, at_once: int, weigh: Callable[[Item], int] | None = None, at_most: int = 0
) -> AsyncIterator[Item]:
    """Yield the items, a turn before each piece of them: of some ten milliseconds. `to_pieces` says what a piece is."""
    for piece in to_pieces(items, at_once=at_once, weigh=weigh, at_most=at_most):
        await next_turn()
        for item in piece:
            yield item


def to_pieces(
    items: Iterable[Item], *, at_once: int, weigh: Callable[[Item], int] | None = None, at_most: int = 0
) -> Iterator[list[Item]]:
    """Yield the items in pieces, in their order.

    A piece is `at_once` items, or fewer where `weigh` says that they would come to more than `at_most`; one alone may.
    """
    piece: list[Item] = []
    weight = 0
    for item in items:
        heavy = 0 if weigh is None else weigh(item)
        if piece and (len(piece) >= at_once or weight + heavy > at_most > 0):
            yield piece
            piece, weight = [], 0
        piece.append(item)
        weight += heavy
    if piece:
        yield piece


def _give_turn(loop: asyncio.AbstractEventLoop, waiting: deque[asyncio.Future[None]]) -> None:
    """Let the first who still waits go on in the loop's next round, and see to the others in the one after it."""
    while waiting and waiting[0].done():  # cancelled meanwhile
        waiting.popleft()
    if not waiting:
        return
    waiting[0].set_result(None)
    # It stays the first until the next call: whoever comes meanwhile queues behind it.
    loop.call_soon(_give_turn, loop, waiting)
