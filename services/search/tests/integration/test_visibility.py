"""Who finds what: each role in two tenants, and what an org change, a new owner or a deletion does to it."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from crm_search.settings import SearchSettings
from crm_shared.access import Role
from crm_shared.clock import new_id
from crm_testing.answers import require_ok
from crm_testing.people import Person, SeededTenant, make_person, seed_people
from crm_testing.search_stories import SearchStory
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Publish = Callable[..., Awaitable[None]]
Kit = ServiceKit[SearchSettings]

OF_REP = {"contact-of-rep", "company-of-rep", "deal-of-rep", "note-of-rep", "note-on-contact", "note-on-deal"}
OF_OTHER = {"contact-of-other", "company-of-other", "deal-of-other", "note-of-other", "note-on-contact", "note-on-deal"}
OF_NOBODY = {"company-of-nobody"}


def add_both_sides(story: SearchStory) -> None:
    """Add records of `rep` and of `other_rep`, and notes that cross over: rep's note on other's contact and deal."""
    for name, person in (("rep", story.tenant.rep), ("other", story.tenant.other_rep)):
        story.add(f"contact-of-{name}", "contact", first_name="Zebra", owner_id=person.id)
        story.add(f"company-of-{name}", "company", name="Zebra", owner_id=person.id)
        story.add(f"deal-of-{name}", "deal", name="Zebra", owner_id=person.id, pipeline_id=new_id(), stage_id=new_id())
        story.add(f"note-of-{name}", "activity", subject="Zebra", user_id=person.id)
    story.add("company-of-nobody", "company", name="Zebra", owner_id=None)
    rep = story.tenant.rep.id
    story.add("note-on-contact", "activity", subject="Zebra", user_id=rep, contact_id=story["contact-of-other"].id)
    story.add("note-on-deal", "activity", subject="Zebra", user_id=rep, deal_id=story["deal-of-other"].id)


def expect(tenant: SeededTenant) -> dict[Person, set[str]]:
    return {
        tenant.admin: OF_REP | OF_OTHER | OF_NOBODY,
        tenant.manager: OF_REP,
        tenant.rep: OF_REP,
        tenant.other_rep: OF_OTHER,
    }


async def test_everyone_finds_what_they_may_see_and_no_more(search: Kit, publish: Publish) -> None:
    stories = [SearchStory(await search.seed_tenant()) for _ in range(2)]
    for story in stories:
        add_both_sides(story)
        await publish(*story.events())
    for story in stories:
        for person, expected in expect(story.tenant).items():
            client = search.client(person)
            body = require_ok(await client.get("/v1/search", params={"q": "zebra"}))
            assert set(story.name_items(body["items"])) == expected, person.full_name
            counts = body["facets"]["type"]
            assert sum(counts.values()) == len(expected), person.full_name
            names = {name for name in expected if name.startswith(("contact", "company"))}
            assert set(await story.suggest(client, "zeb")) == names, person.full_name


async def test_a_contacts_new_owner_takes_its_activities_along(
    search: Kit, tenant: SeededTenant, publish: Publish
) -> None:
    story = SearchStory(tenant)
    contact = story.add("contact", "contact", first_name="Zebra", owner_id=tenant.other_rep.id)
    story.add("note", "activity", subject="Zebra", user_id=tenant.admin.id, contact_id=contact.id)
    story.add("deal", "deal", name="Zebra", owner_id=tenant.admin.id, pipeline_id=new_id(), stage_id=new_id())
    story.add("deal-note", "activity", subject="Zebra", user_id=tenant.admin.id, deal_id=story["deal"].id)
    await publish(*story.events())
    rep, other = search.client(tenant.rep), search.client(tenant.other_rep)
    assert set(await story.find(other, "zebra")) == {"contact", "note"}
    assert await story.find(rep, "zebra") == []

    await publish(contact.change(owner_id=tenant.rep.id), story["deal"].change(owner_id=tenant.rep.id))

    assert await story.find(other, "zebra") == []
    assert set(await story.find(rep, "zebra")) == {"contact", "note", "deal", "deal-note"}


async def test_children_that_come_before_their_parents_are_seen_all_the_same(
    search: Kit, tenant: SeededTenant, publish: Publish
) -> None:
    story = SearchStory(tenant)
    contact = story.add("contact", "contact", first_name="Zebra")
    note = story.add("note", "activity", subject="Zebra", user_id=tenant.admin.id, contact_id=contact.id)
    rep = search.client(tenant.rep)
    await publish(note.publish())
    assert await story.find(rep, "zebra") == []
    await publish(contact.publish())
    assert set(await story.find(rep, "zebra")) == {"contact", "note"}


async def test_a_name_out_of_sight_is_neither_shown_nor_findable(
    search: Kit, tenant: SeededTenant, publish: Publish
) -> None:
    story = SearchStory(tenant)
    company = story.add("company", "company", name="Quagga Ltd", owner_id=tenant.other_rep.id)
    contact = story.add("contact", "contact", first_name="Ines", company_id=company.id)
    story.add(
        "deal", "deal", name="Renewal", contact_id=contact.id, company_id=company.id, pipeline_id=new_id(),
        stage_id=new_id(),
    )  # fmt: skip
    await publish(*story.events())
    assert await story.find(search.client(tenant.rep), "quagga") == []
    assert set(await story.find(search.client(tenant.admin), "quagga")) == {"company", "contact", "deal"}
    for person, name in ((tenant.rep, None), (tenant.admin, "Quagga Ltd")):
        body = require_ok(await search.client(person).get("/v1/search", params={"q": "renewal"}))
        record = body["items"][0]["record"]
        assert (record["company_name"], record["contact_name"]) == (name, "Ines")
        assert ("Quagga" in str(body)) is (name is not None)


async def test_what_is_deleted_or_merged_away_is_gone_until_restored(
    search: Kit, tenant: SeededTenant, publish: Publish
) -> None:
    story = SearchStory(tenant)
    contact = story.add("contact", "contact", first_name="Zebra")
    story.add("note", "activity", subject="Zebra", user_id=tenant.other_rep.id, contact_id=contact.id)
    await publish(*story.events())
    rep = search.client(tenant.rep)
    assert set(await story.find(rep, "zebra")) == {"contact", "note"}
    await publish(contact.delete())
    assert await story.find(rep, "zebra") == []
    await publish(contact.change(deleted_at=None))
    assert set(await story.find(rep, "zebra")) == {"contact", "note"}
    await publish(contact.change(merged_into=new_id()))
    assert await story.find(rep, "zebra") == []


async def test_an_org_change_counts_at_once(search: Kit, tenant: SeededTenant, publish: Publish) -> None:
    story = SearchStory(tenant)
    story.add("contact", "contact", first_name="Zebra", owner_id=tenant.other_rep.id)
    await publish(*story.events())
    manager = search.client(tenant.manager)
    assert await story.find(manager, "zebra") == []
    moved = Person(
        tenant.id, tenant.other_rep.id, tenant.other_rep.email, "Otto Other", Role.REP, manager_id=tenant.manager.id
    )
    await replace_person(search, moved, version=2)
    assert await story.find(manager, "zebra") == ["contact"]
    assert await story.suggest(manager, "zeb") == ["contact"]


async def replace_person(search: Kit, person: Person, *, version: int) -> None:
    async with search.database.begin_as_worker() as transaction:
        await transaction.execute(
            "UPDATE directory_users SET manager_id = $3, version = $4 WHERE tenant_id = $1 AND id = $2",
            person.tenant_id, person.id, person.manager_id, version,
        )  # fmt: skip
    await seed_people(search.database, [])
    await seed_people(search.database, [make_person(person.tenant_id, "New Hire", Role.REP)])


async def test_no_table_lets_a_tenant_read_another(search: Kit) -> None:
    assert await search.list_unprotected() == []


async def test_a_filter_by_an_owner_out_of_sight_finds_nothing(
    search: Kit, tenant: SeededTenant, publish: Publish
) -> None:
    story = SearchStory(tenant)
    story.add("contact", "contact", first_name="Zebra", owner_id=tenant.other_rep.id)
    await publish(*story.events())
    wanted: dict[str, Any] = {"owner_id": str(tenant.other_rep.id)}
    assert await story.find(search.client(tenant.rep), "zebra", **wanted) == []
    assert await story.find(search.client(tenant.admin), "zebra", **wanted) == ["contact"]
    assert await story.find(search.client(tenant.admin), "zebra", owner_id=str(UUID(int=1))) == []


async def test_every_moment_and_day_has_a_range_check(search: Kit) -> None:
    assert await search.list_unchecked_times() == []
