"""How much of some work is done in one round of the event loop: for tests of what takes turns. No clock is asked."""

import asyncio
from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, TypeVar

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class Patch(Protocol):
    """pytest's MonkeyPatch, of which this is enough."""

    def setattr(self, target: Any, name: str, value: Any) -> None: ...


class LoopRounds:
    """Counts the calls of the functions that `watch` returns.

    `calls` is all of them; `most`, the most that one round of the loop had, leaves out what a thread did.
    """

    def __init__(self) -> None:
        self.calls, self.most = 0, 0
        self._in_this_round = 0

    def watch(self, function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        def counted(*args: Parameters.args, **named: Parameters.kwargs) -> Result:
            self._count()
            return function(*args, **named)

        return counted

    def watch_in(self, patch: Patch, owner: object, name: str) -> None:
        """Put what is watched in the place of a module's or class's own."""
        patch.setattr(owner, name, self.watch(getattr(owner, name)))

    def _count(self) -> None:
        self.calls += 1
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        if self._in_this_round == 0:
            loop.call_soon(self._end_round)
        self._in_this_round += 1
        self.most = max(self.most, self._in_this_round)

    def _end_round(self) -> None:
        self._in_this_round = 0
