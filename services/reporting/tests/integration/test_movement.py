"""GET /v1/reports/movement: buckets, money, sight, parameters, CSV. Figures are worked out by hand."""

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from services.reporting.tests.integration.movement_stories import (
    BUCKETS,
    DAY,
    FRIDAY,
    MONDAY,
    URL,
    WEEK,
    Reporting,
    list_filled,
    make_deal,
    on,
    publish,
    read_report,
)

from crm_reporting.consumers import keep_pipelines, keep_shares
from crm_shared.clock import new_id
from crm_testing.answers import require_ok, require_problem
from crm_testing.deal_stories import PublishedPipeline
from crm_testing.people import SeededTenant
from crm_testing.published_records import make_contact_event

pytestmark = pytest.mark.engines


async def test_each_difference_has_its_bucket(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    other = PublishedPipeline.sales(tenant.id, is_default=False)
    await keep_pipelines([other.publish()], reporting.database)
    midweek = MONDAY + DAY
    names = ["unchanged", "won", "lost", "deleted", "moved_out", "increased", "decreased", "gone before", "valueless"]
    amounts = ["1000", "100", "90", "80", "70", "60", "50", "40", None]
    deals = {name: make_deal(pipeline, tenant.rep, amount) for name, amount in zip(names, amounts, strict=True)}
    on(deals["won"], midweek).edit(amount=Decimal(150))
    deals["won"].move("Closed Won", at=midweek + DAY)
    deals["lost"].move("Closed Lost", at=midweek)
    on(deals["deleted"], midweek).delete()
    on(deals["moved_out"], midweek).edit(pipeline_id=other.id, stage_id=other.stage("Discovery").id)
    on(deals["increased"], midweek).edit(amount=Decimal(61))
    on(deals["decreased"], midweek).edit(amount=Decimal(48))
    on(deals["gone before"], MONDAY - DAY).delete()
    restored = make_deal(pipeline, tenant.rep, "5")
    on(restored, MONDAY - DAY).delete()
    on(restored, midweek).restore()
    reopened = make_deal(pipeline, tenant.rep, "6")
    reopened.move("Closed Lost", at=MONDAY - DAY)
    reopened.move("Proposal", at=midweek)
    moved_in = make_deal(other, tenant.rep, "7")
    on(moved_in, midweek).edit(pipeline_id=pipeline.id, stage_id=pipeline.stage("Negotiation").id)
    created = make_deal(pipeline, tenant.rep, "8", at=midweek, stage="Proposal")
    fleeting = make_deal(pipeline, tenant.rep, "9", at=midweek)
    fleeting.move("Closed Won", at=midweek + DAY)
    later = make_deal(pipeline, tenant.rep, "10", at=FRIDAY + DAY)
    await publish(reporting, *deals.values(), restored, reopened, moved_in, created, fleeting, later)

    report = await read_report(reporting, tenant.rep)

    assert report["start"] == {"deal_count": 8, "amount": "1450.00", "weighted": "145.00"}
    assert list_filled(report) == {
        "created": (1, "8.00"),
        "restored": (1, "5.00"),
        "reopened": (1, "6.00"),
        "moved_in": (1, "7.00"),
        "won": (1, "-100.00"),
        "lost": (1, "-90.00"),
        "deleted": (1, "-80.00"),
        "moved_out": (1, "-70.00"),
        "increased": (1, "1.00"),
        "decreased": (1, "-2.00"),
    }
    # 1000 + 61 + 48 + 5 at 10 %, 8 and 6 at 50 %, 7 at 75 %
    assert report["end"] == {"deal_count": 8, "amount": "1135.00", "weighted": "123.65"}
    assert (report["currency"], report["missing_rates"]) == ("EUR", [])
    assert report["pipeline_id"] == str(pipeline.id)
    assert datetime.fromisoformat(report["from"]) == MONDAY
    assert datetime.fromisoformat(report["to"]) == FRIDAY
    assert datetime.now(UTC) - datetime.fromisoformat(report["as_of"]) < timedelta(minutes=1)


async def test_what_happened_at_exactly_from_belongs_to_the_start(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    at_start, at_end = make_deal(pipeline, tenant.rep, "10"), make_deal(pipeline, tenant.rep, "20")
    at_start.move("Closed Won", at=MONDAY)
    at_end.move("Closed Won", at=FRIDAY)
    created = make_deal(pipeline, tenant.rep, "40", at=MONDAY)
    created_and_lost = make_deal(pipeline, tenant.rep, "80", at=MONDAY)
    created_and_lost.move("Closed Lost", at=FRIDAY)
    reopened = make_deal(pipeline, tenant.rep, "160", stage="Closed Lost")
    reopened.move("Proposal", at=FRIDAY)
    late = make_deal(pipeline, tenant.rep, "320", at=FRIDAY)
    await publish(reporting, at_start, at_end, created, created_and_lost, reopened, late)
    report = await read_report(reporting, tenant.rep)
    assert (report["start"]["amount"], report["end"]["amount"]) == ("140.00", "520.00")
    assert list_filled(report) == {
        "created": (1, "320.00"),
        "reopened": (1, "160.00"),
        "won": (1, "-20.00"),
        "lost": (1, "-80.00"),
    }
    nothing = await read_report(reporting, tenant.rep, to=MONDAY.isoformat())
    assert nothing["start"] == nothing["end"] == report["start"]
    assert list_filled(nothing) == {}


async def test_a_deal_has_the_first_bucket_that_fits(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    midweek = MONDAY + DAY
    won_and_deleted = make_deal(pipeline, tenant.rep, "1")
    won_and_deleted.move("Closed Won", at=midweek)
    won_and_deleted.delete()
    reborn = make_deal(pipeline, tenant.rep, "2", at=midweek)
    reborn.delete()
    reborn.restore()
    won_meanwhile = make_deal(pipeline, tenant.rep, "4")
    won_meanwhile.move("Closed Won", at=midweek)
    won_meanwhile.move("Proposal", at=midweek + DAY)
    published_late = make_deal(pipeline, tenant.rep, "8")
    on(published_late, FRIDAY + DAY).edit(amount=Decimal(9))
    published_late.move("Closed Lost", at=midweek)  # and the edit, which came later, is of a later day
    await publish(reporting, won_and_deleted, reborn, won_meanwhile, published_late)
    report = await read_report(reporting, tenant.rep)
    assert list_filled(report) == {"created": (1, "2.00"), "lost": (1, "-8.00"), "deleted": (1, "-1.00")}


async def test_todays_rights_decide_who_sees_the_past(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    handed, own = make_deal(pipeline, tenant.other_rep, "1"), make_deal(pipeline, tenant.rep, "2")
    on(handed, MONDAY + DAY).edit(owner_id=tenant.rep.id)
    gone = make_deal(pipeline, tenant.rep, "4")
    on(gone, MONDAY + DAY).delete()
    contact_id = new_id()
    shared = make_deal(pipeline, tenant.rep, "8", contact_id=contact_id)
    share = {"user_id": tenant.other_rep.id, "permission": "READ"}
    published = make_contact_event(tenant.id, tenant.rep.id, contact_id=contact_id, version=1, shares=[share])
    await keep_shares([published], reporting.database)
    await publish(reporting, handed, own, gone, shared)

    for person in (tenant.admin, tenant.manager, tenant.rep):
        report = await read_report(reporting, person)
        assert (report["start"]["amount"], list_filled(report)) == ("15.00", {"deleted": (1, "-4.00")})
    report = await read_report(reporting, tenant.other_rep)
    assert (report["start"]["amount"], report["end"]["amount"], list_filled(report)) == ("8.00", "8.00", {})
    for stranger in (await reporting.seed_tenant()).people:
        asked = {**WEEK, "pipeline_id": str(pipeline.id)}
        require_problem(await reporting.client(stranger).get(URL, params=asked), 404)


async def test_named_owners_are_those_of_each_moment(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    handed, kept = make_deal(pipeline, tenant.other_rep, "1"), make_deal(pipeline, tenant.rep, "2")
    on(handed, MONDAY + DAY).edit(owner_id=tenant.rep.id, amount=Decimal(3))
    await publish(reporting, handed, kept)
    by_owner = [
        await read_report(reporting, tenant.admin, owner_id=str(one.id)) for one in (tenant.rep, tenant.other_rep)
    ]
    assert [list_filled(report) for report in by_owner] == [{"moved_in": (1, "3.00")}, {"moved_out": (1, "-1.00")}]
    both = await read_report(reporting, tenant.admin, owner_id=[str(tenant.rep.id), str(tenant.other_rep.id)])
    assert list_filled(both) == {"increased": (1, "2.00")}
    nobody = await read_report(reporting, tenant.admin, owner_id=str(new_id()))
    assert (nobody["start"]["deal_count"], list_filled(nobody)) == (0, {})


async def test_probabilities_are_those_of_each_moment(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    first, *others = pipeline.stages
    better = pipeline.republished(stages=(type(first)(first.id, "Talks", 80, "OPEN"), *others), at=MONDAY + DAY)
    await keep_pipelines([better.publish()], reporting.database)
    await publish(reporting, make_deal(pipeline, tenant.rep, "10"))
    report = await read_report(reporting, tenant.rep)
    assert [report[end]["weighted"] for end in ("start", "end")] == ["1.00", "8.00"]
    assert list_filled(report) == {}


@pytest.mark.usefixtures("pipeline")
async def test_without_moments_it_is_the_week_until_now(reporting: Reporting, tenant: SeededTenant) -> None:
    client = reporting.client(tenant.rep)
    report = require_ok(await client.get(URL))
    assert datetime.fromisoformat(report["to"]) - datetime.fromisoformat(report["from"]) == 7 * DAY
    assert report["to"] == report["as_of"]
    assert report["start"] == report["end"] == {"deal_count": 0, "amount": "0.00", "weighted": "0.00"}
    assert list_filled(report) == {}
    early = require_ok(await client.get(URL, params={"to": "1900-01-02T00:00:00Z", "currency": "JPY"}))
    assert (early["from"], early["end"]["amount"]) == ("1900-01-01T00:00:00Z", "0")


@pytest.mark.usefixtures("pipeline")
@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({"from": "2026-11-03T00:00:00Z", "to": "2026-11-02T00:00:00Z"}, "?from"),
        ({"to": "2200-01-01T00:00:00Z"}, "?to"),
        ({"from": "2200-01-01T00:00:00Z"}, "?from"),
        ({"from": "2026-11-02"}, "?from"),
        ({"to": "2026-11-02T00:00:00"}, "?to"),
        ({"currency": "EURO"}, "?currency"),
        ({"bucket": "won"}, "?bucket"),
    ],
)
async def test_bad_input_is_named(
    reporting: Reporting, tenant: SeededTenant, asked: dict[str, str], pointer: str
) -> None:
    problem = require_problem(await reporting.client(tenant.rep).get(URL, params=asked), 422)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


async def test_csv_has_the_ends_around_the_buckets(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    await publish(reporting, make_deal(pipeline, tenant.rep, "10", at=MONDAY + DAY))
    answer = await reporting.client(tenant.rep).get(URL, params=WEEK, headers={"Accept": "text/csv"})
    assert answer.headers["Crm-Source"] == "primary"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["bucket"] for row in rows] == ["start", *BUCKETS, "end"]
    assert [row["amount"] for row in rows[:2]] == ["0.00", "10.00"]
    assert (rows[-1]["amount"], rows[-1]["weighted"], rows[-1]["currency"]) == ("10.00", "1.00", "EUR")
