"""Hands records over when the directory tells of a leaver, and sweeps for what that did not reach."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

import structlog
from prometheus_client import Counter as Metric

from crm_shared.background import background, repeat
from crm_shared.backpressure import Backpressure
from crm_shared.bus import Consumer, subscribe
from crm_shared.clock import Clock
from crm_shared.contracts import Event
from crm_shared.database import Database
from crm_shared.features.handover.leavers import knows, list_due, lock_users
from crm_shared.features.handover.owned_records import HandOver, OwnedRecords

logger = structlog.get_logger(__name__)

HANDED_OVER: Final = Metric("crm_handover_records", "Records given to a successor, by what they are", ["aggregate"])

SWEEP_PAUSE_S: Final = 10.0
CONSUMER_WITHIN_S: Final = 5.0
"""A consumer waits for the directory no longer: the next event and the process's end wait for it."""
GIVING_WITHIN_S: Final = 1.0
"""Then a consumer leaves the rest to the sweep, which keeps pace with those that read of what it gives on."""
LOCKED_PAUSE_S: Final = 0.05


async def hand_over_due(
    database: Database,
    all_owned: Sequence[OwnedRecords],
    clock: Clock,
    *,
    tenant_ids: Sequence[UUID] | None = None,
    within_s: float | None = None,
    backpressure: Backpressure | None = None,
) -> int:
    """Return on all that is due, a batch of each leaver and kind in turn, and give the number of records.

    `tenant_ids` None is everybody. Each batch is a transaction of its own, so that a kill loses one batch's work and
    no more. After `within_s` the rest is left. With a `backpressure` each batch waits for those that read of it.
    """
    give_up_at_s = None if within_s is None else time.monotonic() + within_s
    given = Counter[tuple[str, HandOver]]()
    is_done = False
    while not is_done:
        is_done, before = True, given.total()
        for owned_records in all_owned:
            for hand_over in await list_due(database, owned_records, tenant_ids):
                is_done = False
                if backpressure is not None:
                    await backpressure.wait()
                given[owned_records.aggregate, hand_over] += await _give_batch(
                    database, owned_records, hand_over, clock
                )
        if give_up_at_s is not None and time.monotonic() > give_up_at_s:
            break
        if not is_done and given.total() == before:  # all that is left is locked by others, for a moment
            await asyncio.sleep(LOCKED_PAUSE_S)
    _report(given)
    return given.total()


async def _give_batch(database: Database, owned_records: OwnedRecords, hand_over: HandOver, clock: Clock) -> int:
    async with database.begin_as_worker() as transaction:
        if not await lock_users(transaction, hand_over):
            return 0
        count = await owned_records.give(transaction, hand_over, clock.now())
    HANDED_OVER.labels(owned_records.aggregate).inc(count)
    return count


def _report(given: Counter[tuple[str, HandOver]]) -> None:
    for (aggregate, hand_over), count in given.items():
        if count:
            logger.info(
                "records_handed_over",
                aggregate=aggregate,
                records=count,
                tenant_id=str(hand_over.tenant_id),
                leaver_id=str(hand_over.leaver_id),
                successor_id=str(hand_over.successor_id),
            )


def follow_hand_overs(service: str, all_owned: Sequence[OwnedRecords]) -> Consumer[[Database, Clock]]:
    """Make the consumer that hands records over as soon as the directory tells of a leaver.

    It acts on the directory as it is here, never on an event's own word: replays and late events change nothing, and
    so does one that has been overtaken.
    """

    @subscribe("crm.user", group_id=f"{service}.handover")
    async def follow(batch: list[Event], database: Database, clock: Clock) -> None:
        give_up_at_s = time.monotonic() + CONSUMER_WITHIN_S
        newest = {(event.tenant_id, event.aggregate_id): event.version for event in batch}
        tenant_ids, ids = [key[0] for key in newest], [key[1] for key in newest]
        # Another group keeps the directory. Where it is behind for long, the sweep does this consumer's work.
        while not await knows(database, tenant_ids, ids, list(newest.values())):
            if time.monotonic() > give_up_at_s:
                return
            await asyncio.sleep(LOCKED_PAUSE_S)
        wanted = sorted(set(tenant_ids))
        await hand_over_due(database, all_owned, clock, tenant_ids=wanted, within_s=GIVING_WITHIN_S)

    return follow


@asynccontextmanager
async def handing_over_leavers(
    database: Database,
    all_owned: Sequence[OwnedRecords],
    clock: Clock,
    backpressure: Backpressure | None = None,
    *,
    pause_s: float = SWEEP_PAUSE_S,
) -> AsyncIterator[None]:
    """While in the block, come back every `pause_s` seconds to whatever is still a leaver's."""

    async def sweep() -> None:
        await hand_over_due(database, all_owned, clock, backpressure=backpressure)

    async with background(repeat("hand_over", sweep, pause_s=pause_s)):
        yield
