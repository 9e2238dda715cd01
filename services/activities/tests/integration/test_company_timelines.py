"""A company's timeline: that of its present contacts and deals in one, as far as the caller sees them."""

from random import Random
from typing import Any
from uuid import UUID

import httpx
import pytest

from crm_activities.consumers import keep_replicas
from crm_activities.settings import ActivitiesSettings
from crm_shared.clock import new_id
from crm_testing.answers import require_ok, require_problem, walk_pages
from crm_testing.people import Person, SeededTenant
from crm_testing.published_records import PublishedRecord
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[ActivitiesSettings]
PATH = "/v1/activities"


async def publish(kit: Kit, aggregate: str, owner: Person, **fields: Any) -> PublishedRecord:
    if aggregate == "deal":
        fields |= {"pipeline_id": new_id(), "stage_id": new_id()}
    record = PublishedRecord.new(aggregate, owner.tenant_id, owner_id=owner.id, **fields)
    await keep_replicas([record.publish()], kit.database)
    return record


async def log(client: httpx.AsyncClient, minute: int, **fields: Any) -> str:
    body = {"type": "NOTE", "occurred_at": f"2026-11-20T12:{minute:02}:00Z", **fields}
    answer: dict[str, Any] = require_ok(await client.post(PATH, json=body), 201)
    return str(answer["id"])


async def read(client: httpx.AsyncClient, company_id: UUID, **params: Any) -> list[str]:
    return [item["id"] for item in await walk_pages(client, f"/v1/timelines/companies/{company_id}", **params)]


async def test_contacts_and_deals_stand_in_one_as_far_as_the_caller_sees(service: Kit, tenant: SeededTenant) -> None:
    admin, rep = service.client(tenant.admin), service.client(tenant.rep)
    company = await publish(service, "company", tenant.rep)
    mine = await publish(service, "contact", tenant.rep, company_id=company.id)
    theirs = await publish(service, "contact", tenant.other_rep, company_id=company.id)
    elsewhere = await publish(service, "contact", tenant.rep)
    deal = await publish(service, "deal", tenant.rep, company_id=company.id, contact_id=mine.id)
    user = {"user_id": str(tenant.admin.id)}
    one = await log(admin, 1, contact_id=str(mine.id), **user)
    two = await log(admin, 2, contact_ids=[str(theirs.id), str(mine.id)], **user)
    three = await log(admin, 3, deal_id=str(deal.id), **user)
    four = await log(admin, 4, contact_id=str(theirs.id), **user)
    await log(admin, 5, contact_id=str(elsewhere.id), **user)

    assert await read(admin, company.id) == [four, three, two, one]
    assert await read(rep, company.id) == [three, two, one]
    assert await read(admin, company.id, limit=1) == [four, three, two, one]
    window = {"from": "2026-11-20T12:02:00Z", "to": "2026-11-20T12:03:00Z"}
    assert await read(admin, company.id, **window) == [three, two]
    assert await read(admin, company.id, type=["CALL", "TASK"]) == []
    path = f"/v1/timelines/companies/{company.id}"
    stranger = service.client((await service.seed_tenant()).admin)
    for client in (service.client(tenant.other_rep), stranger):
        require_problem(await client.get(path), 404, "not-found")
    require_problem(await admin.get(f"/v1/timelines/companies/{new_id()}"), 404, "not-found")


async def test_a_shared_contacts_entries_are_seen(service: Kit, tenant: SeededTenant) -> None:
    company = await publish(service, "company", tenant.rep)
    share = {"user_id": tenant.rep.id, "permission": "READ"}
    shared = await publish(service, "contact", tenant.other_rep, company_id=company.id, shares=[share])
    deal = await publish(service, "deal", tenant.other_rep, company_id=company.id, contact_id=shared.id)
    other_rep = service.client(tenant.other_rep)
    one, two = await log(other_rep, 1, contact_id=str(shared.id)), await log(other_rep, 2, deal_id=str(deal.id))
    assert await read(service.client(tenant.rep), company.id) == [two, one]


async def test_it_goes_by_who_is_there_now(service: Kit, tenant: SeededTenant) -> None:
    admin = service.client(tenant.admin)
    first, second = await publish(service, "company", tenant.rep), await publish(service, "company", tenant.rep)
    contact = await publish(service, "contact", tenant.rep, company_id=first.id)
    activity = await log(admin, 1, contact_id=str(contact.id))
    assert (await read(admin, first.id), await read(admin, second.id)) == ([activity], [])
    await keep_replicas([contact.change(company_id=second.id)], service.database)
    assert (await read(admin, first.id), await read(admin, second.id)) == ([], [activity])


@pytest.mark.parametrize("limit", [1, 3, 50])
async def test_pages_are_those_of_all_entries_in_order(service: Kit, tenant: SeededTenant, limit: int) -> None:
    random = Random(limit)  # noqa: S311
    admin = service.client(tenant.admin)
    company = await publish(service, "company", tenant.rep)
    members = [(await publish(service, "contact", tenant.rep, company_id=company.id)).id for _ in range(6)]
    deals = [(await publish(service, "deal", tenant.rep, company_id=company.id)).id for _ in range(2)]
    logged: list[tuple[int, str, str]] = []
    for _ in range(30):
        minute, kind = random.randrange(12), random.choice(("CALL", "MEETING", "NOTE"))
        fields: dict[str, Any] = {
            "type": kind,
            "contact_ids": [str(one) for one in random.sample(members, random.randint(1, 3))],
        }
        if random.random() < 0.3:
            fields["deal_id"] = str(random.choice(deals))
        logged.append((minute, await log(admin, minute, **fields), kind))
    ordered = sorted(logged, reverse=True)
    assert await read(admin, company.id, limit=limit) == [entry for _, entry, _ in ordered]
    for types in (["CALL"], ["NOTE", "MEETING", "NOTE"], ["EMAIL"]):
        expected = [entry for _, entry, kind in ordered if kind in types]
        assert await read(admin, company.id, limit=limit, type=types) == expected
