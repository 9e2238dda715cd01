"""Waiting between tries: longer each time, never in step with others, and cut short when the process stops."""

import asyncio
import random
from dataclasses import dataclass, field
from typing import Final

FIRST_DELAY_S: Final = 0.1
LAST_DELAY_S: Final = 5.0


@dataclass(slots=True)
class Backoff:
    """Delays that double from `first_s` up to `last_s`, each drawn between half and the whole."""

    first_s: float = FIRST_DELAY_S
    last_s: float = LAST_DELAY_S
    tries: int = field(default=0, init=False)

    def next_delay_s(self) -> float:
        """Draw the next delay. Processes that lost the same store must not all come back at one moment."""
        whole = min(self.last_s, self.first_s * float(2 ** min(self.tries, 30)))
        self.tries += 1
        return whole * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, keeps no secret

    def reset(self) -> None:
        self.tries = 0


async def wait_or_stop(seconds: float, stopping: asyncio.Event) -> bool:
    """Sleep `seconds`, or less if the process begins to stop; True if it does."""
    try:
        async with asyncio.timeout(seconds):
            await stopping.wait()
    except TimeoutError:
        return stopping.is_set()
    return True
