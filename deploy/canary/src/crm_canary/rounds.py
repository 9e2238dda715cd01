"""Round by round: the deal is moved, and each hop is timed until it shows the move, or is lost."""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from crm_canary import metrics
from crm_canary.deal import CanaryDeal, Deal, Move
from crm_canary.hops import Hop
from crm_canary.receiver import Receiver
from crm_canary.suite_api import Away, Refused

logger = logging.getLogger(__name__)

MOVE, WEBHOOK = "move", "webhook"
FAILURES: Final = (Away, Refused, LookupError, TypeError, ValueError, AttributeError)
"""The last four: an answer that is not as the contract has it, which must not end the canary."""

FIRST_LOOK_S: Final = 0.03
LOOK_AGAIN_AFTER: Final = 0.1
"""Of the time that has passed: a hop's seconds are known to a tenth, and a slow one is asked seldom."""

LONGEST_PAUSE_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Pace:
    """A move every `every_s`; what is not shown within `lost_after_s` is lost."""

    every_s: float
    lost_after_s: float
    moved_within_s: float = 30.0


class Canary:
    """Goes on whatever happens: what is away is lost for this move, and asked again at the next."""

    def __init__(self, deal: CanaryDeal, hops: Sequence[Hop], receiver: Receiver | None, pace: Pace) -> None:
        self._deal = deal
        self._hops = hops
        self._receiver = receiver
        self._pace = pace
        self.began_at_s = time.monotonic()

    @property
    def hop_names(self) -> list[str]:
        return [MOVE, *(hop.name for hop in self._hops), *([WEBHOOK] if self._receiver is not None else [])]

    @property
    def is_stuck(self) -> bool:
        """Return whether a round has gone on for longer than any can: our own mistake, which a restart ends."""
        return time.monotonic() - self.began_at_s > 60 + 3 * (
            self._pace.every_s + self._pace.moved_within_s + self._pace.lost_after_s
        )

    async def run(self) -> None:
        """Move until cancelled."""
        metrics.begin(self.hop_names)
        while True:
            self.began_at_s = time.monotonic()
            await self.play_round()
            await asyncio.sleep(max(0.0, self.began_at_s + self._pace.every_s - time.monotonic()))

    async def play_round(self) -> None:
        """Move once, and note every hop. A move that can't be made is lost, and says nothing of the hops behind it."""
        try:
            async with asyncio.timeout(self._pace.moved_within_s):
                deal = await self._deal.prepare()
                ready = [await self._is_ready(hop, deal) for hop in self._hops]
                is_subscribed = await self._is_subscribed()
                asked_at_s = time.monotonic()
                move = await self._deal.move(deal)
        except (*FAILURES, TimeoutError) as error:
            logger.warning("no move: %r", error)
            metrics.note(MOVE, None)
            return
        moved_at_s = time.monotonic()
        metrics.note(MOVE, moved_at_s - asked_at_s)
        async with asyncio.TaskGroup() as watching:
            for hop, is_ready in zip(self._hops, ready, strict=True):
                watching.create_task(self._time_hop(hop, move, moved_at_s, is_ready=is_ready))
            if self._receiver is not None:
                watching.create_task(self._time_webhook(self._receiver, move, moved_at_s, is_subscribed=is_subscribed))

    async def _is_ready(self, hop: Hop, deal: Deal) -> bool:
        try:
            return await hop.is_ready(deal)
        except FAILURES as error:
            logger.warning("%s: %r", hop.name, error)
            return False

    async def _is_subscribed(self) -> bool:
        if self._receiver is None:
            return False
        try:
            await self._receiver.subscribe()
        except FAILURES as error:
            logger.warning("%s: %r", WEBHOOK, error)
            return False
        return True

    async def _time_hop(self, hop: Hop, move: Move, moved_at_s: float, *, is_ready: bool) -> None:
        reason = "it was away before, or showed an older move"
        passed_s = 0.0
        while is_ready and passed_s < self._pace.lost_after_s:
            try:
                if await hop.shows(move):
                    metrics.note(hop.name, time.monotonic() - moved_at_s)
                    return
                reason = "it was not shown"
            except FAILURES as error:
                reason = repr(error)
            passed_s = time.monotonic() - moved_at_s
            await asyncio.sleep(min(LONGEST_PAUSE_S, max(FIRST_LOOK_S, LOOK_AGAIN_AFTER * passed_s)))
        logger.warning("%s: version %s is lost: %s", hop.name, move.version, reason)
        metrics.note(hop.name, None)

    async def _time_webhook(self, receiver: Receiver, move: Move, moved_at_s: float, *, is_subscribed: bool) -> None:
        try:
            if is_subscribed:
                async with asyncio.timeout(self._pace.lost_after_s):
                    await receiver.wait_for(move.deal_id, move.version)
                metrics.note(WEBHOOK, time.monotonic() - moved_at_s)
                return
        except TimeoutError:
            logger.warning("%s: version %s is lost: it did not come", WEBHOOK, move.version)
        metrics.note(WEBHOOK, None)
