"""GET /v1/reports/win-rate: figures worked by hand, groups, sight, money, CSV."""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from services.reporting.tests.integration.closed_deals import Reporting, project, publish_closed, set_rates

from crm_reporting.consumers import keep_directory, keep_shares
from crm_reporting.reports.closings import reasons as reason_queries
from crm_shared.clock import new_id
from crm_testing.answers import require_ok, require_problem
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.people import Person, SeededTenant, publish_user
from crm_testing.published_records import make_contact_event

pytestmark = pytest.mark.engines

URL = "/v1/reports/win-rate"
NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
NOVEMBER = {"from": "2026-11-01", "to": "2026-11-30"}


async def read_report(reporting: Reporting, person: Person, **parameters: Any) -> dict[str, Any]:
    return require_ok(await reporting.client(person).get(URL, params={**NOVEMBER, **parameters}))


async def count_closed(reporting: Reporting, person: Person, **parameters: Any) -> tuple[int, int]:
    report = await read_report(reporting, person, **parameters)
    return sum(item["won"] for item in report["items"]), sum(item["lost"] for item in report["items"])


async def test_figures_worked_by_hand(reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline) -> None:
    """Of five closed two were won: 100.00 in 4 days and 0.05 in 7; one of three of another rep's."""
    rae, otto = tenant.rep.id, tenant.other_rep.id
    days = [timedelta(days=number) for number in range(10)]
    open_deal = DealStory(pipeline, rae)
    open_deal.create()
    await project(
        reporting,
        publish_closed(pipeline, rae, NOON, "100.00", cycle=days[4]),
        publish_closed(pipeline, rae, NOON, "0.05", cycle=days[7]),
        *(publish_closed(pipeline, rae, NOON, to="Closed Lost", cycle=days[1]) for _ in range(3)),
        publish_closed(pipeline, otto, NOON, None, cycle=days[9]),
        *(publish_closed(pipeline, otto, NOON, to="Closed Lost") for _ in range(2)),
        open_deal,
    )

    report = await read_report(reporting, tenant.admin)

    assert report == {
        "pipeline_id": str(pipeline.id),
        "as_of": report["as_of"],
        **NOVEMBER,
        "group_by": "owner",
        "currency": "EUR",
        "items": [
            {
                "group": str(otto),
                "owner_name": "Otto Other",
                "won": 1,
                "lost": 2,
                "rate": 0.3333,
                "average_won": "0.00",
                "median_cycle_days": 9.0,
            },
            {
                "group": str(rae),
                "owner_name": "Rae Rep",
                "won": 2,
                "lost": 3,
                "rate": 0.4,
                "average_won": "50.02",  # 50.025, half to even
                "median_cycle_days": 5.5,
            },
        ],
        "left_out": 0,
        "missing_rates": [],
    }


