"""A rebuild that is killed or refused leaves the live tables as they were, and the next one goes on."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Final

import asyncpg
import pytest
from services.reporting.tests.integration.rebuild_kit import DAMAGES, PublishedService, count_changes
from services.reporting.tests.integration.rebuild_process import BATCH
from typer.testing import CliRunner

from crm_reporting.cli import main
from crm_reporting.consumers import project_deals
from crm_reporting.exclusive_turns import Turn
from crm_reporting.rebuild.copies import RebuildRefused
from crm_reporting.rebuild.run import IncompleteCopy, abandon
from crm_shared.database import Database
from crm_testing.deal_stories import DealStory
from crm_testing.records import RawRecord

pytestmark = pytest.mark.engines

ROOT: Final = Path(__file__).parents[4]
STEPS: Final = ("an empty copy", BATCH, "the copy is filled", "the workers wait", "compared and replaced")
BROKEN: Final = RawRecord(b"key", b"{", [("ce_type", b"crm.deal.updated")])


async def run_until(service: PublishedService, step: str, ending: signal.Signals) -> tuple[int, str]:
    """Run the command in a process that signals itself at `step`; give how it ended, and what it said last."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.reporting.tests.integration.rebuild_process"),
        *(json.dumps(service.topics), step, str(int(ending))),
        cwd=ROOT,
        env={**os.environ, **environment(service)},
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
    )
    _, errors = await process.communicate()
    return process.returncode or 0, errors.decode()


def environment(service: PublishedService) -> dict[str, str]:
    return {"CRM_REPORTING_WORKER_DSN": service.dsn, "CRM_KAFKA_BOOTSTRAP": service.kafka}


async def test_killed_at_any_step_it_goes_on(service: PublishedService) -> None:
    business = await service.publish_tenant(7)
    async with service.working():
        await service.publish(business.events)
        await service.rest()
    whole = await service.read_rows()
    await service.execute(*DAMAGES, tenant=business.tenant)
    damaged = await service.kit.list_rows(*whole)
    for step in STEPS:
        ended, lines = await run_until(service, step, signal.SIGKILL)
        assert ended == -signal.SIGKILL, lines
        assert await service.kit.list_rows(*whole) == damaged, step
    ended, lines = await run_until(service, "the copy is filled", signal.SIGINT)
    assert ended == 130, lines
    assert "going on with the copy that is half made" in lines
    assert "stopped; the same call goes on where it was" in lines
    await service.rebuild()
    assert service.lines[0] == "going on with the copy that is half made"
    assert await service.read_rows() == whole
    assert count_changes(await service.rebuild()) == {}
    assert service.lines[-1] == "swapped; the workers go on"


async def test_what_the_topics_do_not_tell_is_not_lost(
    service: PublishedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    business = await service.publish_tenant(8, deals=3)
    async with service.working():
        await service.publish(business.events)
        await service.rest()
    unheard = DealStory(business.pipelines[0][-1], business.tenant.rep.id, stage="Discovery")
    await project_deals([*unheard.create(), *business.stories[0].edit(amount=None)], service.kit.database)
    await service.publish_raw("deal", BROKEN)
    whole = await service.read_rows()
    before = await service.kit.list_rows(*whole)

    with pytest.raises(IncompleteCopy) as incomplete:
        await service.rebuild()
    lost = {change.table: change.lost for change in incomplete.value.changes if change.lost}
    assert lost == {"deal_facts": 2, "stage_transitions": 1, "deal_versions": 2}
    assert [(refused.topic, refused.reason) for refused in incomplete.value.refused] == [
        (service.topics["deal"], "header ce_specversion is missing")
    ]
    assert await service.kit.list_rows(*whole) == before

    for name, value in environment(service).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("crm_reporting.worker.CONSUMERS", service.consumers)
    answer = await asyncio.to_thread(CliRunner().invoke, main, ["rebuild"])
    assert answer.exit_code == 1
    assert "deal_facts: 2 rows know more than the topics tell" in answer.output
    assert "1 records can't be read" in answer.output

    await service.publish([unheard.snapshot(), business.stories[0].snapshot()])
    with pytest.raises(IncompleteCopy) as incomplete:
        await service.rebuild()
    assert not any(change.lost for change in incomplete.value.changes)
    answer = await asyncio.to_thread(CliRunner().invoke, main, ["rebuild", "--accept-losses"])
    assert answer.exit_code == 0, answer.output
    assert "the live tables were right: nothing was changed" in answer.output
    assert await service.kit.list_rows(*whole) == before


async def test_a_copy_that_can_not_be_gone_on_with_begins_anew(service: PublishedService) -> None:
    business = await service.publish_tenant(9, deals=2)
    async with service.working():
        await service.publish(business.events)
        await service.rest()
    whole = await service.read_rows()
    await service.execute(*DAMAGES[:2], tenant=business.tenant)
    spoilings = (
        ("UPDATE rebuild.run SET layout = ''", "the tables or the release are not those that the copy was begun with"),
        ("UPDATE rebuild.positions SET next_offset = 1000000", "a topic was made anew"),
        ("TRUNCATE rebuild.run, rebuild.positions, rebuild.deal_facts", "an empty copy is made"),  # PostgreSQL crashed
    )
    for statement, reason in spoilings:
        await service.rebuild_until("the copy is filled")
        async with service.kit.database.begin_as_worker() as transaction:
            await transaction.execute(statement)
        service.lines.clear()
        await service.rebuild()
        assert any(line.startswith(reason) for line in service.lines), service.lines
        assert await service.read_rows() == whole


async def test_one_copy_at_a_time(service: PublishedService, monkeypatch: pytest.MonkeyPatch) -> None:
    business = await service.publish_tenant(10, deals=1)
    await service.publish(business.events)
    await service.rebuild_until("the copy is filled")
    with pytest.raises(RebuildRefused, match="a copy of all tenants is half made"):
        await service.rebuild(tenant_id=business.tenant.id)
    async with Database.opened(service.kit.settings.dsn.get_secret_value(), max_size=1) as of_the_api:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with of_the_api.read(business.tenant.id) as connection:
                await connection.fetch("SELECT FROM rebuild.deal_facts")
    assert await abandon(service.dsn)
    async with Turn(service.dsn, "rebuild") as turn:
        await turn.take()
        monkeypatch.setattr("crm_reporting.rebuild.run.TURN_TRIES", 1)
        with pytest.raises(RebuildRefused, match="another rebuild"):
            await service.rebuild()
    for name, value in environment(service).items():
        monkeypatch.setenv(name, value)
    answer = await asyncio.to_thread(CliRunner().invoke, main, ["rebuild", "--abandon"])
    assert (answer.exit_code, answer.output) == (0, "there is no copy\n")
    monkeypatch.setenv("CRM_KAFKA_BOOTSTRAP", "127.0.0.1:9")
    answer = await asyncio.to_thread(CliRunner().invoke, main, ["rebuild"])
    assert answer.exit_code == 2
    assert "stopped: KafkaConnectionError" in answer.output
