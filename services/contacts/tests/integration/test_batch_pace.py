"""Batches come in no faster than readers take them in, and a tenant's first ones of a window in any case."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from uuid import uuid4

import httpx
import pytest
from services.contacts.tests.integration.process_kit import changed_settings

from crm_contacts.settings import ContactsSettings
from crm_shared import backpressure, bulk_backlog
from crm_shared.backpressure import Backpressure, measure_if_asked
from crm_shared.bulk_backlog import Backlog
from crm_shared.bus.readers import Readers
from crm_shared.http import batch_pace
from crm_shared.transient import DependencyUnavailable
from crm_testing.answers import require_problem
from crm_testing.people import Person, SeededTenant
from crm_testing.service_kit import ServiceKit
from crm_testing.waiting import wait_until

pytestmark = pytest.mark.engines

Kit = ServiceKit[ContactsSettings]
FORGET = "UPDATE bulk_backlog SET asked_at = DEFAULT, measured_at = DEFAULT, records = DEFAULT, slowest = DEFAULT"
FREE, MOST_BEHIND = 3, 10


@pytest.fixture(autouse=True)
async def _unmeasured(contacts: Kit) -> AsyncIterator[None]:
    await forget(contacts)
    yield
    await forget(contacts)


async def forget(kit: Kit) -> None:
    async with kit.database.read_as_worker() as connection:
        await connection.execute(FORGET)


async def note(kit: Kit, records: int, slowest: str = "search.index") -> None:
    """Have measured so much, just now."""
    async with kit.database.read_as_worker() as connection:
        await bulk_backlog.note_backlog(connection, Backlog(records, slowest), began_at=datetime.now(UTC))


async def is_asked(kit: Kit) -> bool:
    async with kit.database.read_as_worker() as connection:
        return await bulk_backlog.find_request(connection) is not None


@contextmanager
def paced(kit: Kit, *, wait_s: float = 0.3, limit: int = 1000) -> Iterator[None]:
    """Let the tenant's first three records in, and more while ten at most are before everybody."""
    limits = {"batch_free_items": FREE, "batch_readers_behind": MOST_BEHIND, "batch_limit_window_s": 3600}
    with changed_settings(kit, **limits, batch_wait_s=wait_s, batch_limit_items=limit):
        yield


async def send(kit: Kit, person: Person, count: int) -> httpx.Response:
    items = [{"email": f"{uuid4().hex}@acme.example"} for _ in range(count)]
    return await kit.client(person).post("/v1/contacts/batch", json={"mode": "create", "items": items})


async def test_more_than_the_first_waits_for_readers_and_is_told_to_come_again(
    contacts: Kit, tenant: SeededTenant, neighbour: SeededTenant
) -> None:
    with paced(contacts):
        await note(contacts, 1200)
        assert (await send(contacts, tenant.rep, FREE)).status_code == 207
        assert not await is_asked(contacts), "a first batch asks nobody"
        answer = await send(contacts, tenant.admin, 1)
        require_problem(answer, 429, "too-many-batch-items")
        assert "search.index" in answer.json()["detail"]
        assert "1,203 records" in answer.json()["detail"], "what was measured, and this process' own since"
        assert int(answer.headers["retry-after"]) == 3
        assert await is_asked(contacts)
        assert (await send(contacts, neighbour.rep, FREE)).status_code == 207
        await note(contacts, MOST_BEHIND)
        assert (await send(contacts, tenant.rep, 1)).status_code == 207
        page = (await contacts.client(tenant.admin).get("/v1/contacts")).json()
        assert len(page["items"]) == FREE + 1, "of what was refused nothing is written"


async def test_a_batch_that_waits_is_let_in_when_readers_come_near(contacts: Kit, tenant: SeededTenant) -> None:
    with paced(contacts, wait_s=30):
        await note(contacts, 500)
        assert (await send(contacts, tenant.rep, FREE)).status_code == 207
        waiting = asyncio.create_task(send(contacts, tenant.rep, 1))
        await wait_until(partial(is_asked, contacts))
        assert not waiting.done()
        await note(contacts, 0)
        assert (await waiting).status_code == 207


async def test_batches_under_way_stand_before_the_next_though_nobody_can_measure_them(
    contacts: Kit, tenant: SeededTenant
) -> None:
    """All sent at once: those that were let in are counted until a measurement that began after their end."""
    with paced(contacts):
        await note(contacts, 0)
        answers = await asyncio.gather(*(send(contacts, tenant.rep, 6) for _ in range(8)))
        assert sorted(answer.status_code for answer in answers) == [207, 207, 429, 429, 429, 429, 429, 429]
        await note(contacts, 0)
        assert (await send(contacts, tenant.rep, 6)).status_code == 207


async def test_batches_that_never_wait_are_not_kept(
    contacts: Kit, tenant: SeededTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_pace, "KEPT_S", 0)
    with paced(contacts, wait_s=0):
        await note(contacts, 0)
        for _ in range(3):
            assert (await send(contacts, tenant.rep, 1)).status_code == 207
        pace = contacts.app.state.process.batch_pace
        assert len(pace._turns) == 1  # noqa: SLF001 - what it keeps shows nowhere else


async def test_what_was_refused_does_not_count_for_the_window(contacts: Kit, tenant: SeededTenant) -> None:
    with paced(contacts, wait_s=0, limit=5):
        await note(contacts, 500)
        assert (await send(contacts, tenant.rep, FREE)).status_code == 207
        for _ in range(3):
            assert "batch_readers_behind" in (await send(contacts, tenant.rep, 1)).json()["detail"]


async def test_where_nobody_measures_batches_pass(
    contacts: Kit, tenant: SeededTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No worker runs, or Kafka is away: commands go on. Only the first looks whether there is an answer to come."""
    monkeypatch.setattr(batch_pace, "STALE_AFTER_S", 0.2)
    with paced(contacts, wait_s=30):
        for _ in range(3):
            assert (await send(contacts, tenant.rep, FREE)).status_code == 207


class Away(Readers):
    async def count_behind(self) -> dict[str, int]:
        raise DependencyUnavailable("Kafka does not answer")


async def test_the_worker_measures_when_it_is_asked(
    contacts: Kit, tenant: SeededTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backpressure, "MEASURE_PAUSE_S", 0)
    unsent = Backpressure(contacts.database, readers=None, most_unsent=250, most_behind=0, poll_s=0)
    assert not await measure_if_asked(contacts.database, unsent)
    async with contacts.database.read(tenant.id) as connection:
        before = await bulk_backlog.read_backlog(connection)
        assert before is not None
        assert not before.is_fresh
    async with contacts.database.read_as_worker() as connection:
        rows = min(int(await connection.fetchval("SELECT count(*) FROM outbox")), backpressure.COUNTED_UNSENT)
    assert await measure_if_asked(contacts.database, unsent)
    async with contacts.database.read(tenant.id) as connection:
        measured = await bulk_backlog.read_backlog(connection)
    assert measured is not None
    assert measured.is_fresh
    assert (measured.records, measured.slowest) == (rows, "relay" if rows else "")


async def test_what_can_t_be_measured_is_not_noted(contacts: Kit, tenant: SeededTenant) -> None:
    away = Backpressure(contacts.database, Away(contacts.settings.kafka, [], []), 250, 0, 0)
    async with contacts.database.read(tenant.id) as connection:
        await bulk_backlog.read_backlog(connection)
    with pytest.raises(DependencyUnavailable):
        await measure_if_asked(contacts.database, away)
    async with contacts.database.read(tenant.id) as connection:
        measured = await bulk_backlog.read_backlog(connection)
    assert measured is not None
    assert not measured.is_fresh
