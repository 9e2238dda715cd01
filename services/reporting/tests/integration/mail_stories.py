"""Activities as tests of their reports tell them, and an office with some hundred made at random."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from crm_reporting.consumers import keep_activities, keep_pipelines, keep_shares, project_deals
from crm_reporting.settings import ReportingSettings
from crm_shared.access import Role
from crm_shared.clock import new_id
from crm_shared.contracts import Event
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.people import Person, SeededTenant
from crm_testing.published_records import PublishedRecord
from crm_testing.service_kit import ServiceKit

Reporting = ServiceKit[ReportingSettings]

NOON: Final = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)
BEGAN_AT: Final = datetime(2026, 3, 20, 0, 0, tzinfo=UTC)
"""A week before the clocks of Europe change, two after those of America."""

TYPES: Final = ("EMAIL", "EMAIL", "EMAIL", "CALL", "MEETING", "NOTE", "TASK")


def publish_activity(
    tenant: SeededTenant, type_: str, user: Person | None, at: datetime, **fields: Any
) -> PublishedRecord:
    known = {"type": type_, "user_id": user.id if user else None, "occurred_at": at}
    return PublishedRecord.new("activity", tenant.id, **{**known, **fields})


class Mailbox:
    """E-mails with one contact, logged by a tenant's `rep` unless somebody else is named."""

    def __init__(self, reporting: Reporting, tenant: SeededTenant) -> None:
        self.reporting = reporting
        self.tenant = tenant
        self.contact_id = new_id()

    async def log(self, direction: str, hours: float, thread: UUID | None = None, **fields: Any) -> PublishedRecord:
        """Log an e-mail so many hours after noon of 10 November; in a thread of its own unless one is named."""
        activity = self.write(direction, hours, thread_id=thread, **fields)
        await keep_activities([activity.publish()], self.reporting.database)
        return activity

    def write(self, direction: str, hours: float, **fields: Any) -> PublishedRecord:
        """Make such an e-mail, of which nothing has been told yet."""
        return publish_activity(
            self.tenant,
            "EMAIL",
            self.tenant.rep,
            NOON + timedelta(hours=hours),
            **{"direction": direction, "contact_ids": [self.contact_id], **fields},
        )


