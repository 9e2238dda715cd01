"""Notes of new owners, merges and partings: one each, however often and in whatever order they are told of."""

from random import Random
from typing import Any
from uuid import UUID

import httpx
import pytest

from crm_activities.consumers import (
    forget_contacts,
    keep_directory,
    keep_replicas,
    note_contact_changes,
    note_deal_moves,
)
from crm_activities.settings import ActivitiesSettings
from crm_shared.clock import SystemClock
from crm_shared.contracts import Event, new_event
from crm_testing.answers import require_ok, require_problem, walk_pages
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.people import SeededTenant
from crm_testing.published import to_event
from crm_testing.published_records import PublishedRecord
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[ActivitiesSettings]


def publish(contact: PublishedRecord, verb: str, **fields: Any) -> Event:
    """Go on by one version; the event says what changed, as contacts says it."""
    before = contact.state
    contact.change(**fields)
    changed = {name: {"from": before[name], "to": to} for name, to in fields.items()}
    return to_event(
        new_event(
            aggregate="contact",
            aggregate_id=contact.id,
            verb=verb,
            version=contact.version,
            tenant_id=contact.tenant_id,
            occurred_at=contact.state["updated_at"],
            state=contact.state,
            changed=changed,  # type: ignore[arg-type]  # a test's plain dict
            actor_id=contact.state["owner_id"],
        )
    )


async def take(kit: Kit, events: list[Event]) -> None:
    await note_contact_changes([event for event in events if event.aggregate == "contact"], kit.database, SystemClock())
    await note_deal_moves([event for event in events if event.aggregate == "deal"], kit.database, SystemClock())


async def read_timeline(client: httpx.AsyncClient, kind: str, record_id: UUID) -> list[dict[str, Any]]:
    return await walk_pages(client, f"/v1/timelines/{kind}/{record_id}")


async def test_a_deals_note_says_as_data_what_its_body_says(service: Kit, tenant: SeededTenant) -> None:
    contact = PublishedRecord.new("contact", tenant.id, owner_id=tenant.rep.id)
    deal = DealStory(
        PublishedPipeline.sales(tenant.id), tenant.rep.id, contact_id=contact.id, actor_id=tenant.manager.id
    )
    events = [*deal.create(), *deal.move("Proposal"), *deal.edit(owner_id=tenant.other_rep.id)]
    await keep_replicas([contact.publish(), *events], service.database)
    await take(service, [*events, *events, deal.snapshot()])
    admin = service.client(tenant.admin)
    owner, move = await read_timeline(admin, "deals", deal.id)
    assert await read_timeline(admin, "contacts", contact.id) == [owner, move]
    names = f"from {tenant.rep.full_name} to {tenant.other_rep.full_name}"
    assert (owner["system_kind"], owner["body"]) == ("deal_owner_changed", f"Deal owner changed {names}")
    assert owner["facts"] == {
        "from_owner": {"id": str(tenant.rep.id), "name": tenant.rep.full_name},
        "to_owner": {"id": str(tenant.other_rep.id), "name": tenant.other_rep.full_name},
    }
    assert (owner["user_id"], owner["system"]) == (str(tenant.manager.id), True)
    source, target = (deal.pipeline.stage(name) for name in ("Qualification", "Proposal"))
    assert (move["system_kind"], move["body"]) == ("deal_moved", "Deal moved from Qualification to Proposal")
    assert move["facts"] == {
        "from_stage": {"id": str(source.id), "name": source.name},
        "to_stage": {"id": str(target.id), "name": target.name},
    }
    published = {event.state["id"]: event.state for event in await service.take_events(tenant.id)}
    assert published == {note["id"]: note for note in (owner, move)}
    path = f"/v1/activities/{owner['id']}"
    require_problem(await admin.patch(path, json={"body": "x"}), 409, "system-note")
    require_problem(await admin.delete(path), 409, "system-note")
    assert require_ok(await admin.post(f"{path}/restore")) == owner


