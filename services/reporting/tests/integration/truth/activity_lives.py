"""Activities at random: e-mails that answer each other or don't, calls, meetings, notes and tasks."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from services.reporting.tests.integration.truth.business import FIRST, LAST, Business
from services.reporting.tests.integration.truth.deal_lives import pick_moment

from crm_shared.clock import new_id
from crm_shared.contracts import Event
from crm_testing.published_records import PublishedRecord

THREADS: Final = 450
OTHERS: Final = 700
OTHER_TYPES: Final = ("CALL", "MEETING", "NOTE", "TASK", "TASK")


def log_activities(business: Business, chance: random.Random, *, threads: int = THREADS, others: int = OTHERS) -> None:
    """Add activities to the business, and what is told of them to its events."""
    for _ in range(threads):
        for activity, events in _hold_conversation(business, chance):
            business.activities.append(activity)
            business.events += events
    for _ in range(others):
        activity = PublishedRecord.new(
            "activity", business.tenant.id, **_draw_common(business, chance), **_draw_other(chance)
        )
        business.activities.append(activity)
        business.events += _publish(activity, chance)


def _hold_conversation(business: Business, chance: random.Random) -> Iterator[tuple[PublishedRecord, list[Event]]]:
    """Exchange e-mails with a contact or two: by one person or some, by a thread or past it, soon or late."""
    at = _pick_day(chance)
    common = _draw_common(business, chance)
    thread_id: UUID | None = None
    sent: list[PublishedRecord] = []
    for _ in range(chance.choice((1, 1, 2, 3, 4, 6))):
        fields = common | {
            "type": "EMAIL",
            "direction": chance.choice(("INBOUND", "OUTBOUND", "INBOUND", "OUTBOUND", None)),
            "occurred_at": at,
            "is_automatic": chance.random() < 0.1,
            "message_id": f"<{new_id()}@mail.example>" if chance.random() < 0.8 else None,
        }
        if chance.random() < 0.15:
            fields["user_id"] = chance.choice((None, *(person.id for person in business.people)))
        if sent and chance.random() < 0.4:
            fields["in_reply_to"] = chance.choice(sent).id
        if sent and chance.random() < 0.4:
            fields["reference_ids"] = [mail.state["message_id"] for mail in sent if mail.state["message_id"]]
        mail = PublishedRecord.new("activity", business.tenant.id, **fields)
        if thread_id is None or chance.random() < 0.1:
            thread_id = mail.id
        mail.state["thread_id"] = thread_id
        sent.append(mail)
        yield mail, _publish(mail, chance)
        at += timedelta(days=chance.expovariate(1 / 1.5), microseconds=1)


def _draw_common(business: Business, chance: random.Random) -> dict[str, Any]:
    """Whose it is, with which contacts, about which deal."""
    contacts = [contact.id for contact in chance.sample(business.contacts, chance.choice((0, 1, 1, 1, 2)))]
    return {
        "user_id": chance.choice(business.people).id if chance.random() < 0.97 else None,
        "contact_id": contacts[0] if contacts else None,
        "contact_ids": contacts,
        "deal_id": chance.choice(business.stories).id if chance.random() < 0.4 else None,
    }


def _draw_other(chance: random.Random) -> dict[str, Any]:
    kind = chance.choice(OTHER_TYPES)
    at = _pick_day(chance)
    is_done = kind == "TASK" and chance.random() < 0.7
    return {
        "type": kind,
        "occurred_at": at,
        "completed_at": pick_moment(chance, at + timedelta(days=chance.random() * 9)) if is_done else None,
        "system": kind == "NOTE" and chance.random() < 0.4,
    }


def _publish(activity: PublishedRecord, chance: random.Random) -> list[Event]:
    """Tell of it, now and then of a change of what it says, or that it is gone."""
    events = [activity.publish()]
    if chance.random() < 0.15:
        events.append(
            activity.change(subject="Renewal", occurred_at=activity.state["occurred_at"] + timedelta(seconds=7))
        )
    if chance.random() < 0.06:
        events.append(activity.delete())
    return events


def _pick_day(chance: random.Random) -> datetime:
    return pick_moment(chance, FIRST + (LAST - FIRST) * chance.random())
