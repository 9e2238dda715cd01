"""GET /v1/reports/movement/deals: the deals of a bucket, their parts, pages, and names."""

import csv
import io
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from services.reporting.tests.integration.movement_stories import (
    DAY,
    MONDAY,
    URL,
    WEEK,
    Reporting,
    make_deal,
    on,
    publish,
    set_rate,
)

from crm_reporting.consumers import project_deals
from crm_testing.answers import require_ok, require_problem
from crm_testing.deal_stories import PublishedPipeline
from crm_testing.people import Person, SeededTenant

pytestmark = pytest.mark.engines

DEALS_URL = URL + "/deals"
FORGET_NAMES = "UPDATE deal_facts SET name = NULL WHERE tenant_id = $1"


async def read(reporting: Reporting, person: Person, bucket: str, **asked: Any) -> dict[str, Any]:
    return require_ok(await reporting.client(person).get(DEALS_URL, params={**WEEK, "bucket": bucket, **asked}))


def then(pipeline: PublishedPipeline, stage: str, amount: str | None, currency: str = "EUR") -> Mapping[str, Any]:
    found = pipeline.stage(stage)
    return {"stage_id": str(found.id), "status": found.kind, "amount": amount, "currency": currency}


async def test_each_deal_is_shown_before_and_after(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    won = make_deal(pipeline, tenant.rep, "100.00")
    on(won, MONDAY + DAY).edit(amount=Decimal("150.00"), name="Acme renewal, bigger")
    won.move("Closed Won")
    created = make_deal(pipeline, tenant.rep, None, at=MONDAY + DAY, stage="Proposal")
    gone = make_deal(pipeline, tenant.rep, "7.00")
    on(gone, MONDAY + DAY).delete()
    await publish(reporting, won, created, gone)

    page = await read(reporting, tenant.rep, "won")
    assert page.pop("as_of")
    assert page == {
        "pipeline_id": str(pipeline.id),
        "from": "2026-11-09T09:30:00Z",
        "to": "2026-11-13T09:30:00Z",
        "currency": "EUR",
        "bucket": "won",
        "items": [
            {
                "deal_id": str(won.id),
                "name": "Acme renewal, bigger",
                "owner_id": str(tenant.rep.id),
                "amount": "-100.00",
                "before": then(pipeline, "Qualification", "100.00"),
                "after": then(pipeline, "Closed Won", "150.00"),
            }
        ],
        "next_cursor": None,
        "missing_rates": [],
    }
    [item] = (await read(reporting, tenant.rep, "created"))["items"]
    assert (item["amount"], item["before"], item["after"]) == ("0.00", None, then(pipeline, "Proposal", None))
    [item] = (await read(reporting, tenant.rep, "deleted"))["items"]
    assert (item["amount"], item["before"], item["after"]) == ("-7.00", then(pipeline, "Qualification", "7.00"), None)
    assert (await read(reporting, tenant.rep, "moved_in"))["items"] == []


async def test_a_deal_may_have_parts_in_two_buckets(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    await set_rate(reporting, tenant, "USD", "2026-01-01", "0.9")
    await set_rate(reporting, tenant, "USD", "2026-11-10", "0.8")
    raised, kept = (make_deal(pipeline, tenant.rep, amount, currency="USD") for amount in ("100.00", "0.01"))
    on(raised, MONDAY + DAY).edit(amount=Decimal("120.00"))
    emptied = make_deal(pipeline, tenant.rep, "3.00", currency="USD")
    on(emptied, MONDAY + DAY).edit(amount=None)
    await publish(reporting, raised, kept, emptied, make_deal(pipeline, tenant.rep, "5.00"))
    [item] = (await read(reporting, tenant.rep, "increased"))["items"]
    assert (item["deal_id"], item["amount"]) == (str(raised.id), "18.00")
    parts = {item["deal_id"]: item["amount"] for item in (await read(reporting, tenant.rep, "fx"))["items"]}
    assert parts == {str(raised.id): "-12.00", str(kept.id): "0.00"}  # a tenth of a cent, and no -0.00
    assert (await read(reporting, tenant.rep, "fx", currency="USD"))["missing_rates"] == []


async def test_pages_follow_each_other_newest_first(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    stories = [make_deal(pipeline, tenant.rep, "1", at=MONDAY + number * DAY / 4) for number in range(1, 8)]
    await publish(reporting, *stories)
    client, seen, query = reporting.client(tenant.manager), [], {**WEEK, "bucket": "created", "limit": "3"}
    while query:
        answer = await client.get(DEALS_URL, params=query)
        seen += [item["deal_id"] for item in require_ok(answer)["items"]]
        assert answer.headers["Crm-Source"] == "primary"
        link = answer.headers.get("Link", "")
        assert (answer.json()["next_cursor"] is None) == (link == "")
        query = {name: values[0] for name, values in parse_qs(urlsplit(link.strip("<>").split(">")[0]).query).items()}
    assert seen == [str(story.id) for story in reversed(stories)]


@pytest.mark.usefixtures("pipeline")
@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({}, "?bucket"),
        ({"bucket": "kept"}, "?bucket"),
        ({"bucket": "won", "limit": "201"}, "?limit"),
        ({"bucket": "won", "cursor": "x"}, "?cursor"),
        ({"bucket": "won", "sort": "amount"}, "?sort"),
        ({"bucket": "won", "to": "2200-01-01T00:00:00Z"}, "?to"),
    ],
)
async def test_bad_input_is_named(
    reporting: Reporting, tenant: SeededTenant, asked: dict[str, str], pointer: str
) -> None:
    problem = require_problem(await reporting.client(tenant.rep).get(DEALS_URL, params=asked), 422)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


async def test_colleagues_and_strangers_see_no_names(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    await publish(reporting, make_deal(pipeline, tenant.rep, "1", at=MONDAY + DAY))
    counts = [len((await read(reporting, person, "created"))["items"]) for person in tenant.people]
    assert counts == [1, 1, 1, 0]
    for stranger in (await reporting.seed_tenant()).people:
        asked = {"bucket": "created", "pipeline_id": str(pipeline.id)}
        require_problem(await reporting.client(stranger).get(DEALS_URL, params=asked), 404)


async def test_a_snapshot_brings_the_name_that_was_not_kept_and_no_sum_moves(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    story = make_deal(pipeline, tenant.rep, "1", at=MONDAY + DAY)
    await publish(reporting, story)
    async with reporting.database.begin_as_worker() as transaction:
        await transaction.execute(FORGET_NAMES, tenant.id)
    [item] = (await read(reporting, tenant.rep, "created"))["items"]
    assert item["name"] is None
    rollup = await reporting.list_rows("deal_rollup")

    await project_deals([story.snapshot()], reporting.database)

    [item] = (await read(reporting, tenant.rep, "created"))["items"]
    assert item["name"] == "Acme renewal"
    assert await reporting.list_rows("deal_rollup") == rollup


async def test_csv_is_a_page_too(reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline) -> None:
    stories = [make_deal(pipeline, tenant.rep, "1.00", at=MONDAY + number * DAY) for number in (1, 2)]
    await publish(reporting, *stories)
    asked = {**WEEK, "bucket": "created", "limit": "1"}
    answer = await reporting.client(tenant.rep).get(DEALS_URL, params=asked, headers={"Accept": "text/csv"})
    [row] = csv.DictReader(io.StringIO(answer.text))
    assert (row["deal_id"], row["amount"], row["bucket"]) == (str(stories[1].id), "1.00", "created")
    assert (row["status_before"], row["status_after"], row["amount_after"]) == ("", "OPEN", "1.00")
    assert 'rel="next"' in answer.headers["Link"]
