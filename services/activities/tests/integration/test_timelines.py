"""Timelines: newest first, filtered by type and time, paged without loss or repetition."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from crm_activities.consumers import keep_replicas, note_deal_moves
from crm_activities.settings import ActivitiesSettings
from crm_shared.clock import SystemClock
from crm_testing.answers import require_ok, require_problem, walk_pages
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.owners import OwnerStandIn
from crm_testing.people import SeededTenant
from crm_testing.published_records import make_contact_event
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[ActivitiesSettings]
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
async def contact_id(service: Kit, tenant: SeededTenant) -> str:
    contact = make_contact_event(tenant.id, tenant.rep.id)
    await keep_replicas([contact], service.database)
    return str(contact.aggregate_id)


@pytest.fixture
def rep(service: Kit, tenant: SeededTenant) -> httpx.AsyncClient:
    return service.client(tenant.rep)


async def log(client: httpx.AsyncClient, contact_id: str, at: datetime, kind: str = "NOTE") -> dict[str, Any]:
    body = {"type": kind, "contact_id": contact_id, "occurred_at": at.isoformat()}
    return require_ok(await client.post("/v1/activities", json=body), 201)


async def test_the_newest_is_first_whenever_it_was_logged(rep: httpx.AsyncClient, contact_id: str) -> None:
    hours = [3, 1, 2]
    logged = {hour: await log(rep, contact_id, NOON + timedelta(hours=hour)) for hour in hours}
    items = require_ok(await rep.get(f"/v1/timelines/contacts/{contact_id}"))["items"]
    assert items == [logged[3], logged[2], logged[1]]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 10])
async def test_paging_goes_through_equal_moments(rep: httpx.AsyncClient, contact_id: str, limit: int) -> None:
    logged = [await log(rep, contact_id, NOON) for _ in range(5)]
    logged += [await log(rep, contact_id, NOON + timedelta(microseconds=step)) for step in (-1, 1)]
    walked = await walk_pages(rep, f"/v1/timelines/contacts/{contact_id}", limit=limit)
    assert walked == sorted(
        logged, key=lambda item: (datetime.fromisoformat(item["occurred_at"]), item["id"]), reverse=True
    )


async def test_a_walk_while_others_log_neither_repeats_nor_loses(rep: httpx.AsyncClient, contact_id: str) -> None:
    there = [await log(rep, contact_id, NOON) for _ in range(6)]
    path, seen = f"/v1/timelines/contacts/{contact_id}", list[str]()
    cursor: str | None = None
    for _ in range(10):
        page = require_ok(await rep.get(path, params={"limit": 2, **({"cursor": cursor} if cursor else {})}))
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        await log(rep, contact_id, NOON + timedelta(hours=1))
    assert seen == [item["id"] for item in reversed(there)]


async def test_type_repeats_and_from_and_to_are_both_included(rep: httpx.AsyncClient, contact_id: str) -> None:
    call, email, note = [
        await log(rep, contact_id, NOON + timedelta(hours=hour), kind)
        for hour, kind in enumerate(["CALL", "EMAIL", "NOTE"])
    ]
    noon, one = "2026-11-20T12:00:00Z", "2026-11-20T14:00:00+01:00"
    expected: list[tuple[dict[str, Any], list[dict[str, Any]]]] = [
        ({"type": "CALL"}, [call]),
        ({"type": ["CALL", "NOTE"]}, [note, call]),
        ({"type": "TASK"}, []),
        ({"from": one}, [note, email]),
        ({"to": one}, [email, call]),
        ({"from": noon, "to": one, "type": "CALL"}, [call]),
        ({"from": noon, "to": noon}, [call]),
    ]
    for parameters, items in expected:
        answer = await rep.get(f"/v1/timelines/contacts/{contact_id}", params=parameters)
        assert require_ok(answer)["items"] == items, parameters


@pytest.mark.parametrize("zone", [None, "Pacific/Auckland"])
async def test_a_day_is_the_callers_and_included_whole(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient, contact_id: str, zone: str | None
) -> None:
    """The tenant's day in Berlin, or the user's own; in both zones this one is longer or shorter than others."""
    async with service.database.begin_as_worker() as transaction:
        await transaction.execute("UPDATE directory_users SET time_zone = $2 WHERE id = $1", tenant.rep.id, zone)
    day, begin, hours = ("2026-10-25", "2026-10-24T22:00:00Z", 25)
    if zone is not None:
        day, begin, hours = ("2026-09-27", "2026-09-26T12:00:00Z", 23)
    first = datetime.fromisoformat(begin)
    last = first + timedelta(hours=hours, microseconds=-1)
    moments = [first - timedelta(microseconds=1), first, last, last + timedelta(microseconds=1)]
    before, *within, after = [(await log(rep, contact_id, at))["id"] for at in moments]
    path = f"/v1/timelines/contacts/{contact_id}"
    for parameters, expected in (
        ({"from": day, "to": day}, within),
        ({"from": day}, [*within, after]),
        ({"to": day}, [before, *within]),
        ({"from": day, "to": last.isoformat()}, within),
        ({"from": last.isoformat(), "to": day}, within[1:]),
    ):
        items = require_ok(await rep.get(path, params=parameters))["items"]
        assert [item["id"] for item in items] == expected[::-1], parameters


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("type=FAX", "?type"),
        ("from=yesterday", "?from"),
        ("to=2026-11-20T12:00:00", "?to"),
        ("to=2026-11-20T00:00:00", "?to"),
        ("from=2026-02-30", "?from"),
        ("from=20261120", "?from"),
        ("from=2026-11-20T12:00:00+02:00", "?from"),
        ("from=0001-01-01", "?from"),
        ("from=2026-11-21&to=2026-11-20", "?to"),
        ("from=2026-11-21&to=2026-11-20T22:59:59Z", "?to"),
        ("from=2026-11-21T12:00:00Z&to=2026-11-20T12:00:00Z", "?to"),
        ("limit=0", "?limit"),
        ("cursor=bm9uc2Vuc2U", "?cursor"),
        ("sort=created_at", "?sort"),
        ("from_at=2026-11-20T12:00:00Z", "?from_at"),
    ],
)
async def test_a_wrong_parameter_is_named(rep: httpx.AsyncClient, contact_id: str, query: str, pointer: str) -> None:
    answer = await rep.get(f"/v1/timelines/contacts/{contact_id}?{query}")
    require_problem(answer, 422, "invalid-field", pointer)


async def test_a_move_stands_in_the_deals_and_the_contacts_timeline(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient, contact_id: str
) -> None:
    contact = make_contact_event(tenant.id, tenant.rep.id)
    deal = DealStory(PublishedPipeline.sales(tenant.id), tenant.rep.id, contact_id=contact.aggregate_id)
    events = [*deal.create(), *deal.move("Proposal"), *deal.move("Closed Won")]
    await note_deal_moves(events, service.database, SystemClock())
    await keep_replicas([contact, *events], service.database)
    for path in (f"deals/{deal.id}", f"contacts/{contact.aggregate_id}"):
        items = require_ok(await rep.get(f"/v1/timelines/{path}"))["items"]
        assert [item["body"] for item in items] == [
            "Deal moved from Proposal to Closed Won",
            "Deal moved from Qualification to Proposal",
        ]
        assert [datetime.fromisoformat(item["occurred_at"]) for item in items] == [
            entry["changed_at"] for entry in reversed(deal.history[1:])
        ]
    assert require_ok(await rep.get(f"/v1/timelines/contacts/{contact_id}"))["items"] == []


async def test_the_timeline_of_a_deal_made_this_moment_is_there(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient, owner: OwnerStandIn
) -> None:
    """Neither its creation nor its move need to have reached the replica."""
    deal = DealStory(PublishedPipeline.sales(tenant.id), tenant.rep.id)
    (created,) = deal.create()
    owner.show(created, tenant.rep.id)
    assert require_ok(await rep.get(f"/v1/timelines/deals/{deal.id}"))["items"] == []
    await note_deal_moves([*deal.move("Discovery")], service.database, SystemClock())
    (note,) = require_ok(await rep.get(f"/v1/timelines/deals/{deal.id}"))["items"]
    assert note["body"] == "Deal moved from Qualification to Discovery"
    require_problem(await service.client(tenant.other_rep).get(f"/v1/timelines/deals/{deal.id}"), 404, "not-found")