async def test_a_contacts_merge_and_parting_are_in_the_timelines_and_name_nobody(
    service: Kit, tenant: SeededTenant
) -> None:
    ids = {"owner_id": tenant.rep.id, "last_name": "Zzyzx"}
    survivor, other = (PublishedRecord.new("contact", tenant.id, first_name="Z", **ids) for _ in range(2))
    events = [survivor.publish(), other.publish()]
    await keep_replicas(events, service.database)
    merged = publish(other, "merged", merged_into=survivor.id, deleted_at=other.state["updated_at"])
    events += [merged, publish(survivor, "merged")]
    await keep_replicas(events[-2:], service.database)
    await take(service, events)
    admin = service.client(tenant.admin)
    (note,) = await read_timeline(admin, "contacts", survivor.id)
    assert (note["system_kind"], note["contact_id"], note["original_contact_id"]) == (
        "contact_merged", str(survivor.id), None,
    )  # fmt: skip
    events += [publish(survivor, "unmerged"), publish(other, "unmerged", merged_into=None, deleted_at=None)]
    events += [publish(other, "updated", owner_id=tenant.other_rep.id)]
    await keep_replicas(events[-3:], service.database)
    random = Random(20261122)  # noqa: S311 - a test's repeatable choice
    for _ in range(5):
        await take(service, random.choices(events, k=len(events)))
        await take(service, random.sample(events, k=len(events)))
    of_survivor = await read_timeline(admin, "contacts", survivor.id)
    of_other = await read_timeline(admin, "contacts", other.id)
    assert [item["system_kind"] for item in of_survivor] == ["contact_unmerged", "contact_merged"]
    assert [item["system_kind"] for item in of_other] == ["contact_owner_changed", "contact_unmerged"]
    facts = {"contact": {"id": str(survivor.id)}, "merged_contact": {"id": str(other.id)}}
    assert [item["facts"] for item in [*of_survivor, of_other[1]]] == [facts] * 3
    assert len(await service.take_events(tenant.id)) == 4

    erased = other.erase()
    await keep_replicas([erased], service.database)
    await forget_contacts([erased], service.database, SystemClock())
    rows = await service.list_rows("activities", "record_changes")
    assert "Zzyzx" not in repr([line for lines in rows.values() for line in lines if str(tenant.id) in line])


async def test_a_note_of_a_contact_that_was_merged_meanwhile_is_with_the_survivor(
    service: Kit, tenant: SeededTenant
) -> None:
    survivor, other = (PublishedRecord.new("contact", tenant.id, owner_id=tenant.rep.id) for _ in range(2))
    changed = publish(other, "updated", owner_id=tenant.other_rep.id)
    merged = publish(other, "merged", merged_into=survivor.id, deleted_at=other.state["updated_at"])
    await keep_replicas([survivor.publish(), merged], service.database)
    await take(service, [changed])
    (note,) = await read_timeline(service.client(tenant.admin), "contacts", survivor.id)
    assert (note["contact_id"], note["original_contact_id"]) == (str(survivor.id), str(other.id))
    assert (note["contact_ids"], note["original_contact_ids"]) == ([str(survivor.id)], [str(other.id)])
    (event,) = await service.take_events(tenant.id)
    assert event.state == note


async def test_an_owner_who_is_not_known_here_yet_has_an_id(service: Kit, tenant: SeededTenant) -> None:
    contact = PublishedRecord.new("contact", tenant.id, owner_id=tenant.rep.id)
    newcomer = PublishedRecord.new(
        "user", tenant.id, email="new@acme.example", full_name="Nora New", role="REP", active=True, manager_id=None
    )
    await keep_replicas([contact.publish()], service.database)
    await take(service, [publish(contact, "updated", owner_id=newcomer.id)])
    await keep_directory([newcomer.publish()], service.database)
    (note,) = await read_timeline(service.client(tenant.admin), "contacts", contact.id)
    assert note["body"] == f"Contact owner changed from {tenant.rep.full_name} to somebody"
    assert note["facts"]["to_owner"] == {"id": str(newcomer.id), "name": None}
