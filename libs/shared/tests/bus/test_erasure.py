"""What is erased goes from the bus: dead letters are buried, redrive leaves them, and compaction gets to its work."""

import asyncio
import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from aiokafka.admin import NewTopic
from aiokafka.errors import UnknownTopicOrPartitionError

from crm_shared.bus import Subscription
from crm_shared.bus.dead_letters import DeadLetters
from crm_shared.bus.redrive import redrive
from crm_shared.bus.topic_settings import align_cleaning, read_settings
from crm_shared.bus.topics import administering, create_topics, specify_dead_letter_topics, specify_topics
from crm_shared.bus.worker import Worker
from crm_shared.clock import new_id
from crm_shared.contracts import Event, OutboxEvent, new_event
from crm_testing.outboxes import OCCURRED_AT, TENANT_ID
from crm_testing.published_records import PublishedRecord
from crm_testing.records import RawRecord, read_ends, read_topic, write_records
from crm_testing.waiting import wait_until

pytestmark = pytest.mark.engines

Working = Callable[[Sequence[Subscription]], AbstractAsyncContextManager[Worker]]
TOPIC = "crm.contact"


@pytest.fixture
async def dead_letters(kafka_bootstrap: str, group_id: str) -> str:
    """Make TOPIC and the group's dead-letter topic of it; give the latter's name."""
    await create_topics(kafka_bootstrap, "contacts", groups={group_id: [TOPIC]}, partitions=3, replication=1)
    return f"{TOPIC}.{group_id}.dlq"


def publish_contact(contact_id: uuid.UUID, version: int, **fields: Any) -> OutboxEvent:
    verb = "erased" if fields.get("erased_at") else "created" if version == 1 else "updated"
    return new_event(
        aggregate="contact",
        aggregate_id=contact_id,
        verb=verb,
        version=version,
        tenant_id=TENANT_ID,
        occurred_at=OCCURRED_AT,
        state={**PublishedRecord.new("contact", TENANT_ID).state, "id": contact_id, "version": version, **fields},
        changed=None if version == 1 else {},
        actor_id=None,
    )


class Watching:
    """Fails at versions of one contact, and sees nothing else of the topic, which others write to too."""

    def __init__(self, contact_id: uuid.UUID, *, fails_at: set[int]) -> None:
        self.contact_id = contact_id
        self.fails_at = fails_at
        self.versions: list[int] = []

    async def handle(self, batch: list[Event]) -> None:
        own = [event for event in batch if event.aggregate_id == self.contact_id]
        if any(event.version in self.fails_at for event in own):
            raise KeyError("email")
        self.versions += [event.version for event in own]


async def read_own(bootstrap: str, topic: str, contact_id: uuid.UUID) -> list[ConsumerRecord]:
    return [one for one in await read_topic(bootstrap, topic) if one.key == str(contact_id).encode()]


async def test_an_erasure_buries_the_contacts_dead_letters_and_no_others(
    kafka_bootstrap: str, dead_letters: str, group_id: str, working: Working
) -> None:
    contact_id, other_id = new_id(), new_id()
    watching = Watching(contact_id, fails_at={1, 2})
    poison = RawRecord(str(other_id).encode(), b"{not json", [])
    published = [publish_contact(contact_id, 1), publish_contact(contact_id, 2)]
    erased = publish_contact(contact_id, 3, erased_at="2026-11-22T09:30:00Z")

    async def is_buried() -> bool:
        return any(one.value is None for one in await read_own(kafka_bootstrap, dead_letters, contact_id))

    async with working([Subscription((TOPIC,), group_id, watching.handle)]):
        await write_records(kafka_bootstrap, TOPIC, [*map(RawRecord.of, published), poison, RawRecord.of(erased)])
        await wait_until(is_buried)

    letters = await read_own(kafka_bootstrap, dead_letters, contact_id)
    assert [one.value for one in letters] == [published[0].payload, published[1].payload, None]
    assert [one.value for one in await read_own(kafka_bootstrap, dead_letters, other_id)] == [b"{not json"]
    assert watching.versions == [3]


