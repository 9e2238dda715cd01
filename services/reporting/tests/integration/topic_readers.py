"""The service's consumers on topics of a test's own. Imports little: a process that is to be killed starts soon."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from crm_reporting.worker import CONSUMERS
from crm_shared.bus import Consumer
from crm_shared.database import Database


def to_readers(topics: Mapping[str, str]) -> Sequence[Consumer[[Database]]]:
    """Have the service's consumers read other topics than its own; `topics` by aggregate."""
    return [
        replace(consumer, topics=tuple(topics[topic.removeprefix("crm.")] for topic in consumer.topics))
        for consumer in CONSUMERS
    ]