async def test_the_present_closing_counts(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    """A deal that was lost in October, reopened and won in November was won in November and lost never."""
    won = publish_closed(pipeline, tenant.rep.id, NOON - timedelta(days=30), to="Closed Lost")
    won.move("Proposal", at=NOON - timedelta(days=20))
    reopened = publish_closed(pipeline, tenant.rep.id, NOON)
    deleted = publish_closed(pipeline, tenant.rep.id, NOON)
    await project(reporting, won, reopened, deleted)
    assert await count_closed(reporting, tenant.rep, **{"from": "2026-10-01"}) == (2, 0)
    won.move("Closed Won", at=NOON)
    reopened.move("Proposal")
    deleted.delete()
    await project(reporting, won, reopened, deleted)
    assert await count_closed(reporting, tenant.rep, **{"from": "2026-10-01"}) == (1, 0)
    assert await count_closed(reporting, tenant.rep, **{"from": "2026-10-01", "to": "2026-10-31"}) == (0, 0)
    deleted.restore()
    await project(reporting, deleted)
    assert await count_closed(reporting, tenant.rep) == (2, 0)


async def test_by_source_of_the_contact_as_it_is_now(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    contacts = {source: new_id() for source in ("INBOUND", "REFERRAL", None)}
    events = [
        make_contact_event(tenant.id, tenant.rep.id, contact_id=contact_id, source=source)
        for source, contact_id in contacts.items()
    ]
    await keep_shares(events, reporting.database)
    by_contact = [*contacts.values(), contacts["REFERRAL"], contacts["REFERRAL"], None, new_id()]
    await project(
        reporting, *(publish_closed(pipeline, tenant.rep.id, NOON, contact_id=contact_id) for contact_id in by_contact)
    )

    async def count() -> dict[str | None, int]:
        report = await read_report(reporting, tenant.rep, group_by="source")
        assert all("owner_name" not in item for item in report["items"])
        return {item["group"]: item["won"] for item in report["items"]}

    assert list((await count()).items()) == [("REFERRAL", 3), ("INBOUND", 1), (None, 3)]
    referral = contacts["REFERRAL"]
    deleted: dict[str, Any] = {
        "version": 2,
        "source": "OUTBOUND",
        "deleted_at": "2026-11-11T09:00:00Z",
    }
    await keep_shares(
        [make_contact_event(tenant.id, tenant.rep.id, contact_id=referral, **deleted)], reporting.database
    )
    assert await count() == {"OUTBOUND": 3, "INBOUND": 1, None: 3}


async def test_a_deal_follows_its_contact_when_that_is_merged(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    gone, left = new_id(), new_id()
    published = [
        make_contact_event(tenant.id, tenant.rep.id, contact_id=gone, source="INBOUND"),
        make_contact_event(tenant.id, tenant.rep.id, contact_id=left, source="REFERRAL"),
    ]
    merged: dict[str, Any] = {
        "version": 2,
        "source": "INBOUND",
        "merged_into": left,
        "deleted_at": "2026-11-11T09:00:00Z",
    }
    await keep_shares(published, reporting.database)
    deal = publish_closed(pipeline, tenant.rep.id, NOON, contact_id=gone)
    await project(reporting, deal)

    async def name_sources() -> list[str | None]:
        return [item["group"] for item in (await read_report(reporting, tenant.rep, group_by="source"))["items"]]

    await keep_shares([make_contact_event(tenant.id, tenant.rep.id, contact_id=gone, **merged)], reporting.database)
    assert await name_sources() == ["INBOUND"]
    deal.edit(contact_id=left, original_contact_id=gone)
    await project(reporting, deal)
    assert await name_sources() == ["REFERRAL"]


async def test_by_lost_reason_lost_deals_alone(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    reasons = ["Price", "Price", "Timing", None, None, None, "=1+1", "", "x" * 50_000, "x" * 40_000 + "y"]
    lost = [
        publish_closed(pipeline, tenant.rep.id, NOON, to="Closed Lost", lost_reason=reason, currency="USD")
        for reason in reasons
    ]
    await project(reporting, *lost, publish_closed(pipeline, tenant.rep.id, NOON, currency="USD"))

    report = await read_report(reporting, tenant.rep, group_by="lost_reason")

    assert [(item["group"], item["won"], item["lost"], item["rate"]) for item in report["items"]] == [
        ("Price", 0, 2, 0.0),
        ("x" * 500, 0, 2, 0.0),
        ("=1+1", 0, 1, 0.0),
        ("Timing", 0, 1, 0.0),
        (None, 0, 4, 0.0),
    ]
    assert {(item["average_won"], item["median_cycle_days"]) for item in report["items"]} == {(None, None)}
    assert (report["left_out"], report["missing_rates"]) == (0, [])
    monkeypatch.setattr(reason_queries, "MAX_REASONS", 2)
    report = await read_report(reporting, tenant.rep, group_by="lost_reason")
    assert [item["lost"] for item in report["items"]] == [2, 4]
    assert report["left_out"] == 4


async def test_each_sees_their_own(reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline) -> None:
    shared = new_id()
    shares = [{"user_id": tenant.other_rep.id, "permission": "READ"}]
    await keep_shares(
        [make_contact_event(tenant.id, tenant.rep.id, contact_id=shared, shares=shares)], reporting.database
    )
    owners = {tenant.admin: 1, tenant.manager: 2, tenant.rep: 4, tenant.other_rep: 8}
    await project(
        reporting,
        *(publish_closed(pipeline, owner.id, NOON) for owner, count in owners.items() for _ in range(count)),
        publish_closed(pipeline, tenant.rep.id, NOON, contact_id=shared, to="Closed Lost"),
        publish_closed(pipeline, tenant.other_rep.id, NOON, contact_id=shared, to="Closed Lost"),
    )
    counts = {person.full_name: await count_closed(reporting, person) for person in tenant.people}
    assert counts == {"Ada Admin": (15, 2), "Mia Manager": (6, 1), "Rae Rep": (4, 1), "Otto Other": (8, 2)}

    async def count(person: Person, *owners: Person) -> tuple[int, int]:
        return await count_closed(reporting, person, owner_id=[owner.id for owner in owners])

    assert await count(tenant.admin, tenant.rep, tenant.other_rep) == (12, 2)
    assert await count(tenant.manager, tenant.rep, tenant.other_rep) == (4, 1)
    assert await count(tenant.rep, tenant.manager) == (0, 0)
    assert await count(tenant.other_rep, tenant.rep) == (0, 1)
    strangers = await reporting.seed_tenant()
    for stranger in strangers.people:
        answer = await reporting.client(stranger).get(URL, params={"pipeline_id": str(pipeline.id), **NOVEMBER})
        require_problem(answer, 404, "not-found")


async def test_money_converts_at_the_closing_days_rate(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    await set_rates(reporting, tenant, {"USD": {date(2026, 11, 1): "0.8", date(2026, 11, 11): "0.9"}})
    late = datetime(2026, 11, 10, 23, 30, tzinfo=UTC)  # in Berlin it is the 11th
    await project(
        reporting,
        publish_closed(pipeline, tenant.rep.id, NOON, currency="USD"),
        publish_closed(pipeline, tenant.rep.id, late, currency="USD"),
    )

    async def average(**parameters: Any) -> tuple[str | None, list[str]]:
        report = await read_report(reporting, tenant.rep, **parameters)
        [item] = report["items"]
        return item["average_won"], report["missing_rates"]

    assert await average() == ("85.00", [])
    assert await average(time_zone="UTC") == ("80.00", [])
    assert await average(currency="USD") == ("100.00", [])
    assert await average(currency="CHF") == (None, ["CHF"])
    # A deal whose money is not known takes no part in the average; one without an amount does, as 0.
    await project(
        reporting,
        publish_closed(pipeline, tenant.rep.id, NOON, currency="GBP"),
        publish_closed(pipeline, tenant.rep.id, NOON, None, currency="GBP"),
        publish_closed(pipeline, tenant.rep.id, NOON, currency="CHF", to="Closed Lost"),
    )
    assert await average() == ("56.67", ["GBP"])
    [item] = (await read_report(reporting, tenant.rep))["items"]
    assert (item["won"], item["lost"]) == (4, 1)


async def test_owners_stand_by_name_and_unknown_ones_behind(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    await keep_directory([publish_user(tenant.rep, version=2, full_name="Älva Åberg")], reporting.database)
    unknown, nobody = new_id(), publish_closed(pipeline, tenant.rep.id, NOON)
    nobody.edit(owner_id=None)
    owners = [unknown, tenant.other_rep.id, tenant.rep.id, tenant.admin.id]
    await project(reporting, nobody, *(publish_closed(pipeline, owner_id, NOON) for owner_id in owners))
    report = await read_report(reporting, tenant.admin)
    assert [(item["group"], item["owner_name"]) for item in report["items"]] == [
        (str(tenant.admin.id), "Ada Admin"),
        (str(tenant.rep.id), "Älva Åberg"),
        (str(tenant.other_rep.id), "Otto Other"),
        (str(unknown), None),
        (None, None),
    ]


@pytest.mark.usefixtures("pipeline")
async def test_nothing_closed_and_no_pipeline(reporting: Reporting, tenant: SeededTenant) -> None:
    for grouping in ("owner", "month", "source", "lost_reason"):
        report = await read_report(reporting, tenant.admin, group_by=grouping)
        assert (report["items"], report["left_out"], report["missing_rates"]) == ([], 0, [])
    newcomers = await reporting.seed_tenant()
    require_problem(await reporting.client(newcomers.admin).get(URL), 404, "not-found")


async def test_csv(reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline) -> None:
    await project(
        reporting,
        publish_closed(pipeline, tenant.rep.id, NOON, currency="GBP"),
        publish_closed(pipeline, tenant.rep.id, NOON, to="Closed Lost", lost_reason="=1+1"),
    )

    async def read(grouping: str) -> list[dict[str, str]]:
        answer = await reporting.client(tenant.rep).get(
            URL, params={**NOVEMBER, "group_by": grouping}, headers={"Accept": "text/csv"}
        )
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert answer.headers["crm-source"] == "primary"
        return list(csv.DictReader(io.StringIO(answer.text, newline="")))

    [row] = await read("owner")
    assert row == {
        "group": str(tenant.rep.id),
        "owner_name": "Rae Rep",
        "won": "1",
        "lost": "1",
        "rate": "0.5",
        "average_won": "",
        "median_cycle_days": "10.0",
        "currency": "EUR",
        "missing_rates": "GBP",
    }
    [row] = await read("lost_reason")
    assert (row["group"], row["won"], row["lost"]) == ("'=1+1", "0", "1")
    assert "owner_name" not in row


async def test_the_largest_amounts_are_exact(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    amounts = ("9999999999999.99", "9999999999999.98", "0.01")
    await project(reporting, *(publish_closed(pipeline, tenant.rep.id, NOON, amount) for amount in amounts))
    [item] = (await read_report(reporting, tenant.rep))["items"]
    assert Decimal(item["average_won"]) == Decimal("6666666666666.66")
