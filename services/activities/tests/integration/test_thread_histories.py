"""Whatever is logged, edited, deleted, restored and erased, in whichever order: threads follow from what there is."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from services.activities.tests.thread_oracle import recompute

from crm_activities.activities import domain
from crm_activities.activities.activity import Activity, ActivityType, NewActivity
from crm_activities.activities.erasure import erase_activities
from crm_activities.activities.repository import insert_unique
from crm_activities.consumers import keep_replicas
from crm_activities.settings import ActivitiesSettings
from crm_activities.threads import commands as threads
from crm_activities.threads.domain import Message
from crm_activities.threads.message_ids import to_key
from crm_shared.access import Caller, Role
from crm_shared.clock import SystemClock, new_id
from crm_testing.answers import require_ok
from crm_testing.examples import examples
from crm_testing.people import SeededTenant
from crm_testing.published_records import PublishedRecord
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[ActivitiesSettings]
Fields = dict[str, Any]

EXAMPLES: Final = examples(12)
BEGIN: Final = datetime(2026, 11, 2, 9, tzinfo=UTC)
CLOCK: Final = SystemClock()
MESSAGE_IDS: Final = [f"<{letter}@x.example>" for letter in "abcdefgh"]
IS_THERE: Final = (200, 201, 204)
# A message that its user has already; what is gone; a circle of answers; what was erased.
IS_REFUSED: Final = (409, 404, 422)

message_ids = st.none() | st.sampled_from(MESSAGE_IDS[:5])
references = st.lists(st.sampled_from(MESSAGE_IDS), max_size=3, unique=True)
hours = st.integers(0, 5)
places = st.integers(0, 9)
steps = st.one_of(
    st.tuples(
        st.just("log"),
        message_ids,
        references,
        hours,
        st.none() | places,
        st.sampled_from(["nobody's", "the contact's"]),
    ),
    st.tuples(st.just("batch"), st.lists(st.tuples(message_ids, references, hours), min_size=2, max_size=4)),
    st.tuples(st.just("rename"), places, message_ids),
    st.tuples(st.just("refer"), places, references),
    st.tuples(st.just("answer"), places, st.none() | places),
    st.tuples(st.just("date"), places, hours),
    st.tuples(st.just("turn"), places),
    st.tuples(st.sampled_from(["delete", "restore"]), places),
    st.tuples(st.just("erase")),
)


@dataclass
class Mailbox:
    """A tenant's e-mails, and what is known of each: `messages` by id, as they were last answered."""

    service: Kit
    tenant: SeededTenant
    contact_id: UUID
    ids: list[UUID] = field(default_factory=list)
    messages: dict[UUID, Message] = field(default_factory=dict)

    @property
    def admin(self) -> httpx.AsyncClient:
        return self.service.client(self.tenant.admin)

    async def do(self, step: tuple[Any, ...]) -> None:
        kind, *given_ = step
        if kind in {"log", "batch", "erase"}:
            await getattr(self, kind)(*given_)
        elif self.ids:
            place, *given_ = given_
            await getattr(self, kind)(self.ids[place % len(self.ids)], *given_)

    async def log(self, message_id: str | None, names: list[str], hour: int, place: int | None, whose: str) -> None:
        body = {
            "type": "EMAIL",
            "message_id": message_id,
            "reference_ids": names,
            "occurred_at": to_moment(hour).isoformat(),
            "user_id": str(self.tenant.people[len(self.ids) % 2].id),
            "in_reply_to": None if place is None or not self.ids else str(self.ids[place % len(self.ids)]),
            "contact_id": str(self.contact_id) if whose == "the contact's" else None,
        }
        self.note(await self.admin.post("/v1/activities", json=body))

    async def batch(self, emails: Sequence[tuple[str | None, list[str], int]]) -> None:
        """Log several in one transaction, as far as nobody has them."""
        rep = self.tenant.rep
        caller = Caller(self.tenant.id, rep.id, Role.ADMIN, "EUR", "Europe/Berlin")
        now = CLOCK.now()
        made = [
            domain.log(
                new_id(),
                NewActivity(
                    type=ActivityType.EMAIL,
                    user_id=rep.id,
                    message_id=message_id,
                    reference_ids=tuple(names),
                    occurred_at=to_moment(hour),
                ),
                now=now,
            ).activity
            for message_id, names, hour in emails
        ]
        async with self.service.database.begin_as_worker() as transaction:
            await threads.lock(transaction, self.tenant.id)
            refused = await threads.find_duplicates(transaction, caller, made)
            changes = [threads.Change(None, one) for one in made if one.id not in refused]
            placed = await threads.place(transaction, caller, changes, now)
            for one in placed:
                await insert_unique(transaction, caller, one)
        for one in placed:
            self.keep(one.id, to_fields(one))

    async def rename(self, email_id: UUID, message_id: str | None) -> None:
        await self.edit(email_id, message_id=message_id)

    async def refer(self, email_id: UUID, names: list[str]) -> None:
        await self.edit(email_id, reference_ids=names)

    async def answer(self, email_id: UUID, place: int | None) -> None:
        await self.edit(email_id, in_reply_to=None if place is None else str(self.ids[place % len(self.ids)]))

    async def date(self, email_id: UUID, hour: int) -> None:
        await self.edit(email_id, occurred_at=to_moment(hour).isoformat())

    async def turn(self, email_id: UUID) -> None:
        """Make it a note, or an e-mail again."""
        if email_id in self.messages:
            await self.edit(email_id, type="NOTE", message_id=None, reference_ids=[])
        else:
            await self.edit(email_id, type="EMAIL")

    async def edit(self, email_id: UUID, **fields: Any) -> None:
        self.note(await self.admin.patch(f"/v1/activities/{email_id}", json=fields))

    async def delete(self, email_id: UUID) -> None:
        assert (await self.admin.delete(f"/v1/activities/{email_id}")).status_code in (*IS_THERE, *IS_REFUSED)

    async def restore(self, email_id: UUID) -> None:
        assert (await self.admin.post(f"/v1/activities/{email_id}/restore")).status_code in (*IS_THERE, *IS_REFUSED)

    async def erase(self) -> None:
        await erase_activities(self.service.database, self.tenant.id, self.contact_id, CLOCK)

    def note(self, answer: httpx.Response) -> None:
        assert answer.status_code in (*IS_THERE, *IS_REFUSED), answer.text
        if answer.status_code in IS_THERE:
            self.keep(UUID(answer.json()["id"]), answer.json())

    def keep(self, email_id: UUID, state: Fields) -> None:
        if email_id not in self.ids:
            self.ids.append(email_id)
        if state["type"] != "EMAIL":
            self.messages.pop(email_id, None)
            return
        key = None if state["message_id"] is None else to_key(self.tenant.id, state["message_id"])
        names = tuple(to_key(self.tenant.id, name) for name in state["reference_ids"])
        answers = None if state["in_reply_to"] is None else UUID(str(state["in_reply_to"]))
        occurred_at = datetime.fromisoformat(str(state["occurred_at"]))
        self.messages[email_id] = Message(email_id, occurred_at, key, names, answers)

    async def read_threads(self) -> dict[UUID, UUID | None]:
        async with self.service.database.read_as_worker() as connection:
            rows = await connection.fetch("SELECT id, thread_id FROM activities WHERE tenant_id = $1", self.tenant.id)
        return {row["id"]: row["thread_id"] for row in rows}


