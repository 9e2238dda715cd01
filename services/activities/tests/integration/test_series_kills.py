"""A worker that is killed while it makes a series' instances: none is missing afterwards, and none is there twice."""

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from uuid import UUID, uuid5

import pytest
from services.activities.tests.integration.conftest import MIGRATIONS
from services.activities.tests.integration.series_stories import SeriesStory, in_days, starts_of

from crm_activities.app import make_app
from crm_activities.settings import ActivitiesSettings
from crm_testing.service_kit import ServiceKit, running_service
from crm_testing.waiting import wait_until

pytestmark = pytest.mark.engines

Kit = ServiceKit[ActivitiesSettings]
SERIES = 10
INSTANCES = 90
"""Of a day each, to the horizon; the first is written by who logs it."""

# A worker's making of series alone, in a process that can be killed; it makes five instances at a time.
WORKER = """
import asyncio
from crm_activities.series import making
from crm_activities.settings import ActivitiesSettings
from crm_shared.clock import SystemClock
from crm_shared.database import Database
from crm_shared.backpressure import Backpressure

making.BATCH_INSTANCES = 5

async def main():
    settings = ActivitiesSettings()
    async with Database.opened(settings.worker_dsn.get_secret_value()) as database:
        backpressure = Backpressure(database, None, most_unsent=1_000_000, most_behind=0, poll_s=0.01)
        async with making.making_series(database, SystemClock(), backpressure, pause_s=0.01):
            await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture(scope="module")
async def service(postgres_admin_dsn: str) -> AsyncIterator[Kit]:
    """Serve from a database of its own: instances are made of all series, those of other tests too."""
    async with running_service(ActivitiesSettings, make_app, MIGRATIONS, admin_dsn=postgres_admin_dsn) as kit:
        yield kit


async def test_a_worker_that_is_killed_makes_each_instance_once(service: Kit) -> None:
    tenant = await service.seed_tenant()
    story = SeriesStory.of(service, service.client(tenant.rep))
    firsts = [await story.log("FREQ=DAILY", scheduled_at=in_days(1)) for _ in range(SERIES)]
    environment = {**os.environ, "CRM_ACTIVITIES_WORKER_DSN": service.settings.worker_dsn.get_secret_value()}

    async def count() -> int:
        async with service.database.read_as_worker() as connection:
            return int(await connection.fetchval("SELECT count(*) FROM activities"))

    for _ in range(3):
        worker = await asyncio.create_subprocess_exec(sys.executable, "-c", WORKER, env=environment)
        before = await count()

        async def is_under_way(before: int = before) -> bool:
            return await count() > before + 30

        try:
            await wait_until(is_under_way, poll_s=0)
        finally:
            worker.send_signal(signal.SIGKILL)
            await worker.wait()
    assert await count() < SERIES * INSTANCES

    await story.make()
    events = Counter(event.aggregate_id for event in await service.take_events(tenant.id))
    assert set(events.values()) == {1}
    made: set[UUID] = set()
    for first in firsts:
        instances = await story.read(first["series_id"])
        assert starts_of(instances) == [in_days(1 + day) for day in range(INSTANCES)]
        later = [UUID(instance["id"]) for instance in instances[1:]]
        assert later == [uuid5(UUID(first["series_id"]), instance["recurrence_id"]) for instance in instances[1:]]
        made |= {UUID(first["id"]), *later}
    assert events.keys() == made
