"""One person with unmistakable values everywhere; then they are erased, and every store is searched for them."""

import asyncio
import json
import secrets
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import ConsumerRecord
from e2e.traces import (
    compacting_at_once,
    count_deleted_documents,
    list_documents_with,
    list_logs_with,
    list_tables_with,
    list_topics_with,
)
from elasticsearch import AsyncElasticsearch

from crm_activities.activities import erasure as activities
from crm_contacts.erasure import commands as contacts
from crm_search.store import DocumentStore
from crm_shared.contracts.topics import dead_letter_topic
from crm_shared.database import Database
from crm_shared.features.erasure.reannouncing import TIMES, LoadSnapshots, Reannouncements
from crm_testing.records import RawRecord, read_topic, write_records
from crm_testing.suite.running import RunningCrm
from crm_testing.suite.tenant import Tenant, User, eventually

pytestmark = pytest.mark.engines

# By chance, so that a word that is found is this run's.
MARK = f"zz{uuid4().hex[:10]}"
NUMBER = f"{secrets.randbelow(10**6):06d}"
WORDS = (MARK, f"90{NUMBER}", f"90 {NUMBER}")
PERSON = {
    "first_name": f"First{MARK}",
    "last_name": f"Last{MARK}",
    "email": f"mail.{MARK}@person.example",
    "phone": f"030 90 {NUMBER}",
    "job_title": f"Job{MARK}",
    "source": "REFERRAL",
    "tags": [f"tag-{MARK}"],
    "external_id": f"ext-{MARK}",
    "custom_data": {"hobby": f"Hobby{MARK}"},
}
TWIN = {
    "first_name": f"Twin{MARK}",
    "email": f"twin.{MARK}@person.example",
    "phone": f"030 90{NUMBER}",
    "tags": [f"twin-{MARK}"],
}
KNOWN_BY_NAME = {
    "contacts.contacts", "contacts.contact_tags", "contacts.record_changes", "contacts.idempotency_keys",
    "contacts.merges", "contacts.imports", "contacts.import_errors", "deals.replica_records",
    "activities.activities", "activities.idempotency_keys", "activities.replica_records", "search.search_records",
}  # fmt: skip
"""Where the story leaves the person's values, so that their absence later says something."""


