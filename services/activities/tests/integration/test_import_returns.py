"""What an export gives, an import takes back unchanged, in whatever state the activities are."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from services.activities.tests.integration.importing import EXPORT, Kit, know, list_activities, read_errors, run

from crm_activities import consumers
from crm_shared.clock import SystemClock
from crm_testing.answers import require_ok
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.people import SeededTenant

pytestmark = pytest.mark.engines

BEGAN: Final = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
TEXTS: Final = st.one_of(
    st.sampled_from(
        ["=1+1", "'=x", "a;b", '"quoted"', " - ", "Zoë\r\nnew; line", "\t+1", "NULL", "'", "Cafe\u0301", "@x"]
    ),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40),
)
LINES: Final = st.sampled_from(["=1+1", "'+49", "a;b", '"q"', "", "Zoë", "@home", "- x", "'", "x  y"])
MOMENTS: Final = st.integers(0, 2**31).map(lambda number: BEGAN + timedelta(microseconds=number * 1001))
FILE: Final = {"name": 'a"; b', "url": "https://files.example/a;b", "media_type": None, "size_bytes": 3}


@st.composite
def activities(draw: st.DrawFn) -> dict[str, Any]:
    """Draw what a POST takes, of any type with any of its fields."""
    of_type: dict[str, dict[str, st.SearchStrategy[Any]]] = {
        "NOTE": {},
        "CALL": {
            "direction": st.sampled_from(["INBOUND", "OUTBOUND"]),
            "outcome": st.sampled_from(["BUSY", "NO_ANSWER"]),
            "duration_s": st.integers(0, 9999),
        },
        "TASK": {
            "scheduled_on": st.just("2026-12-01"),
            "completed_at": MOMENTS,
            "priority": st.sampled_from(["LOW", "HIGH"]),
            "remind_at": MOMENTS,
        },
        "MEETING": {
            "scheduled_at": MOMENTS,
            "location": LINES.filter(bool),
            "duration_s": st.integers(0, 9999),
            "recurrence": st.just({"rrule": "FREQ=WEEKLY;COUNT=1", "time_zone": "Europe/Berlin"}),
        },
        "EMAIL": {
            "direction": st.sampled_from(["INBOUND", "OUTBOUND"]),
            "reference_ids": st.lists(st.sampled_from(["<a@x>", "<b;c@x>", '"q"@x', "=1@x"]), max_size=3, unique=True),
            "is_automatic": st.booleans(),
            "attachments": st.just([FILE]),
        },
    }
    kind = draw(st.sampled_from(sorted(of_type)))
    common = {"subject": LINES, "body": TEXTS, "occurred_at": MOMENTS, "in_reply_to": st.just("the first")}
    wanted = draw(st.fixed_dictionaries({}, optional={**common, **of_type[kind]}))
    if kind == "MEETING" and "scheduled_at" not in wanted:
        wanted.pop("recurrence", None)
    return {"type": kind, **{name: v.isoformat() if isinstance(v, datetime) else v for name, v in wanted.items()}}


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(activities(), min_size=3, max_size=12), st.sampled_from(["update", "upsert"]))
async def test_an_export_comes_back_unchanged(service: Kit, sent: list[dict[str, Any]], mode: str) -> None:
    tenant = await service.seed_tenant()
    rep = service.client(tenant.rep)
    contact = await know(service, tenant, first_name="=Zoë", email="zoe@acme.example")
    deal = await know(service, tenant, "deal", name="R; D", contact_id=contact.id)
    first: str | None = None
    for number, one in enumerate(sent):
        body = {**one, "external_id": f"'{number}", **({"deal_id": str(deal.id)} if number % 2 else {})}
        if number % 3:
            body["contact_ids"] = [str(contact.id)]
        if one["type"] == "EMAIL":
            body["message_id"] = f"<{number};@acme.example>"
        if body.pop("in_reply_to", None) and first is not None:
            body["in_reply_to"] = first
        first = require_ok(await rep.post("/v1/activities", json=body), 201)["id"]
    before = await list_activities(service, tenant.rep)
    await service.take_events(tenant.id)

    job = await run(service, tenant.rep, (await rep.get(EXPORT)).content, mode=mode, chunk_rows=5)

    assert job["counts"]["unchanged"] == len(before), await read_errors(service, tenant.rep, job)
    assert (job["counts"]["failed"], job["warnings"]) == (0, [])
    assert await list_activities(service, tenant.rep) == before
    assert await service.take_events(tenant.id) == []


async def test_states_that_no_request_could_set_come_back_too(service: Kit, tenant: SeededTenant) -> None:
    """A system's note, one of a user who left, of a contact that is deleted, merged or out of sight, one erased."""
    rep, manager = service.client(tenant.rep), service.client(tenant.manager)
    gone, merged, survivor, erased, hidden = [
        await know(service, tenant, email=f"{name}@acme.example") for name in ("gone", "merged", "stays", "was", "far")
    ]
    for one in (gone, merged, erased, hidden):
        sent = {"type": "TASK", "subject": "x", "body": "of one", "contact_id": str(one.id)}
        require_ok(await rep.post("/v1/activities", json=sent), 201)
    story = DealStory(PublishedPipeline.sales(tenant.id), tenant.rep.id)
    moves = [*story.create(), *story.move("Proposal")]
    events = [
        *moves,
        gone.delete(),
        merged.change(merged_into=survivor.id, deleted_at=BEGAN),
        erased.erase(),
        hidden.change(owner_id=tenant.other_rep.id),
    ]
    await consumers.keep_replicas(events, service.database)
    await consumers.note_deal_moves(moves, service.database, SystemClock())
    await consumers.forget_contacts(events, service.database, SystemClock())
    async with service.database.begin(tenant.id) as transaction:
        await transaction.execute(
            "UPDATE directory_users SET active = false WHERE tenant_id = $1 AND id = $2", tenant.id, tenant.rep.id
        )
    before = await list_activities(service, tenant.manager)
    assert {one["system"] for one in before} == {True, False}
    assert any(one["erased_at"] for one in before)

    for mode in ("update", "upsert"):
        job = await run(service, tenant.manager, (await manager.get(EXPORT)).content, mode=mode)
        assert job["counts"]["unchanged"] == len(before), await read_errors(service, tenant.manager, job)
    assert await list_activities(service, tenant.manager) == before


async def test_what_is_ours_to_give_is_told_of(service: Kit, tenant: SeededTenant) -> None:
    content = "type,subject,thread_id,recurrence,created_at\nNOTE,a,x,{},2026-01-01\n"
    job = await run(service, tenant.admin, content)
    assert job["counts"]["created"] == 1
    assert {warning["column"] for warning in job["warnings"]} == {"thread_id", "recurrence", "created_at"}
