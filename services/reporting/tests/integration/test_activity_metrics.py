"""GET /v1/reports/activity-metrics: what was done by day, how e-mails were answered, and for whose eyes."""

import csv
import io
from datetime import datetime, timedelta
from typing import Any

import pytest
from services.reporting.tests.integration.mail_stories import NOON, Mailbox, Reporting, publish_activity

from crm_reporting.consumers import keep_activities, keep_pipelines, keep_shares, project_deals
from crm_shared.clock import new_id
from crm_testing.answers import require_ok, require_problem
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.people import Person, SeededTenant
from crm_testing.published_records import PublishedRecord

pytestmark = pytest.mark.engines

URLS = ("/v1/reports/activity-metrics", "/v1/reports/response-times")
NOVEMBER = {"from": "2026-11-01", "to": "2026-11-30"}
DAY_H = 24


async def read(reporting: Reporting, person: Person, **parameters: Any) -> dict[str, Any]:
    answer: dict[str, Any] = require_ok(await reporting.client(person).get(URLS[0], params=NOVEMBER | parameters))
    return answer


def rows(report: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Return day of the month, calls, emails, meetings, notes and tasks done of each item."""
    return [(int(item["date"][-2:]), *list(item.values())[2:]) for item in report["items"]]


async def log(
    reporting: Reporting, tenant: SeededTenant, type_: str, at: datetime = NOON, **fields: Any
) -> PublishedRecord:
    published = publish_activity(tenant, type_, tenant.rep, at, **fields)
    await keep_activities([published.publish()], reporting.database)
    return published


async def test_each_kind_is_counted_on_its_day(reporting: Reporting, tenant: SeededTenant) -> None:
    for type_, fields in (
        ("CALL", {"direction": "INBOUND"}), ("CALL", {}), ("MEETING", {}), ("NOTE", {}), ("EMAIL", {}),
        ("EMAIL", {"direction": "INBOUND"}), ("EMAIL", {"direction": "OUTBOUND"}),
        ("EMAIL", {"direction": "OUTBOUND", "is_automatic": True}), ("NOTE", {"system": True}),
        ("CALL", {"deleted_at": NOON}), ("TASK", {}), ("TASK", {"completed_at": NOON + timedelta(days=1)}),
        ("CALL", {"user_id": None}),
    ):  # fmt: skip
        await log(reporting, tenant, type_, **fields)
    report = await read(reporting, tenant.admin)
    assert rows(report) == [(10, 2, 3, 1, 1, 0), (11, 0, 0, 0, 0, 1)]
    assert {item["user_id"] for item in report["items"]} == {str(tenant.rep.id)}


@pytest.mark.parametrize(
    ("time_zone", "days"), [("Europe/Berlin", [25, 25, 26]), ("UTC", [24, 25, 25]), ("Asia/Tokyo", [25, 26, 26])]
)
async def test_a_day_of_twenty_five_hours(
    reporting: Reporting, tenant: SeededTenant, time_zone: str, days: list[int]
) -> None:
    for at in ("2026-10-24T22:00:00+00:00", "2026-10-25T22:59:59.999+00:00", "2026-10-25T23:00:00+00:00"):
        await log(reporting, tenant, "CALL", datetime.fromisoformat(at))
    window = {"from": "2026-10-24", "to": "2026-10-26", "time_zone": time_zone}
    found = [row[0] for row in rows(await read(reporting, tenant.admin, **window)) for _ in range(row[1])]
    assert found == days
    only = {**window, "from": "2026-10-25", "to": "2026-10-25"}
    assert sum(row[1] for row in rows(await read(reporting, tenant.admin, **only))) == days.count(25)


async def read_responses(mailbox: Mailbox, **parameters: Any) -> tuple[Any, ...]:
    """Return sent, answered, rate and median in hours of the only rep there is."""
    [user] = (await read(mailbox.reporting, mailbox.tenant.admin, **parameters))["users"]
    median_s = user["median_response_s"]
    hours = None if median_s is None else median_s / 3600
    return user["emails_sent"], user["responses"], user["email_response_rate"], hours


async def test_an_email_is_answered_by_name_or_by_a_contact_within_seven_days(mailbox: Mailbox) -> None:
    by_id = await mailbox.log("OUTBOUND", 0, contact_ids=[])
    await mailbox.log("INBOUND", 10 * DAY_H, contact_ids=[], in_reply_to=by_id.id)
    assert await read_responses(mailbox) == (1, 1, 1.0, 240)

    await mailbox.log("OUTBOUND", 0, contact_ids=[new_id()], message_id="<one@example.com>")
    await mailbox.log("INBOUND", 20 * DAY_H, contact_ids=[new_id()], reference_ids=["one@example.com", "two@x"])
    assert await read_responses(mailbox) == (2, 2, 1.0, 360)

    one, other = new_id(), new_id()
    await mailbox.log("OUTBOUND", 0, contact_ids=[one, other])
    await mailbox.log("INBOUND", -1, contact_ids=[other])
    await mailbox.log("INBOUND", 30, contact_ids=[new_id(), other])
    await mailbox.log("INBOUND", 24, contact_ids=[one], is_automatic=True)
    assert await read_responses(mailbox) == (3, 3, 1.0, 240)

    late = new_id()
    await mailbox.log("OUTBOUND", 0, contact_ids=[late])
    await mailbox.log("INBOUND", 7 * DAY_H + 0.001, contact_ids=[late])
    await mailbox.log("OUTBOUND", 0, contact_ids=[late], is_automatic=True)
    assert await read_responses(mailbox) == (4, 3, 0.75, 240)


async def test_a_response_counts_for_when_the_email_was_sent(mailbox: Mailbox) -> None:
    await mailbox.log("OUTBOUND", 0)
    await mailbox.log("INBOUND", DAY_H)
    assert await read_responses(mailbox, to="2026-11-10") == (1, 1, 1.0, 24)
    assert await read_responses(mailbox, **{"from": "2026-11-11"}) == (0, 0, None, None)


async def test_who_sees_what_was_done(reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline) -> None:
    owned, shared = (
        PublishedRecord.new(
            "contact", tenant.id, first_name="Ada", owner_id=tenant.admin.id if is_shared else tenant.other_rep.id,
            shares=[{"user_id": tenant.other_rep.id, "permission": "READ"}] if is_shared else [],
        )
        for is_shared in (False, True)
    )  # fmt: skip
    deal = DealStory(pipeline, tenant.other_rep.id)
    of_shared = DealStory(pipeline, tenant.admin.id, contact_id=shared.id)
    await keep_shares([owned.publish(), shared.publish()], reporting.database)
    await project_deals([*deal.create(), *of_shared.create()], reporting.database)
    await log(reporting, tenant, "CALL")
    await log(reporting, tenant, "NOTE", contact_ids=[new_id(), owned.id])
    await log(reporting, tenant, "MEETING", deal_id=deal.id)
    await log(reporting, tenant, "EMAIL", contact_ids=[shared.id])
    await log(reporting, tenant, "TASK", completed_at=NOON, deal_id=of_shared.id)

    seen = {person.id: rows(await read(reporting, person)) for person in tenant.people}
    everything = [(10, 1, 1, 1, 1, 1)]
    assert seen == dict.fromkeys((person.id for person in tenant.people), everything) | {
        tenant.other_rep.id: [(10, 0, 1, 1, 1, 1)]
    }
    await keep_shares([owned.delete(), shared.change(shares=[])], reporting.database)
    await project_deals([*deal.delete()], reporting.database)
    assert rows(await read(reporting, tenant.other_rep)) == []
    assert rows(await read(reporting, tenant.rep)) == everything


async def test_filters(reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline) -> None:
    other = PublishedPipeline.sales(tenant.id, is_default=False)
    await keep_pipelines([other.publish()], reporting.database)
    deals = DealStory(pipeline, tenant.rep.id), DealStory(other, tenant.rep.id)
    await project_deals([event for deal in deals for event in deal.create()], reporting.database)
    await log(reporting, tenant, "CALL")
    await log(reporting, tenant, "NOTE", deal_id=deals[0].id)
    await log(reporting, tenant, "MEETING", deal_id=deals[1].id, user_id=tenant.other_rep.id)
    await log(reporting, tenant, "TASK", deal_id=deals[1].id, completed_at=NOON)

    async def ask(**parameters: Any) -> list[tuple[Any, ...]]:
        return sorted(rows(await read(reporting, tenant.admin, **parameters)))

    assert await ask(pipeline_id=str(pipeline.id)) == [(10, 0, 0, 0, 1, 0)]
    assert await ask(pipeline_id=str(other.id)) == [(10, 0, 0, 0, 0, 1), (10, 0, 0, 1, 0, 0)]
    assert await ask(owner_id=str(tenant.rep.id)) == [(10, 1, 0, 0, 1, 1)]
    assert await ask(owner_id=[str(tenant.rep.id), str(tenant.other_rep.id)], pipeline_id=str(other.id)) == [
        (10, 0, 0, 0, 0, 1), (10, 0, 0, 1, 0, 0),
    ]  # fmt: skip
    assert await ask(owner_id=str(tenant.manager.id)) == []


async def test_csv_has_the_responses_on_each_day_of_a_rep(mailbox: Mailbox) -> None:
    await mailbox.log("OUTBOUND", 0)
    await mailbox.log("INBOUND", DAY_H)
    answer = await mailbox.reporting.client(mailbox.tenant.admin).get(
        URLS[0], params=NOVEMBER, headers={"Accept": "text/csv"}
    )
    found = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [row["date"] for row in found] == ["2026-11-10", "2026-11-11"]
    assert {(row["emails"], row["emails_sent"], row["median_response_s"]) for row in found} == {("1", "1", "86400.0")}


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize(
    ("parameters", "pointer"),
    [
        ({"from": "2026-11-02", "to": "2026-11-01"}, "?from"),
        ({"from": "yesterday"}, "?from"),
        ({"to": "1899-12-31"}, "?to"),
        ({"owner_id": "me"}, "?owner_id"),
        ({"pipeline_id": "sales"}, "?pipeline_id"),
        ({"time_zone": "Berlin"}, "?time_zone"),
        ({"currency": "EURO"}, "?currency"),
        ({"group_by": "owner"}, "?group_by"),
    ],
)
async def test_bad_parameters_are_named(
    reporting: Reporting, tenant: SeededTenant, url: str, parameters: dict[str, str], pointer: str
) -> None:
    answer = await reporting.client(tenant.admin).get(url, params=parameters)
    require_problem(answer, 422, "invalid-field", pointer)


@pytest.mark.parametrize("url", URLS)
async def test_a_tenant_in_which_nothing_has_happened_yet(reporting: Reporting, tenant: SeededTenant, url: str) -> None:
    """No pipeline is needed: activities need not be of a deal."""
    client = reporting.client(tenant.rep)
    assert require_ok(await client.get(url))["items"] == []
    require_problem(await client.get(url, params={"pipeline_id": str(new_id())}), 404, "not-found")
    require_problem(await client.post(url), 405)
    require_problem(await reporting.client_with(None).get(url), 401, "unauthenticated")


@pytest.mark.parametrize("window", [{"from": "1900-01-01", "to": "2200-12-31"}, {"to": "1900-01-01"}])
@pytest.mark.parametrize("url", URLS)
async def test_the_ends_of_time(reporting: Reporting, tenant: SeededTenant, url: str, window: dict[str, str]) -> None:
    require_ok(await reporting.client(tenant.admin).get(url, params=window))
