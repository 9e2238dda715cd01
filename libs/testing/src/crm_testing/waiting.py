"""Waiting for what another process or task is about to do."""

import asyncio
from collections.abc import Awaitable, Callable


async def wait_until(claim: Callable[[], Awaitable[bool]], *, timeout_s: float = 120.0, poll_s: float = 0.02) -> None:
    """Return once `claim` is true. Raises TimeoutError after `timeout_s`."""
    async with asyncio.timeout(timeout_s):
        while not await claim():  # noqa: ASYNC110 - nobody over there would set an event
            await asyncio.sleep(poll_s)