def to_moment(hour: int) -> datetime:
    return BEGIN + timedelta(hours=hour)


def to_fields(activity: Activity) -> Fields:
    return {name: getattr(activity, name) for name in ("message_id", "reference_ids", "in_reply_to", "occurred_at")} | {
        "type": str(activity.type)
    }


async def open_mailbox(service: Kit) -> Mailbox:
    tenant = await service.seed_tenant()
    contact = PublishedRecord.new("contact", tenant.id, first_name="Ada", owner_id=tenant.rep.id)
    await keep_replicas([contact.publish()], service.database)
    return Mailbox(service, tenant, contact.id)


@given(story=st.lists(steps, min_size=2, max_size=14))
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_threads_are_what_the_messages_say_after_any_story(service: Kit, story: list[tuple[Any, ...]]) -> None:
    mailbox = await open_mailbox(service)
    for step in story:
        await mailbox.do(step)
    expected = dict.fromkeys(mailbox.ids) | recompute(list(mailbox.messages.values()))
    assert await mailbox.read_threads() == expected
    versions: dict[UUID, int] = {}
    states: dict[UUID, Fields] = {}
    for event in await service.take_events(mailbox.tenant.id):
        if event.aggregate == "activity" and event.verb != "snapshot":
            states[event.aggregate_id] = event.state
            assert event.version == versions.get(event.aggregate_id, event.version - 1) + 1
            versions[event.aggregate_id] = event.version
    published = {key: state["thread_id"] and UUID(state["thread_id"]) for key, state in states.items()}
    assert published.items() <= expected.items()


LETTERS: Final = st.fixed_dictionaries(
    {
        "message_id": st.sampled_from(MESSAGE_IDS[:6]),
        "reference_ids": st.lists(st.sampled_from(MESSAGE_IDS), max_size=3),
    }
)


@given(
    letters=st.lists(LETTERS, min_size=2, max_size=6, unique_by=lambda one: one["message_id"]),
    orders=st.tuples(st.randoms(use_true_random=False), st.randoms(use_true_random=False)),
)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_the_order_of_arrival_makes_no_difference_nor_does_repetition(
    service: Kit, letters: list[Fields], orders: tuple[Any, Any]
) -> None:
    found = []
    dated = [letter | {"occurred_at": to_moment(number).isoformat()} for number, letter in enumerate(letters)]
    for random in orders:
        tenant = await service.seed_tenant()
        client = service.client(tenant.rep)
        arriving = random.sample([*dated, *dated], 2 * len(dated))
        ids: dict[str, str] = {}
        for letter in arriving:
            answer = await client.post("/v1/activities", json={"type": "EMAIL", **letter})
            assert answer.status_code == (409 if letter["message_id"] in ids else 201)
            ids.setdefault(letter["message_id"], answer.json().get("id"))
        named = {activity_id: message_id for message_id, activity_id in ids.items()}
        threads_ = {}
        for message_id, activity_id in ids.items():
            email = require_ok(await client.get(f"/v1/activities/{activity_id}"))
            threads_[message_id] = named[email["thread_id"]]
        found.append(threads_)
    assert found[0] == found[1]
