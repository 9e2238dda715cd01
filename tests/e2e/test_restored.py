"""A service whose database was restored to an earlier moment: others forget what is no longer so, and hear it again."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import typer
from e2e.restorable_database import restorable
from e2e.restored_services import Services, Side, migrations_of

from crm_activities.app import make_app as make_activities_app
from crm_activities.cli import __file__ as activities_package
from crm_activities.settings import ActivitiesSettings
from crm_activities.snapshots import SOURCES as ACTIVITY_SOURCES
from crm_deals.app import make_app as make_deals_app
from crm_deals.cli import __file__ as deals_package
from crm_deals.settings import DealsSettings
from crm_deals.snapshots import SOURCES
from crm_reporting.app import make_app as make_reporting_app
from crm_reporting.cli import __file__ as reporting_package
from crm_reporting.settings import ReportingSettings
from crm_shared.bus.clients import make_consumer
from crm_shared.bus.topics import create_topics
from crm_shared.features.restoring import steps
from crm_shared.features.restoring.command import tell_of_restoration
from crm_shared.features.restoring.raising import raise_versions, to_epoch
from crm_shared.features.restoring.rewinding import WorkersRun, require_idle, rewind
from crm_shared.snapshots.sources import list_snapshots
from crm_testing.answers import require_ok
from crm_testing.published import to_event
from crm_testing.records import RawRecord, make_topic, write_records
from crm_testing.service_kit import running_service

# Others write to these topics on the shared broker, and some count what is in them.
pytestmark = [pytest.mark.engines, pytest.mark.xdist_group("outbox")]


@pytest.fixture(scope="module")
async def services(postgres_admin_dsn: str, kafka_bootstrap: str) -> AsyncIterator[Services]:
    await create_topics(kafka_bootstrap, "deals", groups={}, partitions=3, replication=1)
    admin_dsn = postgres_admin_dsn
    async with (
        running_service(DealsSettings, make_deals_app, migrations_of(deals_package), admin_dsn=admin_dsn) as deals,
        running_service(
            *(ReportingSettings, make_reporting_app, migrations_of(reporting_package)),
            admin_dsn=admin_dsn,
            kafka_bootstrap=kafka_bootstrap,
        ) as reporting,
        running_service(
            ActivitiesSettings, make_activities_app, migrations_of(activities_package), admin_dsn=admin_dsn
        ) as activities,
    ):
        yield Services(deals, reporting, activities)


@pytest.fixture
async def side(
    services: Services, postgres_admin_dsn: str, kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Side]:
    # What other tests have written to the shared topics is lost here too: the less of it is read, the better.
    monkeypatch.setattr(steps, "LEEWAY", timedelta(0))
    tenant = await services.deals.seed_tenant()
    async with restorable(postgres_admin_dsn, services.deals.settings) as backup:
        yield Side(services.deals, services.reporting, services.activities, tenant, backup, kafka_bootstrap)


async def read_stages(side: Side) -> dict[str, str]:
    [pipeline] = require_ok(await side.deals.client(side.tenant.admin).get("/v1/pipelines"))["items"]
    return {stage["name"]: stage["id"] for stage in pipeline["stages"]}


async def create(side: Side, name: str, **fields: Any) -> str:
    return str(require_ok(await side.rep.post("/v1/deals", json={"name": name, **fields}), 201)["id"])


async def move(side: Side, deal_id: str, stage_id: str) -> None:
    require_ok(await side.rep.post(f"/v1/deals/{deal_id}/move", json={"stage_id": stage_id}))


async def test_others_know_what_is_there_and_nothing_else(side: Side) -> None:
    stages = await read_stages(side)
    [pipeline_id] = [one["id"] for one in require_ok(await side.rep.get("/v1/pipelines"))["items"]]
    kept, hidden = await create(side, "Kept", amount="10"), await create(side, "Hidden later")
    await move(side, kept, stages["Discovery"])
    await side.carry()
    await side.backup.back_up()
    moment = datetime.now(UTC)
    await move(side, kept, stages["Proposal"])
    require_ok(await side.rep.patch(f"/v1/deals/{kept}", json={"amount": "99"}))
    await move(side, kept, stages["Closed Won"])
    assert (await side.rep.delete(f"/v1/deals/{hidden}")).status_code == 204
    lost = await create(side, "Lost", amount="5")
    await move(side, lost, stages["Proposal"])
    pipeline = {"name": "Lost", "is_default": True, "stages": [{"name": "New", "win_probability": 5}]}
    require_ok(await side.deals.client(side.tenant.admin).post("/v1/pipelines", json=pipeline), 201)
    carried = await side.carry()
    assert (lost, "Deal moved from Qualification to Proposal") in await side.list_notes()

    summary = await side.restore(moment=moment)

    assert summary.raised["deal"] >= 2
    events = await side.carry()
    assert Counter(event.aggregate for event in events) == {"deal": 3, "pipeline": 2}
    assert {event.verb for event in events} == {"snapshot"}
    ended = next(event for event in events if str(event.aggregate_id) == lost)
    assert (ended.restored_from, ended.is_removal) == (0, True)
    again = next(event for event in events if str(event.aggregate_id) == kept)
    seen = max(event.version for event in carried if str(event.aggregate_id) == kept)
    assert again.restored_from == 2
    assert again.version > seen
    assert again.state["amount"] == "10.00"
    assert require_ok(await side.rep.get(f"/v1/deals/{kept}"))["version"] == again.version
    assert await side.list_notes() == [(kept, "Deal moved from Qualification to Discovery")]
    assert await side.list_default_pipelines() == [pipeline_id]
    # A projection that starts now, and has never heard of what is lost, is the same row by row.
    after = await side.read_reports()
    assert {str(row["deal_id"]) for row in after["deal_facts"]} == {kept, hidden}
    await side.forget_reports()
    await side.publish([to_event(one) async for one in list_snapshots(side.deals.database, SOURCES)])
    assert await side.read_reports() == after


async def test_life_goes_on_from_there_and_a_second_run_changes_nothing(side: Side) -> None:
    stages = await read_stages(side)
    deal = await create(side, "Goes on")
    await side.carry()
    await side.backup.back_up()
    moment = datetime.now(UTC)
    await move(side, deal, stages["Proposal"])
    await side.carry()
    await side.restore(moment=moment)
    first = await side.carry()
    await side.restore(moment=moment)
    second = await side.carry()
    assert len(second) == len(first)
    assert max(event.version for event in second) > max(event.version for event in first)
    await move(side, deal, stages["Discovery"])
    [moved] = await side.carry()
    assert moved.version == second[-1].version + 1
    assert await side.list_notes() == [(deal, "Deal moved from Qualification to Discovery")]
    versions = [row["to_stage_id"] for row in (await side.read_reports())["stage_transitions"]]
    assert versions == [UUID(stages["Qualification"]), UUID(stages["Discovery"])]


async def test_it_refuses_while_the_api_may_write(side: Side, capsys: pytest.CaptureFixture[str]) -> None:
    """What that wrote before the versions are raised would have those of what was lost, and never be heard."""
    await read_stages(side)
    with pytest.raises(typer.Exit) as ended:
        await tell_of_restoration(side.deals.settings, SOURCES, {}, "2026-11-01T00:00:00Z")
    assert ended.value.exit_code == 2
    assert "deals_app has sessions" in capsys.readouterr().err


async def test_the_notes_of_activities_are_raised_too(side: Side) -> None:
    deal = await create(side, "Noted")
    await move(side, deal, (await read_stages(side))["Proposal"])
    await side.carry()
    await side.activities.take_events(side.tenant.id)
    epoch = to_epoch(datetime.now(UTC))
    [source] = ACTIVITY_SOURCES
    assert sum([count async for count in raise_versions(side.activities.database, source, epoch=epoch)]) >= 1
    [note] = await side.activities.take_events(side.tenant.id)
    assert (note.verb, note.version, note.restored_from) == ("snapshot", epoch, 1)


async def test_consumers_read_again_what_came_since(kafka_bootstrap: str) -> None:
    topic = await make_topic(kafka_bootstrap)
    await write_records(kafka_bootstrap, topic, [RawRecord(b"a", b"1"), RawRecord(b"b", b"2")])
    moment = datetime.now(UTC) + timedelta(milliseconds=1)  # Kafka keeps milliseconds
    await asyncio.sleep(0.01)
    await write_records(kafka_bootstrap, topic, [RawRecord(b"c", b"3")])
    group_id = f"{topic}.readers"
    consumer = make_consumer(kafka_bootstrap, topic, group_id=group_id, auto_offset_reset="earliest")
    await consumer.start()
    try:
        read = [await consumer.getone() for _ in range(3)]
        await consumer.commit()
        with pytest.raises(WorkersRun, match="readers"):
            await require_idle(kafka_bootstrap, [f"{group_id}.new", group_id, f"{group_id}.other"])
    finally:
        await consumer.stop()
    assert [record.value for record in read] == [b"1", b"2", b"3"]
    await require_idle(kafka_bootstrap, [group_id])
    assert await rewind(kafka_bootstrap, {group_id: [topic], f"{group_id}.new": [topic]}, moment) == {
        group_id: 1,
        f"{group_id}.new": 0,
    }
    assert await rewind(kafka_bootstrap, {group_id: [topic]}, moment) == {group_id: 0}
