"""The one place where a FastStream subscriber is made. A test fails if one is made elsewhere, or in another way."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aiokafka import ConsumerRecord
from faststream.exceptions import NackMessage
from faststream.kafka import KafkaBroker, KafkaMessage
from faststream.kafka.message import KafkaAckableMessage
from faststream.kafka.subscriber.usecase import BatchSubscriber
from faststream.message import StreamMessage
from faststream.middlewares import AckPolicy

from crm_shared.bus.batch import BatchReader
from crm_shared.bus.broker import WorkerBroker
from crm_shared.bus.dead_letters import Stopping
from crm_shared.kafka_access import Kafka, to_access

# FastStream's default acknowledges before the handler runs and loses what a crash interrupts; ACK commits even after
# an error. With NACK an error moves back to the batch's beginning.
ACK_POLICY: Final = AckPolicy.NACK_ON_ERROR
# "latest", the default, would pass over everything that was written before a new group's first start.
OFFSET_RESET: Final = "earliest"
# A handler that waits for a store does not poll. After this time aiokafka would leave the group, and the batch would
# be given to another consumer that waits for the same store. Heartbeats alone tell whether the process lives.
MAX_POLL_INTERVAL_MS: Final = 24 * 60 * 60 * 1000
SESSION_TIMEOUT_MS: Final = 10_000
HEARTBEAT_INTERVAL_MS: Final = 3_000
METADATA_MAX_AGE_MS: Final = 30_000
UNEXPECTED_PAUSE_S: Final = 1.0


class WrongPolicy(Exception):
    """A subscriber would lose or pass over records."""


@dataclass(frozen=True, slots=True)
class ConsumerSettings:
    """`group_instance_id`: static membership, unique to the process and the same after its restart."""

    kafka: Kafka
    client_id: str
    group_instance_id: str | None = None
    graceful_timeout_s: float = 15.0


def make_broker(settings: ConsumerSettings) -> KafkaBroker:
    """Make a broker without subscribers. `add_subscriber` adds them."""
    # Below ERROR it tells of every batch, and warns at each start that topics are not created, which is intended.
    logger = logging.getLogger("crm_shared.bus.faststream")
    logger.setLevel(logging.ERROR)
    return WorkerBroker(
        to_access(settings.kafka),
        client_id=settings.client_id,
        apply_types=False,
        consumer_only=True,
        metadata_max_age_ms=METADATA_MAX_AGE_MS,
        allow_auto_create_topics=False,
        graceful_timeout=settings.graceful_timeout_s,
        logger=logger,
        log_level=logging.DEBUG,
    )


def add_subscriber(broker: KafkaBroker, reader: BatchReader, settings: ConsumerSettings) -> None:
    """Subscribe `reader` with the policy that all consumers share."""
    subscription = reader.subscription

    async def parse(records: tuple[ConsumerRecord, ...]) -> KafkaMessage:
        # FastStream's own parser decodes every header as UTF-8 and raises on others: one such record would come back
        # for ever. Here no byte is looked at; `BatchReader` does that, record by record.
        if subscriber.consumer is None:
            raise Stopping
        return KafkaAckableMessage(
            body=b"",
            raw_message=records,
            message_id=f"{records[0].topic}-{records[0].partition}-{records[0].offset}",
            consumer=subscriber.consumer,
        )

    async def decode(message: StreamMessage[tuple[ConsumerRecord, ...]]) -> Sequence[ConsumerRecord]:
        return message.raw_message

    async def consume(records: Sequence[ConsumerRecord]) -> None:
        try:
            await reader.take(records)
        except Stopping:
            raise NackMessage from None
        except Exception:
            # A mistake of this package. The same records come back at once, so that an endless loop needs a brake.
            await asyncio.sleep(UNEXPECTED_PAUSE_S)
            raise

    subscriber = broker.subscriber(
        *subscription.topics,
        group_id=subscription.group_id,
        group_instance_id=settings.group_instance_id,
        batch=True,
        max_records=subscription.max_records,
        ack_policy=ACK_POLICY,
        auto_offset_reset=OFFSET_RESET,
        max_poll_interval_ms=MAX_POLL_INTERVAL_MS,
        session_timeout_ms=SESSION_TIMEOUT_MS,
        heartbeat_interval_ms=HEARTBEAT_INTERVAL_MS,
        no_reply=True,
        parser=parse,
        decoder=decode,
        title=subscription.group_id,
    )
    subscriber(consume)


def require_policy(broker: KafkaBroker) -> None:
    """Raise WrongPolicy if any of the broker's subscribers differs; a worker asks before it starts."""
    for subscriber in broker.subscribers:
        arguments = getattr(subscriber, "_connection_args", {})
        differs = (
            not isinstance(subscriber, BatchSubscriber)
            or subscriber.ack_policy is not ACK_POLICY
            or not subscriber.group_id
            or arguments.get("auto_offset_reset") != OFFSET_RESET
            or arguments.get("enable_auto_commit") is not False
        )
        if differs:
            raise WrongPolicy(f"subscriber of {getattr(subscriber, 'topic_names', '?')} is not made by crm_shared.bus")
