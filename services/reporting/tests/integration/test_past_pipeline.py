"""GET /v1/reports/pipeline?as_of=: equal to a plain recomputation of what was told, at any moment, for every viewer."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from services.reporting.tests.integration.lives import STAGES, as_of, deliver, live

from crm_reporting.consumers import keep_pipelines, keep_shares, project_deals
from crm_reporting.settings import ReportingSettings
from crm_shared.clock import new_id
from crm_testing.answers import require_ok
from crm_testing.deal_stories import BEGAN_AT, DealStory, PublishedPipeline
from crm_testing.people import Person, SeededTenant
from crm_testing.published_records import make_contact_event
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Reporting = ServiceKit[ReportingSettings]
URL = "/v1/reports/pipeline"
ZONE = "America/New_York"
RATES = {date_text: Decimal(rate) for date_text, rate in (("2026-11-01", "0.9"), ("2026-11-03", "0.8125"))}
"""Euros for a dollar from a day on."""


def rate_on(day: str) -> Decimal:
    return RATES[max(since for since in RATES if since <= day)]


async def set_rates(reporting: Reporting, tenant: SeededTenant) -> None:
    client = reporting.client(tenant.admin)
    for day, rate in RATES.items():
        body = {"currency": "USD", "effective_on": day, "rate": str(rate)}
        require_ok(await client.put("/v1/exchange-rates", json=body))


def recompute(
    pipeline: PublishedPipeline,
    stories: Sequence[DealStory],
    moment: datetime,
    seen: Sequence[Person],
    owners: Sequence[Person],
) -> list[dict[str, Any]]:
    """Say count and money by stage. `seen`: whose deals the viewer sees today; `owners`: asked for, of that time."""
    counts = dict.fromkeys((stage.id for stage in pipeline.stages), 0)
    totals = dict.fromkeys(counts, Decimal(0))
    for story in stories:
        values = as_of(story, moment)
        is_seen = story.state["owner_id"] in {person.id for person in seen}
        if values is None or not is_seen or (owners and values["owner_id"] not in {person.id for person in owners}):
            continue
        at = values["closed_at"] if values["status"] != "OPEN" else moment
        rate = rate_on(at.astimezone(ZoneInfo(ZONE)).date().isoformat()) if values["currency"] == "USD" else Decimal(1)
        counts[values["stage_id"]] += 1
        totals[values["stage_id"]] += (values["amount"] or Decimal(0)) * rate
    cents = Decimal("0.01")
    return [
        {
            "deal_count": counts[stage.id],
            "total": str(totals[stage.id].quantize(cents, ROUND_HALF_EVEN)),
            "weighted": str((totals[stage.id] * stage.win_probability / 100).quantize(cents, ROUND_HALF_EVEN)),
        }
        for stage in pipeline.stages
    ]


async def read_items(
    reporting: Reporting, person: Person, moment: datetime, owners: Sequence[Person] = ()
) -> list[Mapping[str, Any]]:
    asked = {"as_of": moment.isoformat(), "time_zone": ZONE, "owner_id": [str(owner.id) for owner in owners]}
    report = require_ok(await reporting.client(person).get(URL, params=asked))
    assert datetime.fromisoformat(report["as_of"]) == moment
    assert report["missing_rates"] == []
    return [{name: item[name] for name in ("deal_count", "total", "weighted")} for item in report["items"]]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
async def test_any_past_moment_is_what_was_told_of_it(reporting: Reporting, data: st.DataObject) -> None:
    tenant = await reporting.seed_tenant()
    pipeline = PublishedPipeline.sales(tenant.id)
    await keep_pipelines([pipeline.publish()], reporting.database)
    await set_rates(reporting, tenant)
    owners = [person.id for person in tenant.people]
    stories = [live(data, pipeline, owners) for _ in range(data.draw(st.integers(1, 4)))]
    for batch in deliver(data, [event for story in stories for event in story.events]):
        await project_deals(batch, reporting.database)

    changed_at = sorted({entry["changed_at"] for story in stories for entry in story.value_history})
    moments = [at + timedelta(microseconds=data.draw(st.sampled_from((-1, 0, 1)))) for at in changed_at]
    sights = {
        tenant.admin: tenant.people,
        tenant.manager: [tenant.manager, tenant.rep],
        tenant.rep: [tenant.rep],
    }
    for moment in data.draw(st.permutations(moments))[:3]:
        for person, seen in sights.items():
            assert await read_items(reporting, person, moment) == recompute(pipeline, stories, moment, seen, [])
        asked = [tenant.rep, tenant.other_rep]
        assert await read_items(reporting, tenant.admin, moment, asked) == recompute(
            pipeline, stories, moment, tenant.people, asked
        )
        assert await read_items(reporting, tenant.manager, moment, asked) == recompute(
            pipeline, stories, moment, [tenant.manager, tenant.rep], asked
        )


async def test_now_and_as_of_now_are_the_same_report(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    stories = [
        DealStory(pipeline, person.id, Decimal("10.10"), stage=stage) for person in tenant.people for stage in STAGES
    ]
    for story in stories:
        story.create()
    stories[0].move("Discovery")
    stories[1].delete()
    await project_deals([event for story in stories for event in story.events], reporting.database)
    for person in tenant.people:
        client = reporting.client(person)
        present = require_ok(await client.get(URL))
        past = require_ok(await client.get(URL, params={"as_of": present["as_of"]}))
        assert past == present


async def test_stages_are_as_they_were_then(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    day = timedelta(days=1)
    first, *others = pipeline.stages
    changed = pipeline.republished(
        stages=(*others[::-1],), at=BEGAN_AT + 2 * day
    )  # Qualification is gone, and the others stand the other way round
    story = DealStory(pipeline, tenant.rep.id, Decimal(100), at=BEGAN_AT - 30 * day)
    story.create()
    await keep_pipelines([changed.publish()], reporting.database)
    await project_deals(story.events, reporting.database)

    async def read(moment: datetime) -> list[tuple[str, int]]:
        report = require_ok(await reporting.client(tenant.rep).get(URL, params={"as_of": moment.isoformat()}))
        return [(item["stage_name"], item["deal_count"]) for item in report["items"]]

    before = [(stage.name, int(stage is first)) for stage in pipeline.stages]
    assert await read(BEGAN_AT + day) == before
    assert await read(BEGAN_AT - day) == before  # older than the pipeline itself, as imported deals are
    after = [(stage.name, 0) for stage in others[::-1]]
    assert await read(BEGAN_AT + 2 * day) == [*after, ("Qualification", 1)]
    assert await read(BEGAN_AT - 60 * day) == [(name, 0) for name, _ in before]


async def test_the_probability_is_that_of_then(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    first, *others = pipeline.stages
    better = pipeline.republished(
        stages=(type(first)(first.id, "Talks", 80, "OPEN"), *others), at=BEGAN_AT + timedelta(hours=2)
    )
    await keep_pipelines([better.publish()], reporting.database)
    story = DealStory(pipeline, tenant.rep.id, Decimal(100))
    await project_deals(list(story.create()), reporting.database)
    client = reporting.client(tenant.rep)

    async def read(**asked: Any) -> tuple[str, str]:
        item = require_ok(await client.get(URL, params=asked))["items"][0]
        return item["stage_name"], item["weighted"]

    assert await read(as_of=(BEGAN_AT + timedelta(hours=1)).isoformat()) == ("Qualification", "10.00")
    assert await read(as_of=(BEGAN_AT + timedelta(hours=2)).isoformat()) == ("Talks", "80.00")
    assert await read() == ("Talks", "80.00")


async def test_a_share_of_today_opens_the_past(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    contact_id = new_id()
    share = {"user_id": tenant.rep.id, "permission": "READ"}
    shared = make_contact_event(tenant.id, tenant.other_rep.id, contact_id=contact_id, version=1, shares=[share])
    await keep_shares([shared], reporting.database)
    story = DealStory(pipeline, tenant.other_rep.id, Decimal(7), contact_id=contact_id)
    await project_deals(list(story.create()), reporting.database)
    moment = datetime.now(UTC) - timedelta(minutes=1)
    items = await read_items(reporting, tenant.rep, moment)
    assert (items[0]["deal_count"], items[0]["total"]) == (1, "7.00")
    assert (await read_items(reporting, tenant.rep, BEGAN_AT - timedelta(days=1)))[0]["deal_count"] == 0
