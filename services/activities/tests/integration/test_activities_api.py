"""Logging and reading over HTTP: what is answered, what is told, what is refused."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from crm_activities.consumers import keep_replicas
from crm_activities.settings import ActivitiesSettings
from crm_shared.clock import new_id
from crm_shared.contracts.states import ActivityState
from crm_testing.answers import require_ok, require_problem
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.owners import OwnerStandIn
from crm_testing.people import SeededTenant
from crm_testing.published_records import make_contact_event
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[ActivitiesSettings]
PATH = "/v1/activities"


async def log(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    return require_ok(await client.post(PATH, json={"type": "NOTE", **fields}), 201)


async def test_a_logged_activity_is_answered_whole_read_back_alike_and_told(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient
) -> None:
    answer = await rep.post(PATH, json={"type": "CALL", "subject": "Offer", "direction": "OUTBOUND", "duration_s": 65})
    activity = require_ok(answer, 201)
    assert set(activity) == set(ActivityState.model_fields)
    assert (activity["user_id"], activity["version"], activity["system"]) == (str(tenant.rep.id), 1, False)
    assert activity["occurred_at"] == activity["created_at"]
    assert answer.headers["etag"] == '"1"'
    assert answer.headers["location"] == f"{PATH}/{activity['id']}"
    assert answer.headers["crm-position"]

    read = await rep.get(f"{PATH}/{activity['id']}")
    assert (require_ok(read), read.headers["etag"]) == (activity, '"1"')
    (event,) = await service.take_events(tenant.id)
    assert (event.type, event.version, event.actor_id) == ("crm.activity.logged", 1, tenant.rep.id)
    assert (event.state, event.changed) == (activity, None)


async def test_times_with_an_offset_are_told_and_answered_in_utc(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient
) -> None:
    activity = await log(rep, type="MEETING", scheduled_at="2026-12-01T10:00:00+01:00")
    assert activity["scheduled_at"] == "2026-12-01T09:00:00Z"
    assert require_ok(await rep.get(f"{PATH}/{activity['id']}")) == activity
    (event,) = await service.take_events(tenant.id)
    assert event.state == activity


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/type"]),
        ({"type": "FAX"}, ["/type"]),
        ({"type": "NOTE", "colour": "red"}, ["/colour"]),
        ({"type": "NOTE", "contact_id": "7"}, ["/contact_id"]),
        ({"type": "NOTE", "direction": "INBOUND", "duration_s": 5}, ["/direction", "/duration_s"]),
        ({"type": "EMAIL", "duration_s": 5}, ["/duration_s"]),
        ({"type": "CALL", "duration_s": -1}, ["/duration_s"]),
        ({"type": "CALL", "duration_s": 2**31}, ["/duration_s"]),
        ({"type": "CALL", "scheduled_at": "2026-12-01T10:00:00Z"}, ["/scheduled_at"]),
        ({"type": "TASK", "scheduled_at": "2026-12-01T10:00:00"}, ["/scheduled_at"]),
        ({"type": "TASK", "scheduled_at": "0001-01-01T00:00:00+14:00"}, ["/scheduled_at"]),
        ({"type": "TASK", "scheduled_at": "9999-12-31T23:59:59.9999999Z"}, ["/scheduled_at"]),
        ({"type": "TASK", "completed_at": "0001-01-01T00:00:00Z"}, ["/completed_at"]),
        ({"type": "NOTE", "occurred_at": "0001-01-01T00:00:00Z"}, ["/occurred_at"]),
        ({"type": "NOTE", "occurred_at": "yesterday"}, ["/occurred_at"]),
        ({"type": "NOTE", "body": "x" * 50_001}, ["/body"]),
        ({"type": "NOTE", "body": "nul \u0000"}, ["/body"]),
        ({"type": "NOTE", "version": 7}, ["/version"]),
        ({"type": "NOTE", "system": True}, ["/system"]),
    ],
)
async def test_a_wrong_field_is_named(rep: httpx.AsyncClient, body: dict[str, Any], pointers: list[str]) -> None:
    require_problem(await rep.post(PATH, json=body), 422, "invalid-field", *pointers)


async def test_bodies_that_are_no_json_are_refused(rep: httpx.AsyncClient) -> None:
    json_type = {"content-type": "application/json"}
    require_problem(await rep.post(PATH, content=b"{", headers=json_type), 400, "malformed-request")
    require_problem(await rep.post(PATH, content=b"type=NOTE"), 415, "unsupported-media-type")


async def test_a_reference_is_taken_from_the_replica(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient, owner: OwnerStandIn
) -> None:
    contact = make_contact_event(tenant.id, tenant.rep.id)
    await keep_replicas([contact], service.database)
    activity = await log(rep, contact_id=str(contact.aggregate_id))
    assert activity["contact_id"] == str(contact.aggregate_id)
    assert owner.asked == []


async def test_a_record_that_is_not_here_yet_is_asked_of_its_owner_once(
    tenant: SeededTenant, rep: httpx.AsyncClient, owner: OwnerStandIn
) -> None:
    contact = make_contact_event(tenant.id, tenant.rep.id)
    owner.show(contact, tenant.rep.id)
    for _ in range(2):
        await log(rep, contact_id=str(contact.aggregate_id))
    assert owner.asked == [f"/v1/contacts/{contact.aggregate_id}"]


async def test_a_reference_to_nothing_in_sight_is_unknown(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient, owner: OwnerStandIn
) -> None:
    others = make_contact_event(tenant.id, tenant.other_rep.id)
    await keep_replicas([others], service.database)
    body = {"type": "NOTE", "contact_id": str(others.aggregate_id), "deal_id": str(new_id())}
    require_problem(await rep.post(PATH, json=body), 422, "unknown-reference", "/contact_id", "/deal_id")
    assert len(owner.asked) == 2
    assert await service.take_events(tenant.id) == []


async def test_while_the_owner_is_away_what_only_it_knows_is_503(rep: httpx.AsyncClient, owner: OwnerStandIn) -> None:
    owner.status = 503
    answer = await rep.post(PATH, json={"type": "NOTE", "contact_id": str(new_id())})
    require_problem(answer, 503, "unavailable")
    assert answer.headers["retry-after"]


async def test_a_deal_named_alone_brings_its_contact(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient
) -> None:
    contact, other = make_contact_event(tenant.id, tenant.rep.id), make_contact_event(tenant.id, tenant.rep.id)
    deal = DealStory(PublishedPipeline.sales(tenant.id), tenant.rep.id, contact_id=contact.aggregate_id)
    bare = DealStory(PublishedPipeline.sales(tenant.id), tenant.rep.id)
    await keep_replicas([contact, other, *deal.create(), *bare.create()], service.database)
    assert (await log(rep, deal_id=str(deal.id)))["contact_id"] == str(contact.aggregate_id)
    named = await log(rep, deal_id=str(deal.id), contact_id=str(other.aggregate_id))
    assert named["contact_id"] == str(other.aggregate_id)
    assert (await log(rep, deal_id=str(bare.id)))["contact_id"] is None

    plain = await log(rep)
    edited = require_ok(await rep.patch(f"{PATH}/{plain['id']}", json={"deal_id": str(deal.id)}))
    assert edited["contact_id"] == str(contact.aggregate_id)
    kept = require_ok(await rep.patch(f"{PATH}/{named['id']}", json={"deal_id": str(deal.id), "subject": "x"}))
    assert kept["contact_id"] == str(other.aggregate_id)
    cleared = require_ok(await rep.patch(f"{PATH}/{named['id']}", json={"deal_id": str(bare.id), "contact_id": None}))
    assert (cleared["deal_id"], cleared["contact_id"]) == (str(bare.id), None)


async def test_one_may_log_for_those_whose_records_one_sees(service: Kit, tenant: SeededTenant) -> None:
    people = {"admin": tenant.admin, "manager": tenant.manager, "rep": tenant.rep, "other_rep": tenant.other_rep}
    allowed = {
        "admin": set(people),
        "manager": {"manager", "rep"},
        "rep": {"rep"},
        "other_rep": {"other_rep"},
    }
    for caller_name, caller in people.items():
        for user_name, user in people.items():
            answer = await service.client(caller).post(PATH, json={"type": "NOTE", "user_id": str(user.id)})
            if user_name in allowed[caller_name]:
                assert require_ok(answer, 201)["user_id"] == str(user.id)
            else:
                require_problem(answer, 422, "unknown-reference", "/user_id")


async def test_nobody_logs_for_a_user_who_is_gone(service: Kit, tenant: SeededTenant, owner: OwnerStandIn) -> None:
    async with service.database.begin_as_worker() as transaction:
        await transaction.execute(
            "UPDATE directory_users SET active = false WHERE tenant_id = $1 AND id = $2", tenant.id, tenant.rep.id
        )
    admin = service.client(tenant.admin)
    for user_id in (tenant.rep.id, new_id()):
        answer = await admin.post(PATH, json={"type": "NOTE", "user_id": str(user_id)})
        require_problem(answer, 422, "unknown-reference", "/user_id")
    assert len(owner.asked) == 1  # the deactivated one is known here


async def test_an_answer_names_an_activity_in_sight(service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient) -> None:
    sent = await log(rep, type="EMAIL", direction="OUTBOUND")
    received = await log(rep, type="EMAIL", direction="INBOUND", in_reply_to=sent["id"])
    assert received["in_reply_to"] == sent["id"]
    hidden = await log(service.client(tenant.other_rep))
    for unknown in (hidden["id"], str(new_id())):
        answer = await rep.post(PATH, json={"type": "EMAIL", "in_reply_to": unknown})
        require_problem(answer, 422, "unknown-reference", "/in_reply_to")
        answer = await rep.patch(f"{PATH}/{sent['id']}", json={"in_reply_to": unknown})
        require_problem(answer, 422, "unknown-reference", "/in_reply_to")
    answer = await rep.patch(f"{PATH}/{sent['id']}", json={"in_reply_to": sent["id"]})
    require_problem(answer, 422, "invalid-field", "/in_reply_to")


async def test_the_same_key_logs_once(service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "call-17"}
    first = await rep.post(PATH, json={"type": "CALL"}, headers=key)
    again = await rep.post(PATH, json={"type": "CALL"}, headers=key)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    require_problem(await rep.post(PATH, json={"type": "NOTE"}, headers=key), 422, "idempotency-key-reused")
    assert len(await service.take_events(tenant.id)) == 1


async def test_a_path_that_is_no_id_is_not_found(rep: httpx.AsyncClient) -> None:
    for path in (f"{PATH}/7", f"{PATH}/{UUID(int=0)}", "/v1/timelines/contacts/7", "/v1/timelines/companies/7"):
        require_problem(await rep.get(path), 404, "not-found")


async def test_without_a_token_nothing_is_answered(service: Kit) -> None:
    stranger = service.client_with(None)
    for path in (PATH, f"{PATH}/{new_id()}", f"/v1/timelines/deals/{new_id()}"):
        require_problem(await stranger.get(path), 401, "unauthenticated")
    require_problem(await stranger.post(PATH, content=b"{"), 401, "unauthenticated")


async def test_an_activity_may_lie_in_the_past_or_the_future(rep: httpx.AsyncClient) -> None:
    for days in (-400, 30):
        occurred_at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)
        activity = await log(rep, type="MEETING", occurred_at=occurred_at.isoformat())
        assert datetime.fromisoformat(activity["occurred_at"]) == occurred_at


async def test_every_table_stands_under_row_level_security(service: Kit) -> None:
    assert await service.list_unprotected() == []


async def test_every_moment_and_day_has_a_range_check(service: Kit) -> None:
    assert await service.list_unchecked_times() == []


async def test_a_duration_of_nothing_belongs_to_no_note_either(rep: httpx.AsyncClient) -> None:
    require_problem(await rep.post("/v1/activities", json={"type": "NOTE", "duration_s": 0}), 422, "invalid-field")
    call = require_ok(await rep.post("/v1/activities", json={"type": "CALL", "duration_s": 0}), 201)
    path = f"/v1/activities/{call['id']}"
    require_problem(await rep.patch(path, json={"type": "NOTE"}), 422, "invalid-field")
    assert require_ok(await rep.patch(path, json={"type": "NOTE", "duration_s": None}))["duration_s"] is None