@dataclass
class Office:
    """A tenant with contacts, some shared, deals of two pipelines, and what was done: `activities`, as they ended."""

    tenant: SeededTenant
    chance: random.Random
    contacts: dict[UUID, PublishedRecord] = field(default_factory=dict)
    deals: dict[UUID, DealStory] = field(default_factory=dict)
    activities: list[PublishedRecord] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    @classmethod
    async def publish(cls, reporting: Reporting, tenant: SeededTenant, seed: int, *, activities: int) -> "Office":
        office = cls(tenant, random.Random(seed))  # noqa: S311 - a story, no secret
        pipelines = [PublishedPipeline.sales(tenant.id), PublishedPipeline.sales(tenant.id, is_default=False)]
        office._meet_contacts()
        office._begin_deals(pipelines)
        for _ in range(activities):
            office._act()
        await keep_pipelines([pipeline.publish() for pipeline in pipelines], reporting.database)
        await keep_shares([contact.publish() for contact in office.contacts.values()], reporting.database)
        await project_deals([event for deal in office.deals.values() for event in deal.events], reporting.database)
        await office._deliver(reporting)
        return office

    def sees(self, person: Person, activity: PublishedRecord) -> bool:
        """Return whether its user, one of its contacts or its deal is visible to the person."""
        state = activity.state
        if person.role == Role.ADMIN:
            return True
        owners, contacts = [state["user_id"]], [*state["contact_ids"]]
        deal = self.deals.get(state["deal_id"])
        if deal is not None and deal.state["deleted_at"] is None:
            owners.append(deal.owner_id)
            contacts.append(deal.contact_id)
        owners += [self._owner_of(contact_id) for contact_id in state["contact_ids"]]
        return any(self._governs(person, owner_id) for owner_id in owners) or any(
            self._is_shared(person, contact_id) for contact_id in contacts
        )

    def _owner_of(self, contact_id: UUID) -> UUID | None:
        state = self.contacts[contact_id].state
        return None if state["deleted_at"] else state["owner_id"]

    def _governs(self, person: Person, owner_id: UUID | None) -> bool:
        team = {self.tenant.rep.id} if person.id == self.tenant.manager.id else set()
        return owner_id in {person.id, *team}

    def _is_shared(self, person: Person, contact_id: UUID | None) -> bool:
        contact = self.contacts.get(contact_id) if contact_id else None
        if contact is None or contact.state["deleted_at"]:
            return False
        return any(share["user_id"] == person.id for share in contact.state["shares"])

    def _meet_contacts(self) -> None:
        for number in range(10):
            shares = [
                {"user_id": person.id, "permission": "READ"}
                for person in self.chance.sample(self.tenant.people, k=1 if number % 4 == 0 else 0)
            ]
            owner = self.chance.choice(self.tenant.people)
            contact = PublishedRecord.new("contact", self.tenant.id, first_name="Ada", owner_id=owner.id, shares=shares)
            if number == 9:
                contact.delete()
            self.contacts[contact.id] = contact

    def _begin_deals(self, pipelines: Sequence[PublishedPipeline]) -> None:
        for number in range(8):
            owner, contact_id = self.chance.choice(self.tenant.people), self.chance.choice([*self.contacts, None])
            deal = DealStory(pipelines[number % 2], owner.id, contact_id=contact_id)
            deal.create()
            if number == 7:
                deal.delete()
            self.deals[deal.id] = deal

    def _act(self) -> None:
        """Do something, and change one's mind about it a few times: the last version is what was done."""
        activity = PublishedRecord.new("activity", self.tenant.id, **self._invent())
        self.events.append(activity.publish())
        for _ in range(self.chance.choice((0, 0, 1, 2))):
            self.events.append(activity.change(**self._invent()))
        if self.chance.random() < 0.05:
            self.events.append(activity.delete())
        self.activities.append(activity)

    def _invent(self) -> dict[str, Any]:
        chance, kind = self.chance, self.chance.choice(TYPES)
        at = BEGAN_AT + timedelta(minutes=15 * chance.randrange(4 * 24 * 21))
        fields: dict[str, Any] = {
            "type": kind,
            "user_id": chance.choice([*(person.id for person in self.tenant.people), None]),
            "contact_ids": chance.sample(list(self.contacts), k=chance.choice((0, 1, 1, 1, 2, 3))),
            "deal_id": chance.choice([*self.deals, *[None] * 8]),
            "occurred_at": at,
            "completed_at": at + timedelta(hours=5) if kind == "TASK" and chance.random() < 0.7 else None,
            "system": kind == "NOTE" and chance.random() < 0.2,
            "direction": None,
        }
        return fields | (self._write() if kind == "EMAIL" else {"direction": "OUTBOUND"} if kind == "CALL" else {})

    def _write(self) -> dict[str, Any]:
        chance = self.chance
        sent = [activity for activity in self.activities if activity.state["type"] == "EMAIL"]
        named = chance.sample(sent, k=min(len(sent), chance.choice((0, 0, 1, 3))))
        return {
            "direction": chance.choice(("INBOUND", "OUTBOUND", "INBOUND", "OUTBOUND", None)),
            "message_id": chance.choice((f"<{new_id()}@example.com>", None)),
            "reference_ids": [f"{activity.state['message_id']}" for activity in named if activity.state["message_id"]],
            "in_reply_to": chance.choice(sent).id if sent and chance.random() < 0.2 else None,
            "thread_id": chance.choice(sent).state["thread_id"] if sent and chance.random() < 0.6 else new_id(),
            "is_automatic": chance.random() < 0.1,
        }

    async def _deliver(self, reporting: Reporting) -> None:
        """Bring the events in any order, some of them twice, in batches."""
        events = [*self.events, *self.chance.sample(self.events, k=len(self.events) // 3)]
        self.chance.shuffle(events)
        while events:
            size = self.chance.randrange(1, 40)
            batch, events = events[:size], events[size:]
            await keep_activities(batch, reporting.database)
