"""What a service says of a consumer: topics, group and handler. How it is consumed stands in `subscriber.py`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Concatenate, Final, Generic, ParamSpec

from crm_shared.contracts import Event

Dependencies = ParamSpec("Dependencies")
Handler = Callable[[list[Event]], Awaitable[None]]

MAX_RECORDS: Final = 500  # one transaction of a few tens of ms; more gains little and holds row locks longer
PART_BYTES: Final = 524_288
"""What a handler is given at once. Batches of ordinary records are less and go whole; long ones would hold the loop."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """One consumer group's reading of some topics.

    The handler must be idempotent by (aggregate id, version): a batch may come again, whole or in parts.
    `transient_errors` are the handler's own "a store is away" errors, beside those of `crm_shared.transient`.
    `part_bytes`: for a handler that takes what it is given in pieces itself.
    """

    topics: tuple[str, ...]
    group_id: str
    handler: Handler
    max_records: int = MAX_RECORDS
    transient_errors: tuple[type[BaseException], ...] = ()
    part_bytes: int = PART_BYTES


@dataclass(frozen=True, slots=True)
class Consumer(Generic[Dependencies]):
    """A handler with its topics and group; `bind` gives it what it depends on. Call it to handle a batch in a test."""

    function: Callable[Concatenate[list[Event], Dependencies], Awaitable[None]]
    topics: tuple[str, ...]
    group_id: str
    max_records: int
    transient_errors: tuple[type[BaseException], ...]
    part_bytes: int

    async def __call__(
        self, batch: list[Event], /, *dependencies: Dependencies.args, **named: Dependencies.kwargs
    ) -> None:
        await self.function(batch, *dependencies, **named)

    def bind(self, *dependencies: Dependencies.args, **named: Dependencies.kwargs) -> Subscription:
        """Make the subscription that a worker runs, with the handler's dependencies after the batch filled in."""

        async def handle(batch: list[Event]) -> None:
            await self.function(batch, *dependencies, **named)

        return Subscription(
            topics=self.topics,
            group_id=self.group_id,
            handler=handle,
            max_records=self.max_records,
            transient_errors=self.transient_errors,
            part_bytes=self.part_bytes,
        )


def subscribe(
    *topics: str,
    group_id: str,
    max_records: int = MAX_RECORDS,
    transient_errors: tuple[type[BaseException], ...] = (),
    part_bytes: int = PART_BYTES,
) -> Callable[[Callable[Concatenate[list[Event], Dependencies], Awaitable[None]]], Consumer[Dependencies]]:
    """Declare a batch consumer: `@subscribe("crm.deal", group_id="activities.deal-notes")`.

    The function takes the batch first, then its dependencies, which `bind` fills in (worker.py lists the results).
    Ack policy, offset reset and dead letters are the same for all and are set in `crm_shared.bus.subscriber`.
    """
    if not topics or "." not in group_id:
        raise ValueError("a consumer names its topics and a group_id of the form <service>.<purpose>")
    return partial(
        Consumer,
        topics=topics,
        group_id=group_id,
        max_records=max_records,
        transient_errors=transient_errors,
        part_bytes=part_bytes,
    )
