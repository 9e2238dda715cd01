"""The list over HTTP: filters, orders, pages while others write."""

from typing import Any

import httpx
import pytest

from crm_activities.consumers import keep_directory, keep_replicas
from crm_activities.settings import ActivitiesSettings
from crm_testing.answers import require_ok, require_problem, walk_pages
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.people import SeededTenant, publish_user
from crm_testing.published_records import make_contact_event
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[ActivitiesSettings]
PATH = "/v1/activities"


async def log(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    return require_ok(await client.post(PATH, json={"type": "NOTE", **fields}), 201)


async def test_filters_leave_what_they_name(service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient) -> None:
    contact = make_contact_event(tenant.id, tenant.rep.id)
    deal = DealStory(PublishedPipeline.sales(tenant.id), tenant.rep.id)
    await keep_replicas([contact, *deal.create()], service.database)
    on_contact = await log(rep, contact_id=str(contact.aggregate_id), external_id="crm-1")
    on_deal = await log(rep, type="EMAIL", direction="INBOUND", deal_id=str(deal.id))
    answer = await log(rep, type="CALL", in_reply_to=on_deal["id"])
    expected: list[tuple[dict[str, Any], list[dict[str, Any]]]] = [
        ({}, [answer, on_deal, on_contact]),
        ({"type": "EMAIL"}, [on_deal]),
        ({"type": ["EMAIL", "CALL"]}, [answer, on_deal]),
        ({"contact_id": str(contact.aggregate_id)}, [on_contact]),
        ({"deal_id": str(deal.id)}, [on_deal]),
        ({"user_id": str(tenant.rep.id), "direction": "INBOUND"}, [on_deal]),
        ({"user_id": str(tenant.admin.id)}, []),
        ({"in_reply_to": on_deal["id"]}, [answer]),
        ({"external_id": "crm-1"}, [on_contact]),
        ({"updated_since": on_deal["updated_at"]}, [answer, on_deal]),
        ({"contact_id.empty": "true", "deal_id.empty": "false"}, [on_deal]),
        ({"contact_id.empty": "false"}, [on_contact]),
        ({"in_reply_to.empty": "false"}, [answer]),
        ({"direction.empty": "true"}, [answer, on_contact]),
        ({"external_id.empty": "false"}, [on_contact]),
        ({"type.empty": "true"}, []),
        ({"user_id.empty": "false"}, [answer, on_deal, on_contact]),
        ({"sort": "occurred_at"}, [on_contact, on_deal, answer]),
        ({"sort": "-updated_at"}, [answer, on_deal, on_contact]),
    ]
    for parameters, items in expected:
        assert require_ok(await rep.get(PATH, params=parameters))["items"] == items, parameters


async def test_what_is_completed_and_what_is_not(rep: httpx.AsyncClient) -> None:
    note, task, meeting = [await log(rep, type=type_) for type_ in ("NOTE", "TASK", "MEETING")]
    done = require_ok(await rep.post(f"{PATH}/{task['id']}/complete"))

    async def read(**parameters: Any) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = require_ok(await rep.get(PATH, params=parameters))["items"]
        return items

    assert await read(completed="true") == [done]
    assert await read(completed="false") == [meeting, note]
    assert await read(completed="false", type=["TASK", "MEETING"]) == [meeting]
    again = require_ok(await rep.post(f"{PATH}/{task['id']}/reopen"))
    assert await read(completed="false", type="TASK") == [again]


async def test_from_and_to_are_moments_or_days_of_the_callers_zone(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient
) -> None:
    # In Berlin the 25th has 25 hours, from 22:00Z on the 24th to 23:00Z.
    moments = ("24T21:59:59Z", "24T22:00:00Z", "25T22:59:59.999999Z", "25T23:00:00Z")
    logged = [await log(rep, occurred_at=f"2026-10-{moment}") for moment in moments]

    async def read(**parameters: Any) -> list[dict[str, Any]]:
        parameters = {"sort": "occurred_at", **{name.strip("_"): value for name, value in parameters.items()}}
        items: list[dict[str, Any]] = require_ok(await rep.get(PATH, params=parameters))["items"]
        return items

    assert await read(from_="2026-10-25", to="2026-10-25") == logged[1:3]
    assert await read(from_="2026-10-26") == logged[3:]
    assert await read(to="2026-10-24") == logged[:1]
    assert await read(from_="2026-10-24T22:00:00Z", to="2026-10-25T23:00:00Z") == logged[1:]
    assert await walk_pages(rep, PATH, limit=1, **{"from": "2026-10-25"}, sort="occurred_at") == logged[1:]
    await keep_directory([publish_user(tenant.rep, version=2, time_zone="Pacific/Niue")], service.database)
    assert await read(from_="2026-10-25", to="2026-10-25") == logged[2:]
    answer = await rep.get(PATH, params={"from": "2026-10-25", "to": "2026-10-24"})
    require_problem(answer, 422, "invalid-field", "?to")
    exported = await rep.get("/v1/exports/activities.csv", params={"to": "2026-10-24", "fields": "id"})
    assert exported.text.split() == ["id", logged[1]["id"], logged[0]["id"]]


@pytest.mark.parametrize(
    "query",
    [
        "completed=maybe",
        "completed=",
        "from=yesterday",
        "to=2026-10-32",
        "from=1899-12-31",
        "to=2201-01-01T00:00:00Z",
        "colour=red",
        "limit=0",
        "limit=201",
        "type=FAX",
        "contact_id=7",
        "sort=body",
        "cursor=!",
        "updated_since=now",
        "deal_id.empty=1",
        "direction.empty=",
        "body.empty=true",
    ],
)
async def test_a_wrong_parameter_is_named(rep: httpx.AsyncClient, query: str) -> None:
    name = query.partition("=")[0]
    (error,) = require_problem(await rep.get(f"{PATH}?{query}"), 422, "invalid-field")["errors"]
    assert error["pointer"].startswith(f"?{name}")


async def test_a_walk_while_others_write_neither_repeats_nor_loses(rep: httpx.AsyncClient) -> None:
    there = [await log(rep, subject=str(number)) for number in range(7)]
    seen: list[str] = []
    cursor = None
    while True:
        parameters = {"limit": 2, **({} if cursor is None else {"cursor": cursor})}
        page = require_ok(await rep.get(PATH, params=parameters))
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        await log(rep, subject="meanwhile")
    assert seen == [activity["id"] for activity in reversed(there)]
    assert len(await walk_pages(rep, PATH, limit=3)) == 10


async def test_the_link_leads_to_the_next_page(rep: httpx.AsyncClient) -> None:
    for _ in range(2):
        await log(rep, type="CALL")
    answer = await rep.get(PATH, params={"limit": 1, "type": ["CALL", "NOTE"]})
    link = answer.headers["link"]
    assert link.endswith('>; rel="next"')
    following = await rep.get(link[1 : link.index(">")])
    assert require_ok(following)["next_cursor"] is None
