"""A shared contact's activities and timelines, its deals' included: to read, and with WRITE to log on."""

from typing import Any
from uuid import UUID

import pytest

from crm_activities.consumers import keep_replicas
from crm_activities.settings import ActivitiesSettings
from crm_shared.clock import new_id
from crm_testing.answers import require_ok, require_problem, walk_pages
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.owners import OwnerStandIn
from crm_testing.people import Person, SeededTenant
from crm_testing.published_records import make_contact_event
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[ActivitiesSettings]
PATH = "/v1/activities"


class Account:
    """The REP's contact with a deal, and an activity on each that the REP has logged."""

    def __init__(self, kit: Kit, tenant: SeededTenant) -> None:
        self.kit = kit
        self.tenant = tenant
        self.contact_id = new_id()
        self.version = 0
        self.deal = DealStory(PublishedPipeline.sales(tenant.id), tenant.rep.id, contact_id=self.contact_id)
        self.on_contact: dict[str, Any] = {}
        self.on_deal: dict[str, Any] = {}

    async def share(self, *shares: tuple[Person, str]) -> None:
        """Tell of the contact with these shares and no others."""
        self.version += 1
        published = make_contact_event(
            self.tenant.id,
            self.tenant.rep.id,
            contact_id=self.contact_id,
            version=self.version,
            shares=[{"user_id": person.id, "permission": permission} for person, permission in shares],
        )
        await keep_replicas([published], self.kit.database)

    async def log(self, person: Person, **fields: str) -> dict[str, Any]:
        answer = await self.kit.client(person).post(PATH, json={"type": "NOTE", **fields})
        return require_ok(answer, 201)


@pytest.fixture
async def account(service: Kit, tenant: SeededTenant) -> Account:
    account = Account(service, tenant)
    await account.share()
    await keep_replicas([*account.deal.create()], service.database)
    account.on_contact = await account.log(tenant.rep, contact_id=str(account.contact_id))
    account.on_deal = await account.log(tenant.rep, deal_id=str(account.deal.id))
    return account


def ids_of(items: list[dict[str, Any]]) -> set[str]:
    return {item["id"] for item in items}


@pytest.mark.parametrize("permission", ["READ", "WRITE"])
async def test_what_is_shared_is_read_and_not_written(
    service: Kit, tenant: SeededTenant, account: Account, permission: str
) -> None:
    await account.share((tenant.other_rep, permission))
    own = await account.log(tenant.other_rep)
    client, both = service.client(tenant.other_rep), {account.on_contact["id"], account.on_deal["id"]}

    for sort in ("created_at", "-updated_at", "-occurred_at"):
        assert ids_of(await walk_pages(client, PATH, sort=sort, limit=1)) == both | {own["id"]}
    assert ids_of(await walk_pages(client, f"/v1/timelines/contacts/{account.contact_id}")) == both
    assert ids_of(await walk_pages(client, f"/v1/timelines/deals/{account.deal.id}")) == {account.on_deal["id"]}
    for activity in (account.on_contact, account.on_deal):
        path = f"{PATH}/{activity['id']}"
        assert require_ok(await client.get(path)) == activity
        require_problem(await client.patch(path, json={"body": "x"}), 403, "forbidden")
        require_problem(await client.delete(path), 403, "forbidden")


async def test_an_activity_of_a_deal_alone_is_seen_through_the_deals_contact(
    service: Kit, tenant: SeededTenant, account: Account
) -> None:
    path = f"{PATH}/{account.on_deal['id']}"
    require_ok(await service.client(tenant.rep).patch(path, json={"contact_id": None}))
    client = service.client(tenant.other_rep)
    require_problem(await client.get(path), 404, "not-found")

    await account.share((tenant.other_rep, "READ"))

    require_ok(await client.get(path))
    assert account.on_deal["id"] in ids_of(await walk_pages(client, PATH))


async def test_a_share_that_is_taken_away_leaves_nothing(service: Kit, tenant: SeededTenant, account: Account) -> None:
    await account.share((tenant.other_rep, "WRITE"))
    mine = await account.log(tenant.other_rep, contact_id=str(account.contact_id))
    await account.share()
    client = service.client(tenant.other_rep)

    assert ids_of(await walk_pages(client, PATH)) == {mine["id"]}  # who wrote it still sees it
    require_problem(await client.get(f"{PATH}/{account.on_contact['id']}"), 404, "not-found")
    require_problem(await client.get(f"/v1/timelines/contacts/{account.contact_id}"), 404, "not-found")
    require_problem(await client.get(f"/v1/timelines/deals/{account.deal.id}"), 404, "not-found")
    for field, value in (("contact_id", account.contact_id), ("deal_id", account.deal.id)):
        answer = await client.post(PATH, json={"type": "NOTE", field: str(value)})
        require_problem(answer, 422, "unknown-reference", f"/{field}")


