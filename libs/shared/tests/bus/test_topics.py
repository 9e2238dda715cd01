"""Topics are as the contract has them, made once, by whoever comes first."""

import asyncio
import uuid

import pytest
from aiokafka import TopicPartition
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import InvalidReplicationFactorError, KafkaConnectionError, UnknownTopicOrPartitionError

from crm_shared.bus import topics
from crm_shared.bus.topics import (
    administering,
    create_topics,
    list_missing_topics,
    list_partitions,
    wait_until_listed,
)

pytestmark = pytest.mark.engines


async def read_configs(bootstrap: str, topic: str) -> dict[str, str]:
    async with administering(bootstrap) as admin:
        (response,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    return {entry[0]: entry[1] for entry in response.resources[0][4]}


async def test_a_services_topics_and_its_groups_dead_letter_topics_are_created_once(kafka_bootstrap: str) -> None:
    group_id = f"contacts.{uuid.uuid4().hex[:12]}"

    async def create() -> list[str]:
        return await create_topics(
            kafka_bootstrap, "contacts", groups={group_id: ["crm.deal"]}, partitions=3, replication=1
        )

    created = await asyncio.gather(create(), create(), create())
    assert await create() == []

    dead_letters = f"crm.deal.{group_id}.dlq"
    assert [topics.count(dead_letters) for topics in created].count(1) == 1
    wanted = ["crm.tenant", "crm.user", "crm.company", "crm.contact", dead_letters]
    assert await list_missing_topics(kafka_bootstrap, wanted) == []
    assert await list_partitions(kafka_bootstrap, ["crm.contact"]) == [
        TopicPartition("crm.contact", number) for number in range(3)
    ]
    assert len(await list_partitions(kafka_bootstrap, [dead_letters])) == 1
    assert (await read_configs(kafka_bootstrap, "crm.contact"))["cleanup.policy"] == "compact"
    assert (await read_configs(kafka_bootstrap, dead_letters))["cleanup.policy"] == "delete"


async def test_what_no_waiting_heals_is_said_at_once(kafka_bootstrap: str) -> None:
    groups = {f"contacts.{uuid.uuid4().hex[:12]}": ["crm.deal"]}
    with pytest.raises(InvalidReplicationFactorError):
        await create_topics(kafka_bootstrap, "contacts", groups=groups, partitions=1, replication=3)


async def test_kafka_that_does_not_come_is_said_after_the_wait() -> None:
    with pytest.raises(KafkaConnectionError):
        await create_topics("127.0.0.1:1", "contacts", groups={}, partitions=1, replication=1, wait_s=0.5)


class SlowToHear:
    """Asks a broker that hears of the topic late: a real one is sometimes, and never when a test wants it."""

    def __init__(self, *, looks: int) -> None:
        self.looks = looks

    async def list_topics(self) -> list[str]:
        self.looks -= 1
        return ["crm.deal"] if self.looks <= 0 else []


async def test_topics_are_made_when_the_broker_knows_them(monkeypatch: pytest.MonkeyPatch) -> None:
    admin = SlowToHear(looks=3)
    await wait_until_listed(admin, iter(["crm.deal"]))
    assert admin.looks == 0

    monkeypatch.setattr(topics, "LISTED_WITHIN_S", 0.1)
    with pytest.raises(UnknownTopicOrPartitionError, match=r"crm\.deal"):
        await wait_until_listed(SlowToHear(looks=1000), ["crm.deal"])
