"""CRM_REPORTING_READ_DSN on a real streaming standby: read while it is close behind, else the primary is.

A report is held in the middle by a lock: what the primary locks exclusively, its standby locks as it replays.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg
import httpx
import psutil
import pytest
from prometheus_client import REGISTRY
from pydantic import SecretStr
from services.reporting.tests.integration.conftest import MIGRATIONS
from services.reporting.tests.integration.standby_kit import IS_HELD, IS_LOCKED, NothingWaits, Pair

from crm_local.engines import Postgres, PostgresStandby
from crm_local.engines.native import streaming_pair
from crm_reporting.app import make_app
from crm_reporting.consumers import project_deals
from crm_reporting.replica.standby import Standby
from crm_reporting.settings import ReportingSettings
from crm_testing.answers import require_ok
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit, running_service
from crm_testing.waiting import wait_until

pytestmark = pytest.mark.engines

Reporting = ServiceKit[ReportingSettings]
URL: Final = "/v1/reports/pipeline"


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Postgres, PostgresStandby]]:
    # A reader in the way of recovery is cancelled soon.
    with streaming_pair({"max_standby_streaming_delay": "50ms"}) as pair:
        yield pair


@pytest.fixture(scope="module")
async def reporting(
    servers: tuple[Postgres, PostgresStandby],
) -> AsyncIterator[ServiceKit[ReportingSettings]]:
    async with running_service(
        ReportingSettings,
        make_app,
        MIGRATIONS,
        admin_dsn=servers[0].admin_dsn,
        kafka_bootstrap="127.0.0.1:9",
    ) as kit:
        yield kit


@pytest.fixture
def pair(servers: tuple[Postgres, PostgresStandby], reporting: Reporting) -> Pair:
    return Pair(*servers, database=urlsplit(reporting.settings.dsn.get_secret_value()).path.removeprefix("/"))


@asynccontextmanager
async def reading(reporting: Reporting, port: int, **bounds: Any) -> AsyncIterator[Reporting]:
    """Run the API with a replica at `port` of this machine."""
    dsn = reporting.settings.dsn.get_secret_value()
    there = dsn.replace(f":{urlsplit(dsn).port}/", f":{port}/")
    settings = reporting.settings.model_copy(update={"read_dsn": SecretStr(there), **bounds})
    kit = ServiceKit(settings, make_app(settings), reporting.database, reporting.issuer)
    async with kit.app.router.lifespan_context(kit.app):
        yield kit
    await kit.close()


async def wait_for_source(client: httpx.AsyncClient, source: str) -> None:
    async def is_read() -> bool:
        answer = await client.get(URL)
        require_ok(answer)
        return answer.headers["Crm-Source"] == source

    await wait_until(is_read)


async def publish_of_a_deal(reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline) -> None:
    story = DealStory(pipeline, tenant.rep.id, Decimal("10.00"))
    story.create()
    await project_deals(story.events, reporting.database)


async def count_deals(client: httpx.AsyncClient) -> int:
    return sum(item["deal_count"] for item in require_ok(await client.get(URL))["items"])


def count_again(reason: str) -> float:
    return REGISTRY.get_sample_value("crm_reporting_reports_read_again_total", {"reason": reason}) or 0


async def test_reports_read_a_standby_that_has_caught_up(
    reporting: Reporting, pair: Pair, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    await publish_of_a_deal(reporting, tenant, pipeline)
    async with reading(reporting, pair.standby.port) as kit:
        client = kit.client(tenant.rep)
        await wait_for_source(client, "replica")
        assert await count_deals(client) == 1
        for path in ("forecast", "stage-age", "leaderboard", "response-times", "attainment"):
            answer = await client.get(f"/v1/reports/{path}")
            assert (answer.status_code, answer.headers["Crm-Source"]) == (200, "replica")
        assert require_ok(await client.get("/readyz"))["checks"] == {"database": "ok"}
        metrics = (await client.get("/metrics")).text
        assert "crm_reporting_replica_is_read 1.0" in metrics
        assert 'crm_reporting_reports_read_total{source="replica"}' in metrics
        assert "crm_reporting_replica_lag_bytes 0.0" in metrics


async def test_a_standby_too_far_behind_is_not_read_until_it_has_caught_up(
    reporting: Reporting, pair: Pair, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    megabyte = 1024 * 1024
    async with reading(reporting, pair.standby.port, reporting_replica_max_lag_bytes=megabyte) as kit:
        client = kit.client(tenant.rep)
        await wait_for_source(client, "replica")
        await pair.ask_standby("SELECT pg_wal_replay_pause()")
        try:
            await pair.write_megabytes(3)
            await publish_of_a_deal(reporting, tenant, pipeline)
            await wait_for_source(client, "primary")
            assert await count_deals(client) == 1
        finally:
            await pair.ask_standby("SELECT pg_wal_replay_resume()")
        await wait_for_source(client, "replica")
        assert await count_deals(client) == 1


async def read_freshness(client: httpx.AsyncClient) -> tuple[str, float]:
    answer = await client.get("/v1/freshness")
    (topic,) = require_ok(answer)["items"]
    return answer.headers["Crm-Source"], topic["seconds_behind"]


async def test_freshness_says_how_old_what_the_standby_shows_is(
    reporting: Reporting, pair: Pair, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    async with reading(reporting, pair.standby.port, reporting_replica_max_lag_s=600.0) as kit:
        kit.app.state.backlog = NothingWaits()
        client = kit.client(tenant.rep)
        await wait_for_source(client, "replica")
        assert await read_freshness(client) == ("replica", 0.0)
        await pair.ask_standby("SELECT pg_wal_replay_pause()")
        try:
            await publish_of_a_deal(reporting, tenant, pipeline)
            source, behind_s = await read_freshness(client)
            assert source == "replica"
            assert behind_s > 0
            assert await count_deals(client) == 0
        finally:
            await pair.ask_standby("SELECT pg_wal_replay_resume()")

        async def is_fresh() -> bool:
            return await read_freshness(client) == ("replica", 0.0)

        await wait_until(is_fresh)
        assert await count_deals(client) == 1


async def test_a_standby_whose_view_is_too_old_is_not_read(
    reporting: Reporting, pair: Pair, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    async with reading(reporting, pair.standby.port, reporting_replica_max_lag_s=1.0) as kit:
        kit.app.state.backlog = NothingWaits()
        client = kit.client(tenant.rep)
        await wait_for_source(client, "replica")
        await pair.ask_standby("SELECT pg_wal_replay_pause()")
        try:
            await publish_of_a_deal(reporting, tenant, pipeline)
            await wait_for_source(client, "primary")
            assert await count_deals(client) == 1
            assert await read_freshness(client) == ("primary", 0.0)
        finally:
            await pair.ask_standby("SELECT pg_wal_replay_resume()")


async def test_a_standby_that_is_away_at_the_start_is_read_once_it_is_there(
    reporting: Reporting, pair: Pair, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    pair.standby.kill()
    async with reading(reporting, pair.standby.port) as kit:
        client = kit.client(tenant.rep)
        assert require_ok(await client.get("/readyz"))["status"] == "ok"
        await wait_for_source(client, "primary")
        await publish_of_a_deal(reporting, tenant, pipeline)
        await asyncio.to_thread(lambda: pair.standby.start().wait_ready())
        await wait_for_source(client, "replica")
        assert await count_deals(client) == 1


async def test_a_server_that_is_no_standby_is_not_read(reporting: Reporting) -> None:
    standby = await Standby.open(reporting.settings, reporting.settings.dsn.get_secret_value())
    try:
        await standby.look()
        assert not standby.may_be_read
        with pytest.raises(ConnectionError):
            await standby.measure_lag_s()
    finally:
        await standby.close()


async def test_a_standby_that_was_promoted_is_read_no_more(reporting: Reporting) -> None:
    with streaming_pair() as (primary, standby):
        settings = reporting.settings.model_copy(update={"dsn": SecretStr(primary.admin_dsn)})
        replica = await Standby.open(settings, standby.admin_dsn)

        async def may_be_read() -> bool:
            await replica.look()
            return replica.may_be_read

        try:
            await wait_until(may_be_read)
            admin = await asyncpg.connect(standby.admin_dsn)
            assert await admin.fetchval("SELECT pg_promote()")
            await admin.close()
            assert not await may_be_read()
        finally:
            await replica.close()


@asynccontextmanager
async def held_report(pair: Pair, client: httpx.AsyncClient) -> AsyncIterator[asyncio.Task[httpx.Response]]:
    """Have a report stand in the middle of its statements on the standby; at the end nothing holds it any more."""
    async with pair.locking("deal_rollup"):
        await wait_until(lambda: pair.ask_standby(IS_LOCKED, "deal_rollup"))
        asked = asyncio.create_task(client.get(URL))
        await wait_until(lambda: pair.ask_standby(IS_HELD))
        yield asked


def answer_of(asked: asyncio.Task[httpx.Response]) -> tuple[int, str]:
    return asked.result().status_code, asked.result().headers["Crm-Source"]


@pytest.mark.usefixtures("pipeline")
async def test_a_report_that_recovery_cancels_is_read_again_from_the_primary(
    reporting: Reporting, pair: Pair, tenant: SeededTenant
) -> None:
    before = count_again("conflict")
    async with reading(reporting, pair.standby.port) as kit:
        client = kit.client(tenant.rep)
        await wait_for_source(client, "replica")
        async with held_report(pair, client) as asked, pair.locking("pipelines"):
            await wait_until(lambda: pair.ask_standby(IS_LOCKED, "pipelines"))
        await asked
        assert answer_of(asked) == (200, "primary")
        assert count_again("conflict") == before + 1


@pytest.mark.usefixtures("pipeline")
@pytest.mark.parametrize("end", ["killed", "stopped", "frozen"])
async def test_a_report_whose_standby_ends_in_the_middle_is_read_again_from_the_primary(
    reporting: Reporting, pair: Pair, tenant: SeededTenant, end: str
) -> None:
    before = count_again("away")
    async with reading(reporting, pair.standby.port) as kit:
        client = kit.client(tenant.rep)
        await wait_for_source(client, "replica")
        assert pair.standby.pid is not None
        server = psutil.Process(pair.standby.pid)
        processes = [server, *server.children(recursive=True)]
        async with held_report(pair, client) as asked:
            if end == "frozen":
                for process in processes:
                    process.send_signal(signal.SIGSTOP)
            else:
                await asyncio.to_thread(pair.standby.kill if end == "killed" else pair.standby.stop)
        try:
            await asked
        finally:
            if end == "frozen":
                for process in processes:
                    process.send_signal(signal.SIGCONT)
            else:
                await asyncio.to_thread(lambda: pair.standby.start().wait_ready())
        assert answer_of(asked) == (200, "primary")
        assert count_again("away") == before + 1
        await wait_for_source(client, "replica")
