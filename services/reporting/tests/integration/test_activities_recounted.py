"""Activities told at random, in any order and repeatedly: both reports against the same counted again without SQL."""

import asyncio
import random
import statistics
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from services.reporting.tests.integration.mail_stories import Mailbox, Reporting, World

from crm_reporting.consumers import keep_activities
from crm_reporting.verification import find_differences
from crm_shared.database import Database
from crm_testing.answers import require_ok
from crm_testing.people import Person, SeededTenant
from crm_testing.published_records import PublishedRecord

pytestmark = pytest.mark.engines

LINKED: Final = "SELECT count(reply_id) FROM received_emails WHERE tenant_id = $1"
ZONES: Final = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC")
COLUMNS: Final = {"CALL": "calls", "EMAIL": "emails", "MEETING": "meetings", "NOTE": "notes", "TASK": "tasks_done"}
WEEK: Final = timedelta(hours=168)


@dataclass(frozen=True)
class Question:
    """What is asked for: days of a zone, perhaps one user's or one pipeline's."""

    first: date
    last: date
    zone: str
    user_id: UUID | None = None
    pipeline_id: UUID | None = None

    @property
    def parameters(self) -> dict[str, str]:
        given = {"from": self.first, "to": self.last, "time_zone": self.zone, "owner_id": self.user_id}
        return {name: str(value) for name, value in (given | {"pipeline_id": self.pipeline_id}).items() if value}

    def day_of(self, at: datetime) -> date | None:
        """Return the day of the instant if it lies in the window."""
        day = at.astimezone(ZoneInfo(self.zone)).date()
        return day if self.first <= day <= self.last else None


class Recount:
    """What one person sees, counted by going through it again and again."""

    def __init__(self, world: World, person: Person, question: Question) -> None:
        self.world = world
        self.question = question
        self.seen = [
            told
            for told in world.told
            if world.sees(person, told) and not told.state["deleted_at"] and not told.state["system"]
            and not told.state["is_automatic"]
        ]  # fmt: skip
        self.sent = [told for told in self.seen if told.state["direction"] == "OUTBOUND" and is_email(told)]
        self.received = [told for told in self.seen if told.state["direction"] == "INBOUND" and is_email(told)]

    def asks_for(self, told: PublishedRecord) -> bool:
        question, deal = self.question, self.world.deals.get(told.state["deal_id"])
        is_of_pipeline = question.pipeline_id is None or (
            deal is not None and deal.state["deleted_at"] is None and deal.pipeline.id == question.pipeline_id
        )
        user_id = told.state["user_id"]
        return user_id is not None and question.user_id in (None, user_id) and is_of_pipeline

    def count_days(self) -> list[dict[str, Any]]:
        days: defaultdict[tuple[date, UUID], Counter[str]] = defaultdict(Counter)
        for told in filter(self.asks_for, self.seen):
            at = told.state["completed_at" if told.state["type"] == "TASK" else "occurred_at"]
            day = self.question.day_of(at) if at else None
            if day is not None:
                days[day, told.state["user_id"]][COLUMNS[told.state["type"]]] += 1
        return [
            {"date": str(day), "user_id": str(user_id), **{name: counts[name] for name in COLUMNS.values()}}
            for (day, user_id), counts in sorted(days.items())
        ]

    def count_responses(self, user_ids: Sequence[str]) -> list[dict[str, Any]]:
        waits: defaultdict[str, list[float | None]] = defaultdict(list)
        for told in filter(self.asks_for, self.sent):
            if self.question.day_of(told.state["occurred_at"]):
                waits[str(told.state["user_id"])].append(self._wait_for_response(told))
        return [to_user(user_id, waits[user_id]) for user_id in user_ids]

    def _wait_for_response(self, sent: PublishedRecord) -> float | None:
        at, message_id = sent.state["occurred_at"], sent.state["message_id"]
        replies = [
            told.state["occurred_at"]
            for told in self.received
            if (
                told.state["occurred_at"] >= at
                and (told.state["in_reply_to"] == sent.id or (message_id and message_id in told.state["reference_ids"]))
            )
            or (shares_contact(told, sent) and place(sent) < place(told) and told.state["occurred_at"] <= at + WEEK)
        ]
        return (min(replies) - at).total_seconds() if replies else None

    def measure(self) -> list[dict[str, Any]]:
        blocks: dict[UUID, list[PublishedRecord]] = defaultdict(list)
        waiting: list[PublishedRecord] = []
        replies = {told.id: told for told in self.sent}
        for told in sorted(self.received, key=place):
            reply = self._find_reply(told)
            if reply is None:
                waiting.append(told)
            else:
                blocks[reply.id].append(told)
        waits: defaultdict[UUID, list[float]] = defaultdict(list)
        for reply_id, messages in blocks.items():
            first = messages[0]
            if self.asks_for(first) and self.question.day_of(first.state["occurred_at"]):
                wait = replies[reply_id].state["occurred_at"] - first.state["occurred_at"]
                waits[first.state["user_id"]].append(wait.total_seconds())
        late: defaultdict[UUID, list[datetime]] = defaultdict(list)
        for told in filter(self.asks_for, waiting):
            late[told.state["user_id"]].append(told.state["occurred_at"])
        return [to_item(user_id, waits[user_id], late[user_id]) for user_id in sorted({*waits, *late})]

    def _find_reply(self, message: PublishedRecord) -> PublishedRecord | None:
        later = sorted((told for told in self.sent if place(told) > place(message)), key=place)
        of_thread = [told for told in later if told.state["thread_id"] == message.state["thread_id"]]
        to_contact = [told for told in later if shares_contact(told, message)]
        if of_thread:
            return of_thread[0]
        if to_contact and to_contact[0].state["occurred_at"] <= message.state["occurred_at"] + WEEK:
            return to_contact[0]
        return None


