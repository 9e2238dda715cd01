"""An import whose worker dies goes on where its last chunk ended, and writes nothing twice."""

import asyncio
import multiprocessing
import os
import signal
import sys
from collections.abc import AsyncIterator

import pytest
from services.contacts.tests.integration.importing import Kit, counts, make_runner, upload
from services.contacts.tests.integration.kits import running_contacts

from crm_testing.answers import require_ok, require_problem, walk_pages
from crm_testing.importing import StoppingClock
from crm_testing.people import SeededTenant
from crm_testing.waiting import wait_until

pytestmark = pytest.mark.engines

ROWS = 7
FILE = "email,first_name\n" + "".join(f"p{number}@acme.example,P{number}\n" for number in range(ROWS))

# A worker's imports alone, in a process that can be killed.
WORKER = """
import asyncio
from crm_shared.features.imports.write.running import ImportRunner
from crm_contacts.imports.adapters import ADAPTERS
from crm_contacts.settings import ContactsSettings
from crm_shared.clock import SystemClock
from crm_shared.database import Database
from crm_shared.backpressure import Backpressure

async def main():
    settings = ContactsSettings()
    async with Database.opened(settings.worker_dsn.get_secret_value()) as database:
        await ImportRunner(settings, database, SystemClock(), Backpressure.of(settings, database), ADAPTERS).run()

if __name__ == "__main__":
    asyncio.run(main())
"""


@pytest.fixture(scope="module")
async def contacts(postgres_admin_dsn: str) -> AsyncIterator[Kit]:
    """Serve from a database of its own: a runner carries out whatever waits, what other tests left waiting too."""
    async with running_contacts(postgres_admin_dsn) as kit:
        yield kit


async def require_whole(kit: Kit, tenant: SeededTenant, import_id: str, rows: int) -> None:
    client = kit.client(tenant.rep)
    job = require_ok(await client.get(f"/v1/imports/{import_id}"))
    assert job["status"] == "COMPLETED", job
    assert counts(job) == [rows, rows, 0, 0, 0]
    found = await walk_pages(client, "/v1/contacts", limit=200)
    assert len(found) == len({one["email"] for one in found}) == rows
    assert {one["version"] for one in found} == {1}
    events = await kit.take_events(tenant.id)
    assert sorted(event.state["email"] for event in events) == sorted(one["email"] for one in found)


async def test_stopped_anywhere_it_goes_on_and_writes_each_row_once(contacts: Kit, tenant: SeededTenant) -> None:
    job = require_ok(await upload(contacts.client(tenant.rep), FILE), 201)
    stops = 0
    for count in range(1, 60):
        clock = StoppingClock(count)
        clock.task = asyncio.create_task(make_runner(contacts, chunk_rows=2, clock=clock).run_waiting())
        try:
            await clock.task
        except asyncio.CancelledError:
            stops += 1
        state = require_ok(await contacts.client(tenant.rep).get(f"/v1/imports/{job['id']}"))
        if state["status"] == "COMPLETED":
            break

    assert stops > 3
    await require_whole(contacts, tenant, job["id"], ROWS)


async def test_a_side_process_that_dies_is_replaced(contacts: Kit, tenant: SeededTenant) -> None:
    rows = 1000
    file = "email\n" + "".join(f"p{number}@acme.example\n" for number in range(rows))
    job = require_ok(await upload(contacts.client(tenant.rep), file), 201)
    running = asyncio.create_task(make_runner(contacts, chunk_rows=50).run_waiting())

    async def is_under_way() -> bool:
        state = require_ok(await contacts.client(tenant.rep).get(f"/v1/imports/{job['id']}"))
        return bool(state["counts"]["rows"] or running.done())

    await wait_until(is_under_way)
    for process in multiprocessing.active_children():
        if process.name == f"import-{job['id']}":
            process.kill()
    await running
    await require_whole(contacts, tenant, job["id"], rows)


