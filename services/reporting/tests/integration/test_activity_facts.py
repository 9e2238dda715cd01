"""What the consumer makes of activities: repeated, late, deleted, erased; no words; and whose contact it is."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from services.reporting.tests.integration.mail_stories import NOON, Mailbox, Reporting, publish_activity

from crm_reporting.consumers import keep_activities, keep_shares
from crm_shared.clock import new_id
from crm_shared.contracts import BadRecord, Event
from crm_shared.message_keys import to_key
from crm_testing.people import SeededTenant
from crm_testing.published_records import PublishedRecord

pytestmark = pytest.mark.engines

TABLES = ("activity_facts", "source_progress")


async def find_fact(reporting: Reporting, activity_id: UUID) -> dict[str, Any]:
    async with reporting.database.read_as_worker() as connection:
        [row] = await connection.fetch("SELECT * FROM activity_facts WHERE activity_id = $1", activity_id)
    return dict(row)


def unreadable(event: Event, **fields: Any) -> Event:
    """Return the event as nobody that keeps the contract would tell it."""
    return replace(event, state={**event.state, **fields})


async def test_the_newest_version_is_kept_whatever_comes_when(reporting: Reporting, tenant: SeededTenant) -> None:
    activity = publish_activity(tenant, "CALL", tenant.rep, NOON)
    events = [
        activity.publish(),
        activity.change(type="NOTE"),
        activity.change(type="MEETING"),
        activity.change(user_id=None),
    ]
    await keep_activities([events[2], events[0], events[3], events[1]], reporting.database)
    settled = await reporting.list_rows(*TABLES)
    fact = await find_fact(reporting, activity.id)
    assert (fact["version"], fact["type"], fact["user_id"]) == (4, "MEETING", None)

    for batch in (events, events[:2], list(reversed(events)), [events[1]], [activity.publish("snapshot")]):
        await keep_activities(batch, reporting.database)
        assert await reporting.list_rows(*TABLES) == settled


async def test_an_empty_batch_writes_nothing(reporting: Reporting) -> None:
    before = await reporting.list_rows(*TABLES)
    await keep_activities([], reporting.database)
    assert await reporting.list_rows(*TABLES) == before


async def test_a_fact_holds_no_word_and_no_message_id(reporting: Reporting, mailbox: Mailbox) -> None:
    words: dict[str, Any] = {
        "subject": "Subject zz",
        "body": "Body zz",
        "location": "Room zz",
        "external_id": "mail-zz",
    }
    contact_ids, parent = [new_id(), new_id()], new_id()
    inbound = await mailbox.log(
        "INBOUND", 0, **words, contact_ids=contact_ids, in_reply_to=parent, message_id="<zz@example.com>",
        reference_ids=["<zz-1@example.com>", "zz-2@example.com", "<zz-1@example.com>"],
    )  # fmt: skip
    outbound = await mailbox.log("OUTBOUND", 1, message_id="zz-2@example.com", reference_ids=["<zz-1@example.com>"])

    facts = [await find_fact(reporting, activity.id) for activity in (inbound, outbound)]

    assert "zz" not in str(facts)
    keys = [to_key(mailbox.tenant.id, f"<zz-{number}@example.com>") for number in (1, 2)]
    assert [fact["reference_keys"] for fact in facts] == [keys, []]
    assert [fact["message_key"] for fact in facts] == [None, keys[1]]
    assert (facts[0]["contact_ids"], facts[0]["in_reply_to"]) == (contact_ids, parent)
    assert facts[0]["thread_id"] == inbound.id


async def test_of_an_activity_told_by_an_earlier_release_the_one_contact_counts(
    reporting: Reporting, tenant: SeededTenant
) -> None:
    contact_id = new_id()
    activity = publish_activity(tenant, "CALL", tenant.rep, NOON, contact_id=contact_id)
    await keep_activities([activity.publish()], reporting.database)
    assert (await find_fact(reporting, activity.id))["contact_ids"] == [contact_id]


async def test_erasure_takes_the_keys_and_leaves_that_something_was_done(
    reporting: Reporting, mailbox: Mailbox
) -> None:
    sent = await mailbox.log("OUTBOUND", 0, message_id="<one@example.com>")
    older = sent.publish()
    erased = sent.change(message_id=None, subject=None, erased_at=NOON + timedelta(days=1))
    await keep_activities([erased], reporting.database)
    await keep_activities([older], reporting.database)
    fact = await find_fact(reporting, sent.id)
    assert (fact["message_key"], fact["counts"], fact["occurred_at"]) == (None, True, NOON)


@pytest.mark.parametrize("ending", [{"deleted_at": "2026-11-11T00:00:00Z"}, {"erased_at": "2026-11-11T00:00:00Z"}])
async def test_an_end_that_can_not_be_read_is_one_all_the_same(
    reporting: Reporting, tenant: SeededTenant, ending: dict[str, str]
) -> None:
    activity = publish_activity(tenant, "CALL", tenant.rep, NOON)
    await keep_activities([activity.publish()], reporting.database)
    await keep_activities([unreadable(activity.change(), type="TELEX", **ending)], reporting.database)
    fact = await find_fact(reporting, activity.id)
    assert (fact["version"], fact["counts"], fact["user_id"], fact["contact_ids"]) == (2, False, None, [])


@pytest.mark.parametrize("broken", [{"type": "TELEX"}, {"contact_ids": ["Ada"]}, {"occurred_at": None}])
async def test_a_bad_record_is_refused(reporting: Reporting, tenant: SeededTenant, broken: dict[str, Any]) -> None:
    activity = publish_activity(tenant, "CALL", tenant.rep, NOON)
    with pytest.raises(BadRecord):
        await keep_activities([unreadable(activity.publish(), **broken), activity.change()], reporting.database)


async def test_a_contacts_owner_is_known_while_the_contact_is_there(reporting: Reporting, tenant: SeededTenant) -> None:
    async def find_owner() -> UUID | None:
        async with reporting.database.read_as_worker() as connection:
            owner_id: UUID | None = await connection.fetchval(
                "SELECT owner_id FROM contacts WHERE tenant_id = $1 AND id = $2", tenant.id, contact.id
            )
        return owner_id

    contact = PublishedRecord.new("contact", tenant.id, first_name="Ada", owner_id=tenant.rep.id)
    events = [contact.publish(), contact.change(owner_id=tenant.other_rep.id)]
    await keep_shares(events, reporting.database)
    assert await find_owner() == tenant.other_rep.id
    await keep_shares(events[:1], reporting.database)
    assert await find_owner() == tenant.other_rep.id
    await keep_shares([contact.delete()], reporting.database)
    assert await find_owner() is None
