"""The one place where a Kafka client is made, whatever it is for. A test fails if one is made elsewhere.

A client made without what is said here would go round the broker's security, or fail at a protected one.
"""

from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from crm_shared.kafka_access import Kafka, to_access

ADMIN_TIMEOUT_MS: Final = 15_000


def make_producer(kafka: Kafka, **options: Any) -> AIOKafkaProducer:
    """Make a producer that is yet to be started; `options` are aiokafka's. See `crm_shared.bus.producers`."""
    return AIOKafkaProducer(**to_access(kafka).to_arguments(), **options)


def make_consumer(kafka: Kafka, *topics: str, **options: Any) -> AIOKafkaConsumer:
    """Make a consumer that is yet to be started. A service's consumers are made by `crm_shared.bus.subscriber`."""
    return AIOKafkaConsumer(*topics, **to_access(kafka).to_arguments(), **options)


def make_admin(kafka: Kafka) -> AIOKafkaAdminClient:
    """Make an admin client that is yet to be started."""
    return AIOKafkaAdminClient(**to_access(kafka).to_arguments(), request_timeout_ms=ADMIN_TIMEOUT_MS)
