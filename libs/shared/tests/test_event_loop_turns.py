"""One piece of long work a round of the event loop, however many do such work."""

import asyncio

from crm_shared.event_loop_turns import in_turns, next_turn
from crm_testing.loop_rounds import LoopRounds

PIECES = 20


async def test_one_piece_is_done_in_each_round_however_many_work() -> None:
    """A callback that comes back each round counts the pieces that were done since the last."""
    loop, done, in_rounds = asyncio.get_running_loop(), 0, []
    is_over = False

    def look(before: int) -> None:
        in_rounds.append(done - before)
        if not is_over:
            loop.call_soon(look, done)

    async def work(name: str, order: list[str]) -> None:
        nonlocal done
        for _ in range(PIECES):
            await next_turn()
            done += 1
            order.append(name)

    order: list[str] = []
    loop.call_soon(look, 0)
    await asyncio.gather(*(work(name, order) for name in "abc"))
    is_over = True
    assert max(in_rounds) == 1, in_rounds
    assert order == [*"abc"] * PIECES


async def test_who_gives_up_waiting_holds_up_nobody() -> None:
    async def work() -> None:
        for _ in range(PIECES):
            await next_turn()

    tasks = [asyncio.create_task(work()) for _ in range(4)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    tasks[2].cancel()
    ended = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)
    assert [type(one) for one in ended] == [asyncio.CancelledError, type(None), asyncio.CancelledError, type(None)]
    await asyncio.wait_for(work(), 10)


async def test_items_come_in_order_and_a_piece_of_them_a_round() -> None:
    loop, taken, in_rounds = asyncio.get_running_loop(), list[int](), list[int]()
    is_over = False

    def look(before: int) -> None:
        in_rounds.append(len(taken) - before)
        if not is_over:
            loop.call_soon(look, len(taken))

    loop.call_soon(look, 0)
    async for number in in_turns(range(PIECES), at_once=3):
        taken.append(number)
    is_over = True
    assert taken == list(range(PIECES))
    assert max(in_rounds) == 3, in_rounds


async def test_a_piece_is_no_heavier_than_is_said_unless_one_item_is() -> None:
    rounds, taken = LoopRounds(), list[int]()
    note = rounds.watch(taken.append)
    async for weight in in_turns([1, 1, 1, 1, 9, 1, 1], at_once=3, weigh=int, at_most=3):
        note(weight)
    assert taken == [1, 1, 1, 1, 9, 1, 1]
    assert rounds.most == 3

    rounds = LoopRounds()
    note = rounds.watch(taken.append)
    async for weight in in_turns([9, 9, 9], at_once=3, weigh=int, at_most=3):
        note(weight)
    assert (rounds.calls, rounds.most) == (3, 1)