class Story:
    """Everything that the suite does with a person, done by `admin`."""

    def __init__(self, crm: RunningCrm, tenant: Tenant) -> None:
        self.crm = crm
        self.admin: User = tenant.admin
        self.rep: User
        self.contact: dict[str, Any] = {}
        self.twin: dict[str, Any] = {}
        self.note: dict[str, Any] = {}
        self.deal: dict[str, Any] = {}
        self.letters = 0

    async def publish(self, tenant: Tenant) -> None:
        self.rep = await tenant.add_user("rae", "REP")
        await self.admin.call("contacts", "PATCH", "/v1/tenant", json={"auto_merge": False})
        field = {"entity_type": "CONTACT", "key": "hobby", "label": "Hobby", "field_type": "TEXT"}
        await self.admin.post("contacts", "/v1/custom-fields", field)
        self.contact = await self.post("contacts", "/v1/contacts", PERSON)
        path = f"/v1/contacts/{self.contact['id']}"
        await self.admin.call("contacts", "PATCH", path, json={"job_title": f"Later{MARK}"})
        await self.admin.call("contacts", "PUT", f"{path}/tags/more-{MARK}")
        await self.post("contacts", f"{path}/shares", {"user_id": str(self.rep.id), "permission": "READ"})
        await self.work_with_them()
        self.twin = await self.post("contacts", "/v1/contacts", TWIN)
        await self.log({"type": "EMAIL", "contact_id": self.twin["id"], "subject": f"Subject {MARK}"})
        await self.import_them()
        await self.crm.drain()
        await self.post("contacts", f"{path}/merge", {"other_id": self.twin["id"]})
        await self.set_letters_aside()

    async def post(self, service: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Post with an Idempotency-Key: the answer is stored."""
        return await self.admin.post_surely(service, path, body)

    async def log(self, activity: dict[str, Any]) -> dict[str, Any]:
        return await self.post("activities", "/v1/activities", activity)

    async def work_with_them(self) -> None:
        self.deal = await self.post("deals", "/v1/deals", {"name": "Renewal", "contact_id": self.contact["id"]})
        stages = await self.admin.stages()
        await self.post("deals", f"/v1/deals/{self.deal['id']}/move", {"stage_id": stages["Proposal"]})
        texts = {"body": f"Body {MARK}", "external_id": f"mail-{MARK}"}
        self.note = await self.log({"type": "NOTE", "deal_id": self.deal["id"], **texts})
        gone = await self.log({"type": "NOTE", "contact_id": self.contact["id"], "body": f"Deleted {MARK}"})
        await self.admin.call("activities", "DELETE", f"/v1/activities/{gone['id']}")

    async def import_them(self) -> None:
        """Import a row that changes the person and one that fails, after a dry run that shows both."""
        lines = [
            "email,job_title,source",
            f"{PERSON['email']},Imported{MARK},INBOUND",
            f"{PERSON['email']},Broken{MARK},NONSENSE",
        ]
        for dry_run in ("true", "false"):
            answer = await self.admin.call(
                "contacts", "POST", "/v1/imports", key=uuid4().hex,
                data={"entity_type": "CONTACT", "mode": "upsert", "id_property": "email", "dry_run": dry_run},
                files={"file": ("people.csv", "\n".join(lines).encode(), "text/csv")},
            )  # fmt: skip
            path = f"/v1/imports/{answer.json()['id']}"

            async def outcome(path: str = path) -> tuple[str, str | None]:
                job = await self.admin.get("contacts", path)
                return job["status"], job["problem"]

            await eventually(outcome, ("COMPLETED", None))

    async def set_letters_aside(self) -> None:
        """Put records on the bus that nobody can read, as a mistake in a release would."""
        for topic, key in (("crm.contact", self.contact["id"]), ("crm.activity", self.note["id"])):
            value = json.dumps({"torn": f"Letter{MARK}"}).encode()[:-1]
            await write_records(self.crm.plan.kafka.bootstrap, topic, [RawRecord(key.encode(), value, [])])
            self.letters += sum(topic in topics for topics in self.crm.bus.groups.values())
        await self.crm.drain(new_dead_letters=self.letters)

    async def repeat(self, older: Mapping[str, Sequence[ConsumerRecord]]) -> None:
        """Put what was told before on its topic once more, behind the erasure: a reset of offsets, or a redrive."""
        for topic, records in older.items():
            again = [RawRecord(one.key, one.value, one.headers) for one in records if one.headers]
            await write_records(self.crm.plan.kafka.bootstrap, topic, again)
        await self.crm.drain()

    def list_dead_letter_topics(self) -> list[str]:
        return [
            dead_letter_topic(topic, group)
            for group, topics in self.crm.bus.groups.items()
            for topic in topics
            if topic in {"crm.contact", "crm.activity"}
        ]


async def publish_again(crm: RunningCrm) -> None:
    """Do what the workers do a third of a day after an erasure, and another third later."""
    published: Sequence[tuple[str, LoadSnapshots]] = (
        ("contacts", contacts.load_snapshots),
        ("activities", activities.load_snapshots),
    )
    for _ in range(TIMES):
        await asyncio.sleep(1.5)  # more than `compacting_at_once` leaves a segment open
        for service, load_snapshots in published:
            async with Database.opened(crm.plan.dsn(service, "worker"), max_size=1) as database:
                assert await Reannouncements(database, load_snapshots, compaction_lag_s=0).reannounce_due() > 0
                await eventually(partial(_count_waiting, database), 0)


async def _count_waiting(database: Database) -> int:
    """Count what the relay has yet to send; `drain` would count letters too, which compaction takes just now."""
    async with database.read_as_worker() as connection:
        return int(await connection.fetchval("SELECT count(*) FROM outbox"))


async def test_nothing_is_left_of_an_erased_person_anywhere(crm: RunningCrm, tenant: Tenant) -> None:
    story = Story(crm, tenant)
    await story.publish(tenant)
    topics = ["crm.contact", "crm.activity", *story.list_dead_letter_topics()]
    async with AsyncElasticsearch(crm.plan.elasticsearch.url) as elasticsearch:
        assert KNOWN_BY_NAME - await list_tables_with(crm, WORDS) == set()
        assert await list_topics_with(crm, WORDS) == set(topics)
        assert len(await list_documents_with(elasticsearch, WORDS)) >= 3

        older = {topic: await read_topic(crm.plan.kafka.bootstrap, topic) for topic in ("crm.contact", "crm.activity")}

        await story.post("contacts", f"/v1/contacts/{story.contact['id']}/erase", {})
        await crm.drain()

        assert await list_tables_with(crm, WORDS) == set()
        assert await list_documents_with(elasticsearch, WORDS) == set()
        await require_shown_nowhere(story)
        await story.repeat(older)
        assert await list_tables_with(crm, WORDS) == set()
        assert await list_documents_with(elasticsearch, WORDS) == set()

        async with compacting_at_once(crm, topics):
            await publish_again(crm)
            await eventually(lambda: list_topics_with(crm, WORDS), set())
        crm.dead_letters -= story.letters
        crm.bad_readings -= story.letters  # compaction has taken the bad records too
        await crm.drain()

        assert await list_documents_with(elasticsearch, WORDS) == set()
        await drop_from_files(elasticsearch)
    assert await list_tables_with(crm, WORDS) == set()
    assert list_logs_with(crm, WORDS) == set()


async def require_shown_nowhere(story: Story) -> None:
    """See what is left: the deal, and that something was done, by whom and when."""
    admin = story.admin
    assert (await admin.call("contacts", "GET", f"/v1/contacts/{story.contact['id']}")).status_code == 404
    note = await admin.get("activities", f"/v1/activities/{story.note['id']}")
    assert (note["subject"], note["body"], note["external_id"]) == (None, None, None)
    assert note["occurred_at"] == story.note["occurred_at"]
    deal = await admin.get("deals", f"/v1/deals/{story.deal['id']}")
    assert (deal["name"], deal["contact_id"]) == ("Renewal", story.contact["id"])
    assert await admin.timeline(story.deal["id"]) == [None, "Deal moved from Qualification to Proposal"]
    assert await admin.search(f"first{MARK}") == []
    assert await admin.search("renewal", type="deal") == [story.deal["id"]]


async def drop_from_files(elasticsearch: AsyncElasticsearch) -> None:
    """Do what search's worker does a few times a day, until the index's files hold nothing that is deleted."""
    store = DocumentStore(elasticsearch, "crm-search")
    await store.flush()
    began_s = time.monotonic()
    while await count_deleted_documents(elasticsearch):
        assert time.monotonic() - began_s < 90
        await asyncio.sleep(1)
        await store.drop_deleted()
