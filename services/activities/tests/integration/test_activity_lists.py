"""The list over HTTP: filters, orders, pages while others write."""

from typing import Any

import httpx
import pytest

from crm_activities.consumers import keep_replicas
from crm_activities.settings import ActivitiesSettings
from crm_shared.testing.answers import require_ok, require_problem, walk_pages
from crm_shared.testing.builders import make_contact_event
from crm_shared.testing.deal_stories import DealStory, ToldPipeline
from crm_shared.testing.people import SeededTenant
from crm_shared.testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[ActivitiesSettings]
PATH = "/v1/activities"


async def log(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    return require_ok(await client.post(PATH, json={"type": "NOTE", **fields}), 201)


async def test_filters_leave_what_they_name(service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient) -> None:
    contact = make_contact_event(tenant.id, tenant.rep.id)
    deal = DealStory(ToldPipeline.sales(tenant.id), tenant.rep.id)
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
        ({"sort": "occurred_at"}, [on_contact, on_deal, answer]),
        ({"sort": "-updated_at"}, [answer, on_deal, on_contact]),
    ]
    for parameters, items in expected:
        assert require_ok(await rep.get(PATH, params=parameters))["items"] == items, parameters


@pytest.mark.parametrize(
    "query",
    ["colour=red", "limit=0", "limit=201", "type=FAX", "contact_id=7", "sort=body", "cursor=!", "updated_since=now"],
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
