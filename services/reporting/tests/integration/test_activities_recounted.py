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
from services.reporting.tests.integration.mail_stories import Mailbox, Office, Reporting

from crm_reporting.consumers import keep_activities
from crm_reporting.reports import activity_visibility
from crm_reporting.verification import find_differences
from crm_shared.contracts import Event
from crm_shared.database import Database
from crm_testing.answers import require_ok
from crm_testing.people import Person, SeededTenant
from crm_testing.published_records import PublishedRecord

pytestmark = pytest.mark.engines

LINKED: Final = "SELECT count(reply_id) FROM received_emails WHERE tenant_id = $1"
ZONES: Final = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC")
COLUMNS: Final = {"CALL": "calls", "EMAIL": "emails", "MEETING": "meetings", "NOTE": "notes", "TASK": "tasks_done"}
WEEK: Final = timedelta(hours=168)
AT_ONCE: Final = 6
"""Batches that are projected side by side."""


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

    def __init__(self, office: Office, person: Person, question: Question) -> None:
        self.office = office
        self.question = question
        self.seen = [
            activity
            for activity in office.activities
            if office.sees(person, activity) and not activity.state["deleted_at"] and not activity.state["system"]
            and not activity.state["is_automatic"]
        ]  # fmt: skip
        self.sent = [
            activity for activity in self.seen if activity.state["direction"] == "OUTBOUND" and is_email(activity)
        ]
        self.received = [
            activity for activity in self.seen if activity.state["direction"] == "INBOUND" and is_email(activity)
        ]

    def asks_for(self, activity: PublishedRecord) -> bool:
        question, deal = self.question, self.office.deals.get(activity.state["deal_id"])
        is_of_pipeline = question.pipeline_id is None or (
            deal is not None and deal.state["deleted_at"] is None and deal.pipeline.id == question.pipeline_id
        )
        user_id = activity.state["user_id"]
        return user_id is not None and question.user_id in (None, user_id) and is_of_pipeline

    def count_days(self) -> list[dict[str, Any]]:
        days: defaultdict[tuple[date, UUID], Counter[str]] = defaultdict(Counter)
        for activity in filter(self.asks_for, self.seen):
            at = activity.state["completed_at" if activity.state["type"] == "TASK" else "occurred_at"]
            day = self.question.day_of(at) if at else None
            if day is not None:
                days[day, activity.state["user_id"]][COLUMNS[activity.state["type"]]] += 1
        return [
            {"date": str(day), "user_id": str(user_id), **{name: counts[name] for name in COLUMNS.values()}}
            for (day, user_id), counts in sorted(days.items())
        ]

    def count_responses(self, user_ids: Sequence[str]) -> list[dict[str, Any]]:
        waits: defaultdict[str, list[float | None]] = defaultdict(list)
        for activity in filter(self.asks_for, self.sent):
            if self.question.day_of(activity.state["occurred_at"]):
                waits[str(activity.state["user_id"])].append(self._wait_for_response(activity))
        return [to_user(user_id, waits[user_id]) for user_id in user_ids]

    def _wait_for_response(self, sent: PublishedRecord) -> float | None:
        at, message_id = sent.state["occurred_at"], sent.state["message_id"]
        replies = [
            activity.state["occurred_at"]
            for activity in self.received
            if (
                activity.state["occurred_at"] >= at
                and (
                    activity.state["in_reply_to"] == sent.id
                    or (message_id and message_id in activity.state["reference_ids"])
                )
            )
            or (
                shares_contact(activity, sent)
                and place(sent) < place(activity)
                and activity.state["occurred_at"] <= at + WEEK
            )
        ]
        return (min(replies) - at).total_seconds() if replies else None

    def measure(self) -> list[dict[str, Any]]:
        blocks: dict[UUID, list[PublishedRecord]] = defaultdict(list)
        waiting: list[PublishedRecord] = []
        replies = {activity.id: activity for activity in self.sent}
        for activity in sorted(self.received, key=place):
            reply = self._find_reply(activity)
            if reply is None:
                waiting.append(activity)
            else:
                blocks[reply.id].append(activity)
        waits: defaultdict[UUID, list[float]] = defaultdict(list)
        for reply_id, messages in blocks.items():
            first = messages[0]
            if self.asks_for(first) and self.question.day_of(first.state["occurred_at"]):
                wait = replies[reply_id].state["occurred_at"] - first.state["occurred_at"]
                waits[first.state["user_id"]].append(wait.total_seconds())
        late: defaultdict[UUID, list[datetime]] = defaultdict(list)
        for activity in filter(self.asks_for, waiting):
            late[activity.state["user_id"]].append(activity.state["occurred_at"])
        return [to_item(user_id, waits[user_id], late[user_id]) for user_id in sorted({*waits, *late})]

    def _find_reply(self, message: PublishedRecord) -> PublishedRecord | None:
        later = sorted((activity for activity in self.sent if place(activity) > place(message)), key=place)
        of_thread = [activity for activity in later if activity.state["thread_id"] == message.state["thread_id"]]
        to_contact = [activity for activity in later if shares_contact(activity, message)]
        if of_thread:
            return of_thread[0]
        if to_contact and to_contact[0].state["occurred_at"] <= message.state["occurred_at"] + WEEK:
            return to_contact[0]
        return None


