"""An import whose worker is killed goes on where its last chunk ended, and writes nothing twice."""

import asyncio
import os
import signal
import sys

import pytest
from services.activities.tests.integration.importing import Kit

from crm_activities.imports.adapters import ADAPTERS
from crm_testing import importing
from crm_testing.answers import require_ok, walk_pages
from crm_testing.people import SeededTenant
from crm_testing.waiting import wait_until

pytestmark = pytest.mark.engines

ROWS = 240
# E-mails, whose threads are worked out within the chunk that brings them.
FILE = "type,message_id,reference_ids\n" + "".join(
    f"EMAIL,<{n}@x>,{f'<{n - 1}@x>' if n % 4 else ''}\n" for n in range(ROWS)
)

# A worker's imports alone, in a process that can be killed.
WORKER = """
import asyncio
from crm_shared.features.imports.write.running import ImportRunner
from crm_activities.imports.adapters import ADAPTERS
from crm_activities.settings import ActivitiesSettings
from crm_shared.clock import SystemClock
from crm_shared.database import Database
from crm_shared.backpressure import Backpressure

async def main():
    settings = ActivitiesSettings()
    async with Database.opened(settings.worker_dsn.get_secret_value()) as database:
        await ImportRunner(settings, database, SystemClock(), Backpressure.of(settings, database), ADAPTERS).run()

if __name__ == "__main__":
    asyncio.run(main())
"""


async def test_a_killed_worker_is_followed_by_another(service: Kit, tenant: SeededTenant) -> None:
    client = service.client(tenant.rep)
    job = require_ok(await importing.upload(client, FILE, entity_type="ACTIVITY"), 201)
    environment = {
        **os.environ,
        "CRM_ACTIVITIES_DSN": service.settings.dsn.get_secret_value(),
        "CRM_ACTIVITIES_WORKER_DSN": service.settings.worker_dsn.get_secret_value(),
        "CRM_ACTIVITIES_OWNER_DSN": service.settings.owner_dsn.get_secret_value(),
        "CRM_IMPORT_CHUNK_ROWS": "10",
        "CRM_BULK_OUTBOX_ROWS": "0",
    }
    worker = await asyncio.create_subprocess_exec(sys.executable, "-c", WORKER, env=environment)

    async def is_under_way() -> bool:
        return bool(require_ok(await client.get(f"/v1/imports/{job['id']}"))["counts"]["rows"])

    try:
        await wait_until(is_under_way)
    finally:
        worker.send_signal(signal.SIGKILL)
        await worker.wait()
    runner = importing.make_runner(service, ADAPTERS, chunk_rows=200)

    async def is_executed() -> bool:
        await runner.run_waiting()  # the dead session's lock goes once PostgreSQL has noticed
        return bool(require_ok(await client.get(f"/v1/imports/{job['id']}"))["status"] == "COMPLETED")

    await wait_until(is_executed)
    ended = require_ok(await client.get(f"/v1/imports/{job['id']}"))
    assert (ended["counts"]["created"], ended["counts"]["failed"]) == (ROWS, 0)
    found = await walk_pages(client, "/v1/activities", limit=200)
    assert len(found) == len({one["message_id"] for one in found}) == ROWS
    assert len({one["thread_id"] for one in found}) == ROWS // 4
    published = await service.take_events(tenant.id)
    assert sorted(event.aggregate_id for event in published if event.type == "crm.activity.logged") == sorted(
        event.aggregate_id for event in published if event.version == 1
    )
    assert len({event.aggregate_id for event in published}) == ROWS