async def test_redrive_leaves_what_was_buried(kafka_bootstrap: str, dead_letters: str, group_id: str) -> None:
    erased_id, kept_id = new_id(), new_id()
    erased, kept = RawRecord.of(publish_contact(erased_id, 1)), RawRecord.of(publish_contact(kept_id, 1))
    again = RawRecord.of(publish_contact(erased_id, 4))
    tombstone = RawRecord(erased.key, None)
    begin = await read_ends(kafka_bootstrap, TOPIC)
    progress: list[tuple[int, int]] = []
    # The last is of after the tombstone: set aside anew, and nothing that was erased.
    await write_records(kafka_bootstrap, dead_letters, [erased, kept, tombstone, again])

    count = await redrive(kafka_bootstrap, group_id, [TOPIC], progress=lambda *done: progress.append(done))

    put_back = await read_topic(kafka_bootstrap, TOPIC, begin=begin)
    assert {one.value for one in put_back if one.key in {erased.key, kept.key}} == {kept.value, again.value}
    assert count == 2
    assert progress == [(2, 2)]
    assert await redrive(kafka_bootstrap, group_id, [TOPIC]) == 0


async def test_a_letter_without_a_key_finds_its_place_too(
    kafka_bootstrap: str, dead_letters: str, group_id: str
) -> None:
    """A compacted topic takes none; what a topic of before its compaction still holds must not stop the group."""
    record = ConsumerRecord(TOPIC, 0, 7, 0, 0, None, b"{}", None, 0, 2, ())
    letters = DeadLetters(kafka_bootstrap, client_id="test", stopping=asyncio.Event())
    async with asyncio.timeout(20):
        await letters.put(record, group_id, KeyError("x"))
    await letters.close()
    assert [(one.key, one.value) for one in await read_topic(kafka_bootstrap, dead_letters)] == [(b"", b"{}")]


async def test_a_second_telling_makes_compaction_drop_what_came_before(kafka_bootstrap: str) -> None:
    """What the topics' settings promise, with a lag of a second in the place of hours."""
    (spec,) = [
        one for one in specify_topics("contacts", partitions=1, replication=1, compaction_lag_s=1) if one.name == TOPIC
    ]
    (letters,) = specify_dead_letter_topics({"g.g": [TOPIC]}, replication=1, compaction_lag_s=1)
    names = [f"test.{uuid.uuid4().hex[:12]}" for _ in range(2)]
    async with administering(kafka_bootstrap) as admin:
        await admin.create_topics(
            [
                NewTopic(name, 1, 1, topic_configs=one.topic_configs)
                for name, one in zip(names, (spec, letters), strict=True)
            ]
        )
        contact_id = new_id()
        before = RawRecord.of(publish_contact(contact_id, 1, first_name="Zebulon"))
        shell = RawRecord.of(publish_contact(contact_id, 2, erased_at="2026-11-22T09:30:00Z"))
        await write_records(kafka_bootstrap, names[0], [before, shell])
        await write_records(kafka_bootstrap, names[1], [before, RawRecord(before.key, None)])

        async def are_clean() -> bool:
            for name, last in zip(names, (shell, RawRecord(before.key, None)), strict=True):
                await write_records(kafka_bootstrap, name, [last])
            found = [one.value for name in names for one in await read_topic(kafka_bootstrap, name)]
            return not any(value is not None and b"Zebulon" in value for value in found)

        await wait_until(are_clean, poll_s=1.5)
        await admin.delete_topics(names)


async def test_migrate_brings_the_cleaning_of_a_topic_in_line_and_leaves_the_rest(kafka_bootstrap: str) -> None:
    name = f"test.{uuid.uuid4().hex[:12]}"
    operators = {"retention.ms": "123456789", "min.insync.replicas": "1"}
    wanted = {"cleanup.policy": "compact,delete", "max.compaction.lag.ms": "43200000", "retention.ms": "1"}
    async with administering(kafka_bootstrap) as admin:
        await admin.create_topics([NewTopic(name, 1, 1, topic_configs={"cleanup.policy": "delete", **operators})])
        specified = NewTopic(name, 1, 1, topic_configs=wanted)

        async def is_there() -> bool:  # a broker answers a creation before it knows the topic everywhere
            try:
                await read_settings(admin, [name])
            except UnknownTopicOrPartitionError:
                return False
            return True

        await wait_until(is_there)
        assert await align_cleaning(admin, [specified]) == [name]

        cleaning = {key: wanted[key] for key in ("cleanup.policy", "max.compaction.lag.ms")}

        async def is_set() -> bool:
            return (await read_settings(admin, [name]))[name] == {**operators, **cleaning}

        await wait_until(is_set)
        assert await align_cleaning(admin, [specified]) == []
        back = NewTopic(name, 1, 1, topic_configs={"cleanup.policy": "delete"})
        assert await align_cleaning(admin, [back]) == [name]
        await admin.delete_topics([name])