def is_email(activity: PublishedRecord) -> bool:
    return bool(activity.state["type"] == "EMAIL")


def place(activity: PublishedRecord) -> tuple[datetime, UUID]:
    return activity.state["occurred_at"], activity.id


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


def list_questions(office: Office, seed: int) -> list[Question]:
    chance = random.Random(seed)  # noqa: S311 - a story, no secret
    everything = (date(2026, 3, 1), date(2026, 5, 1))
    questions = [
        Question(*everything, "Europe/Berlin"),
        Question(date(2026, 3, 29), date(2026, 3, 29), "Europe/Berlin"),
    ]
    for zone in ZONES:
        first = date(2026, 3, 20) + timedelta(days=chance.randrange(15))
        questions.append(Question(first, first + timedelta(days=chance.randrange(9)), zone))
    questions.append(Question(*everything, "UTC", user_id=office.tenant.rep.id))
    questions.append(Question(*everything, "UTC", pipeline_id=next(iter(office.deals.values())).pipeline.id))
    return questions


async def ask(reporting: Reporting, person: Person, report: str, question: Question) -> Mapping[str, Any]:
    answer: Mapping[str, Any] = require_ok(
        await reporting.client(person).get(f"/v1/reports/{report}", params=question.parameters)
    )
    return answer


@pytest.mark.parametrize(("seed", "few_of"), [(1, 10), (2, 1), (3, 1)])
async def test_both_reports_are_what_a_recount_gives(
    reporting: Reporting, tenant: SeededTenant, monkeypatch: pytest.MonkeyPatch, seed: int, few_of: int
) -> None:
    """What the manager sees, one of four users, is gone through for if few are one of ten, and looked up else."""
    monkeypatch.setattr(activity_visibility, "FEW_OF", few_of)
    office = await Office.publish(reporting, tenant, seed, activities=320)
    async with reporting.database.read_as_worker() as connection:
        assert await find_differences(connection, tenant.id) == []
    for person in tenant.people:
        for question in list_questions(office, seed):
            recount = Recount(office, person, question)
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
        activity = mailbox.write(direction, number, contact_ids=[contact_id], thread_id=tenant.people[number % 4].id)
        events.append(activity.publish())
    dsn = reporting.settings.worker_dsn.get_secret_value()
    connections = asyncio.Semaphore(AT_ONCE)

    async def keep(event: Event) -> None:
        async with connections:  # whoever waits for one of the pool's is given up on after seconds
            await keep_activities([event], database)

    async with Database.opened(dsn, max_size=AT_ONCE) as database:
        await asyncio.gather(*map(keep, events))
        async with database.read_as_worker() as connection:
            assert await find_differences(connection, tenant.id) == []
            linked = await connection.fetchval(LINKED, tenant.id)
    assert linked > len(events) // 3