def is_email(told: PublishedRecord) -> bool:
    return bool(told.state["type"] == "EMAIL")


def place(told: PublishedRecord) -> tuple[datetime, UUID]:
    return told.state["occurred_at"], told.id


def shares_contact(one: PublishedRecord, other: PublishedRecord) -> bool:
    return bool({*one.state["contact_ids"]} & {*other.state["contact_ids"]})


def to_user(user_id: str, waits: Sequence[float | None]) -> dict[str, Any]:
    answered = [wait for wait in waits if wait is not None]
    return {
        "user_id": user_id,
        "emails_sent": len(waits),
        "responses": len(answered),
        "email_response_rate": round(len(answered) / len(waits), 4) if waits else None,
        "median_response_s": statistics.median(answered) if answered else None,
    }


def to_item(user_id: UUID, waits: Sequence[float], late: Sequence[datetime]) -> dict[str, Any]:
    return {
        "user_id": str(user_id),
        "answered": len(waits),
        "median_s": statistics.median(waits) if waits else None,
        "p90_s": pytest.approx(interpolate(sorted(waits), 0.9)) if waits else None,
        "unanswered": len(late),
        "oldest_unanswered_at": min(late).astimezone(UTC).isoformat().replace("+00:00", "Z") if late else None,
    }


def interpolate(values: Sequence[float], share: float) -> float:
    position = share * (len(values) - 1)
    below = int(position)
    above = min(below + 1, len(values) - 1)
    return values[below] + (position - below) * (values[above] - values[below])


def list_questions(world: World, seed: int) -> list[Question]:
    chance = random.Random(seed)  # noqa: S311 - a story, no secret
    everything = (date(2026, 3, 1), date(2026, 5, 1))
    questions = [
        Question(*everything, "Europe/Berlin"),
        Question(date(2026, 3, 29), date(2026, 3, 29), "Europe/Berlin"),
    ]
    for zone in ZONES:
        first = date(2026, 3, 20) + timedelta(days=chance.randrange(15))
        questions.append(Question(first, first + timedelta(days=chance.randrange(9)), zone))
    questions.append(Question(*everything, "UTC", user_id=world.tenant.rep.id))
    questions.append(Question(*everything, "UTC", pipeline_id=next(iter(world.deals.values())).pipeline.id))
    return questions


async def ask(reporting: Reporting, person: Person, report: str, question: Question) -> Mapping[str, Any]:
    answer: Mapping[str, Any] = require_ok(
        await reporting.client(person).get(f"/v1/reports/{report}", params=question.parameters)
    )
    return answer


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_both_reports_are_what_a_recount_gives(reporting: Reporting, tenant: SeededTenant, seed: int) -> None:
    world = await World.publish(reporting, tenant, seed, activities=320)
    async with reporting.database.read_as_worker() as connection:
        assert await find_differences(connection, tenant.id) == []
    for person in tenant.people:
        for question in list_questions(world, seed):
            recount = Recount(world, person, question)
            metrics = await ask(reporting, person, "activity-metrics", question)
            assert metrics["items"] == recount.count_days(), question
            user_ids = sorted({item["user_id"] for item in metrics["items"]})
            assert metrics["users"] == recount.count_responses(user_ids), question
            times = await ask(reporting, person, "response-times", question)
            assert times["items"] == recount.measure(), question


async def test_batches_at_once_do_not_miss_each_others_emails(reporting: Reporting, tenant: SeededTenant) -> None:
    """Each reply comes at the same time as what it answers, and neither is there when the other is looked for."""
    mailbox = Mailbox(reporting, tenant)
    events = []
    for number in range(60):
        direction, contact_id = ("INBOUND", "OUTBOUND")[number % 2], tenant.people[number % 3].id
        told = mailbox.write(direction, number, contact_ids=[contact_id], thread_id=tenant.people[number % 4].id)
        events.append(told.publish())
    dsn = reporting.settings.worker_dsn.get_secret_value()
    async with Database.opened(dsn, max_size=6) as database:
        await asyncio.gather(*(keep_activities([event], database) for event in events))
        async with database.read_as_worker() as connection:
            assert await find_differences(connection, tenant.id) == []
            linked = await connection.fetchval(LINKED, tenant.id)
    assert linked > len(events) // 3
