"""Brings a topic that is there in line with how this release has it cleaned."""

from collections.abc import Mapping, Sequence
from typing import Final

import structlog
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code

logger = structlog.get_logger(__name__)

CLEANING: Final = ("cleanup.policy", "max.compaction.lag.ms")
"""What an erasure rests on. All else of a topic (retention, sizes, replicas) is its operator's to change."""

_SET_ON_THE_TOPIC: Final = 1  # Kafka's "config source": not a default of the broker or of Kafka


async def align_cleaning(admin: AIOKafkaAdminClient, topics: Sequence[NewTopic]) -> list[str]:
    """Return `topics`, which exist, the cleaning that they are specified with; name those that had another.

    Raises KafkaError when the broker refuses.
    """
    wanted = {topic.name: _pick(topic.topic_configs, CLEANING) for topic in topics}
    present = await read_settings(admin, list(wanted))
    # The request that aiokafka knows replaces all that is set on a topic, so what is set already goes along.
    changed = {
        name: present[name] | settings
        for name, settings in wanted.items()
        if _pick(present[name], CLEANING) != settings
    }
    if not changed:
        return []
    # And what this release does not set may not stay: a lag of compaction on a topic that is compacted no more.
    resources = [
        ConfigResource(
            ConfigResourceType.TOPIC,
            name,
            {key: value for key, value in settings.items() if key not in CLEANING or key in wanted[name]},
        )
        for name, settings in changed.items()
    ]
    for response in await admin.alter_configs(resources):
        for code, message, *_ in response.resources:
            if code:
                raise for_code(code)(message)
    logger.info("topics cleaned another way from now on", topics=sorted(changed))
    return sorted(changed)


async def read_settings(admin: AIOKafkaAdminClient, topics: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return what is set on each topic itself, by Kafka's names. Raises KafkaError for a topic that is not there."""
    if not topics:
        return {}
    found: dict[str, dict[str, str]] = {}
    for response in await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in topics]):
        for code, message, _, topic, entries in response.resources:
            if code:
                raise for_code(code)(message)
            found[topic] = {name: value for name, value, _, source, *_ in entries if source == _SET_ON_THE_TOPIC}
    return found


def _pick(settings: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    return {name: settings[name] for name in names if name in settings}
