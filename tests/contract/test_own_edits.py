"""What the suite changes by itself, as a leaver's records, is published as the same change by a person is.

The verb follows from the change: where an edit is an event of a name of its own, `MAPPING` in `events.py` chooses it.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import pytest
from pydantic import TypeAdapter

from crm_activities.activities import domain as activities
from crm_activities.activities.activity import Activity
from crm_activities.activities.record_adapter import ACTIVITIES
from crm_contacts.companies import domain as companies
from crm_contacts.companies.record_adapter import COMPANIES
from crm_contacts.contacts import domain as contacts
from crm_contacts.contacts.record_adapter import CONTACTS
from crm_deals.deals import domain as deals
from crm_deals.deals.record_adapter import DEALS
from crm_shared.contracts import Actor, OutboxEvent
from crm_shared.contracts.example_records import ADMIN, TENANT
from crm_shared.contracts.examples import build_example
from crm_shared.record_adapters import RecordAdapter

NOW: Final = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
BY: Final = Actor(UUID(TENANT), UUID(ADMIN))
EVENT_ID: Final = UUID(int=0)


def edit_company(company: companies.Company, changes: Mapping[str, Any]) -> list[Any]:
    return [companies.edit(company, changes, now=NOW)]


def edit_contact(contact: contacts.Contact, changes: Mapping[str, Any]) -> list[Any]:
    return [contacts.edit(contact, changes, now=NOW)]


def edit_deal(deal: deals.Deal, changes: Mapping[str, Any]) -> list[Any]:
    return list(deals.edit(deal, changes, now=NOW).events)


def edit_activity(activity: Activity, changes: Mapping[str, Any]) -> list[Any]:
    return list(activities.edit(activity, changes, now=NOW).events)


@pytest.mark.parametrize(
    ("adapter", "record_type", "edit", "owner"),
    [
        (COMPANIES, companies.Company, edit_company, "owner_id"),
        (CONTACTS, contacts.Contact, edit_contact, "owner_id"),
        (DEALS, deals.Deal, edit_deal, "owner_id"),
        (ACTIVITIES, Activity, edit_activity, "user_id"),
    ],
    ids=lambda one: one.aggregate if isinstance(one, RecordAdapter) else "",
)
def test_a_hand_over_publishes_what_a_patch_of_the_owner_does(
    adapter: RecordAdapter[Any],
    record_type: type[Any],
    edit: Callable[[Any, Mapping[str, Any]], list[Any]],
    owner: str,
) -> None:
    record = make_record(adapter, record_type)
    changes = {owner: UUID(ADMIN)}
    assert hand_over(adapter, record, changes) == publish(adapter, edit(record, changes))


def test_a_hand_over_that_publishes_another_event_would_be_seen() -> None:
    deal = make_record(DEALS, deals.Deal)
    changes = {"owner_id": UUID(ADMIN)}
    assert hand_over(replace(DEALS, edited=deals.DealDeleted), deal, changes) != publish(
        DEALS, edit_deal(deal, changes)
    )


def make_record(adapter: RecordAdapter[Any], record_type: type[Any]) -> Any:
    state = build_example(f"crm.{adapter.aggregate}.snapshot")["value"][adapter.aggregate]
    return TypeAdapter(record_type).validate_python(state)


def hand_over(adapter: RecordAdapter[Any], record: Any, changes: Mapping[str, Any]) -> list[OutboxEvent]:
    given = adapter.edit(record, now=NOW, **changes)
    return publish(adapter, [adapter.edited(given.record, given.before, given.at)])


def publish(adapter: RecordAdapter[Any], events: list[Any]) -> list[OutboxEvent]:
    return [replace(event, id=EVENT_ID) for event in adapter.mapping.to_wire(events, by=BY)]