@pytest.mark.parametrize("on", ["contact_id", "deal_id"])
async def test_a_share_to_read_logs_nothing_and_one_to_write_does(
    service: Kit, tenant: SeededTenant, account: Account, on: str
) -> None:
    body = {"type": "CALL", on: str(account.contact_id if on == "contact_id" else account.deal.id)}
    client = service.client(tenant.other_rep)
    await account.share((tenant.other_rep, "READ"))
    own = await account.log(tenant.other_rep)
    require_problem(await client.post(PATH, json=body), 403, "forbidden", f"/{on}")
    moved = await client.patch(f"{PATH}/{own['id']}", json={on: body[on]})
    require_problem(moved, 403, "forbidden", f"/{on}")

    await account.share((tenant.other_rep, "WRITE"))

    logged = require_ok(await client.post(PATH, json=body), 201)
    assert logged["contact_id"] == str(account.contact_id)
    require_ok(await client.patch(f"{PATH}/{logged['id']}", json={"subject": "Mine"}))
    require_ok(await service.client(tenant.rep).get(f"{PATH}/{logged['id']}"))


async def test_a_manager_writes_what_their_reports_own_whatever_is_shared_with_them(
    service: Kit, tenant: SeededTenant, account: Account
) -> None:
    await account.share((tenant.manager, "READ"), (tenant.admin, "READ"))
    for person in (tenant.manager, tenant.admin, tenant.rep):
        await account.log(person, contact_id=str(account.contact_id), deal_id=str(account.deal.id))
    assert len(await walk_pages(service.client(tenant.manager), PATH)) == 5


async def test_what_only_the_owner_knows_yet_is_refused_all_the_same(
    service: Kit, tenant: SeededTenant, owner: OwnerStandIn
) -> None:
    """The contact and its share were made a moment ago: the replica has neither, and contacts is asked."""
    readable = make_contact_event(
        tenant.id, tenant.rep.id, shares=[{"user_id": tenant.other_rep.id, "permission": "READ"}]
    )
    writable = make_contact_event(
        tenant.id, tenant.rep.id, shares=[{"user_id": tenant.other_rep.id, "permission": "WRITE"}]
    )
    for event in (readable, writable):
        owner.show(event, tenant.other_rep.id)
    client = service.client(tenant.other_rep)

    refused = await client.post(PATH, json={"type": "NOTE", "contact_id": str(readable.aggregate_id)})
    require_problem(refused, 403, "forbidden", "/contact_id")
    require_ok(await client.post(PATH, json={"type": "NOTE", "contact_id": str(writable.aggregate_id)}), 201)
    assert len(owner.asked) == 2


async def test_strangers_gain_nothing(service: Kit, tenant: SeededTenant, account: Account) -> None:
    strangers = await service.seed_tenant()
    await account.share((strangers.rep, "WRITE"), (strangers.admin, "READ"))

    for person in (*strangers.people, tenant.other_rep):
        client = service.client(person)
        assert await walk_pages(client, PATH) == []
        require_problem(await client.get(f"/v1/timelines/contacts/{account.contact_id}"), 404, "not-found")


async def test_replays_change_no_row(service: Kit, tenant: SeededTenant) -> None:
    contact_id, tables = new_id(), ("contact_shares", "replica_records")

    def publish(version: int, *users: UUID) -> Any:
        shares = [{"user_id": user, "permission": "READ"} for user in users]
        return make_contact_event(tenant.id, tenant.rep.id, contact_id=contact_id, version=version, shares=shares)

    published = [
        publish(1),
        publish(2, tenant.other_rep.id),
        publish(3, tenant.other_rep.id, tenant.manager.id),
        publish(4),
    ]
    for reached in range(1, len(published) + 1):
        await keep_replicas(published[:reached], service.database)
        settled = await service.list_rows(*tables)
        for batch in (published[:reached], published[: reached - 1] or published[:1], [published[0]]):
            await keep_replicas(batch, service.database)
            assert await service.list_rows(*tables) == settled