async def test_a_killed_worker_is_followed_by_another(contacts: Kit, tenant: SeededTenant) -> None:
    rows = 2000
    file = "email\n" + "".join(f"p{number}@acme.example\n" for number in range(rows))
    job = require_ok(await upload(contacts.client(tenant.rep), file), 201)
    settings = contacts.settings
    environment = {
        **os.environ,
        "CRM_CONTACTS_DSN": settings.dsn.get_secret_value(),
        "CRM_CONTACTS_WORKER_DSN": settings.worker_dsn.get_secret_value(),
        "CRM_CONTACTS_OWNER_DSN": settings.owner_dsn.get_secret_value(),
        "CRM_IMPORT_CHUNK_ROWS": "50",
        "CRM_BULK_OUTBOX_ROWS": str(settings.bulk_outbox_rows),
    }
    worker = await asyncio.create_subprocess_exec(sys.executable, "-c", WORKER, env=environment)

    async def is_under_way() -> bool:
        state = require_ok(await contacts.client(tenant.rep).get(f"/v1/imports/{job['id']}"))
        return bool(state["counts"]["rows"])

    try:
        await wait_until(is_under_way)
    finally:
        worker.send_signal(signal.SIGKILL)
        await worker.wait()

    async def is_executed() -> bool:
        return bool(await make_runner(contacts, chunk_rows=500).run_waiting())

    await wait_until(is_executed)  # the dead session's lock goes once PostgreSQL has noticed
    await require_whole(contacts, tenant, job["id"], rows)


async def test_two_workers_share_what_waits(contacts: Kit, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    files = [f"email\np{number}@acme.example\n" for number in range(3)]
    jobs = [require_ok(await upload(client, file), 201) for file in files]
    runners = [make_runner(contacts) for _ in range(2)]
    done = await asyncio.gather(*(runner.run_waiting() for runner in runners))

    assert len(await walk_pages(client, "/v1/contacts")) == len(jobs)
    assert sum(done) >= len(jobs)


async def test_an_address_that_is_posted_meanwhile_is_there_once(contacts: Kit, tenant: SeededTenant) -> None:
    rows = 60
    client = contacts.client(tenant.rep)
    file = "email\n" + "".join(f"p{number}@acme.example\n" for number in range(rows))
    job = require_ok(await upload(client, file), 201)
    running = asyncio.create_task(make_runner(contacts, chunk_rows=10).run_waiting())
    statuses = []
    for number in reversed(range(rows)):
        answer = await client.post("/v1/contacts", json={"email": f"P{number}@acme.example"})
        statuses.append(answer.status_code)
    await running

    ended = require_ok(await client.get(f"/v1/imports/{job['id']}"))
    found = await walk_pages(client, "/v1/contacts", limit=200)
    assert sorted({one["email"].lower() for one in found}) == sorted(one["email"].lower() for one in found)
    assert len(found) == rows
    assert ended["counts"]["created"] + statuses.count(201) == rows
    assert ended["counts"]["failed"] == statuses.count(201)
    assert statuses.count(409) == rows - statuses.count(201)


async def test_an_import_waits_while_the_relay_is_behind(contacts: Kit, tenant: SeededTenant) -> None:
    async with contacts.database.begin_as_worker() as transaction:
        await transaction.execute("DELETE FROM outbox")  # what other tests have left
    client = contacts.client(tenant.rep)
    job = require_ok(await upload(client, FILE), 201)
    running = asyncio.create_task(make_runner(contacts, chunk_rows=2, bulk_outbox_rows=3).run_waiting())
    sent = 0

    async def is_under_way() -> bool:
        return bool(require_ok(await client.get(f"/v1/imports/{job['id']}"))["counts"]["rows"] >= 4)

    await wait_until(is_under_way)
    await asyncio.sleep(0.5)
    assert require_ok(await client.get(f"/v1/imports/{job['id']}"))["counts"]["rows"] == 4
    while not running.done():
        sent += len(await contacts.take_events(tenant.id))
        await asyncio.sleep(0.1)
    sent += len(await contacts.take_events(tenant.id))
    assert sent == ROWS
    await running


async def test_a_cancelled_import_writes_no_more_and_can_be_taken_back(contacts: Kit, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    job = require_ok(await upload(client, FILE), 201)
    require_problem(await client.post(f"/v1/imports/{job['id']}/revert"), 409, "import-not-ended")
    cancelled = require_ok(await client.post(f"/v1/imports/{job['id']}/cancel"))
    assert cancelled["status"] == "CANCELLED"
    await make_runner(contacts).run_waiting()
    assert await walk_pages(client, "/v1/contacts") == []
    require_problem(await client.post(f"/v1/imports/{job['id']}/cancel"), 409, "import-ended")


async def test_an_import_ends_when_its_user_is_gone(contacts: Kit, tenant: SeededTenant) -> None:
    job = require_ok(await upload(contacts.client(tenant.rep), FILE), 201)
    admin = contacts.client(tenant.admin)
    require_ok(await admin.patch(f"/v1/users/{tenant.rep.id}", json={"active": False}))
    await make_runner(contacts, clock=StoppingClock(-1)).run_waiting()

    ended = require_ok(await admin.get(f"/v1/imports/{job['id']}"))
    assert (ended["status"], ended["counts"]["created"]) == ("FAILED", 0)
    assert "not active" in ended["problem"]
