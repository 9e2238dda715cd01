"""A rebuild equals what was heard, mends what was damaged, and nobody who reads or writes meanwhile notices."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from services.reporting.tests.integration.rebuild_kit import DAMAGES, PublishedService, count_changes
from services.reporting.tests.integration.truth.business import Business

from crm_reporting.rebuild.swapping import holding_writers
from crm_shared.database import Database, Transaction
from crm_testing.answers import require_ok

pytestmark = pytest.mark.engines

REPORTS: Final = (
    "/v1/reports/forecast?from=2026-02-01&to=2026-07-01",
    "/v1/reports/pipeline?as_of=2026-04-01T00:00:00Z",
    "/v1/reports/win-rate?from=2026-02-01&to=2026-06-01&group_by=owner",
    "/v1/reports/movement?from=2026-03-01T00:00:00Z&to=2026-05-01T00:00:00Z",
    "/v1/reports/activity-metrics?from=2026-02-01&to=2026-06-01",
)


async def ask(service: PublishedService, business: Business) -> list[Any]:
    """Return what each of three people is told by each report."""
    clients = [service.kit.client(person) for person in business.viewers]
    answers = [require_ok(await client.get(path)) for path in REPORTS for client in clients]
    for answer in answers:
        answer.pop("as_of", None)  # now, where none is asked about
    return answers


@asynccontextmanager
async def asking(service: PublishedService, business: Business, *allowed: list[Any]) -> AsyncIterator[list[int]]:
    """Ask again and again while in the block: every answer is one of those allowed. Lends how many were, by round."""
    rounds: list[int] = []

    async def ask_on() -> None:
        while True:
            answers = await ask(service, business)
            rounds.append(sum(answer in those for answer, *those in zip(answers, *allowed, strict=True)))
            assert rounds[-1] == len(answers)

    task = asyncio.create_task(ask_on())
    try:
        yield rounds
    finally:
        task.cancel()
        outcome = (await asyncio.gather(task, return_exceptions=True))[0]
        assert isinstance(outcome, asyncio.CancelledError), outcome


async def test_it_equals_what_was_heard_while_others_read_and_write(service: PublishedService) -> None:
    quiet, busy = await service.publish_tenant(1), await service.publish_tenant(2)
    half = len(busy.events) // 2
    async with service.working():
        await service.publish([*quiet.events, *busy.events[:half]])
        await service.rest()
        before = await service.read_rows(quiet.tenant.id)
        answers = await ask(service, quiet)
        async with asking(service, quiet, answers) as rounds:
            writing = asyncio.create_task(service.publish(busy.events[half:]))
            await service.rebuild()
            await writing
        assert rounds
        assert await service.read_rows(quiet.tenant.id) == before
        await service.rest()
        assert count_changes(await service.rebuild()) == {}
        assert (await service.read_rows(busy.tenant.id))["deal_facts"]


async def test_what_was_damaged_is_whole_and_what_is_our_own_stays(service: PublishedService) -> None:
    business = await service.publish_tenant(3)
    admin = service.kit.client(business.tenant.admin)
    rate = {"currency": "USD", "effective_on": "2026-02-02", "rate": "0.9"}
    require_ok(await admin.put("/v1/exchange-rates", json=rate))
    async with service.working():
        await service.publish(business.events)
        await service.rest()
    whole, answers = await service.read_rows(), await ask(service, business)
    own = await service.kit.list_rows("exchange_rates", "quotas")
    await service.execute(*DAMAGES, tenant=business.tenant)
    damaged = await ask(service, business)
    assert damaged != answers
    async with asking(service, business, damaged, answers):
        changes = count_changes(await service.rebuild())
    assert await service.read_rows() == whole
    assert await ask(service, business) == answers
    assert await service.kit.list_rows("exchange_rates", "quotas") == own
    assert {*changes} == {statement.split()[2 if "FROM" in statement else 1] for statement in DAMAGES}
    assert "the workers wait, reports go on" in service.lines


async def test_one_tenants_rebuild_leaves_the_others_as_they_are(service: PublishedService) -> None:
    mended, left = await service.publish_tenant(4), await service.publish_tenant(5)
    async with service.working():
        await service.publish([*mended.events, *left.events])
        await service.rest()
    whole = await service.read_rows(mended.tenant.id)
    for business in (mended, left):
        await service.execute(*DAMAGES, tenant=business.tenant)
    before = await service.kit.list_rows(*whole)
    await service.rebuild(tenant_id=mended.tenant.id)
    assert await service.read_rows(mended.tenant.id) == whole
    others = {
        table: [row for row in rows if str(left.tenant.id) in row]
        for table, rows in (await service.kit.list_rows(*whole)).items()
    }
    assert others == {table: [row for row in rows if str(left.tenant.id) in row] for table, rows in before.items()}


async def test_workers_wait_for_the_swap_freshness_says_so_and_what_is_deleted_meanwhile_stays_away(
    service: PublishedService,
) -> None:
    business = await service.publish_tenant(6, deals=10)
    story, contact = business.stories[0], business.contacts[0]
    if story.is_deleted:
        story.restore()
        business.events.append(story.events[-1])
    client = service.kit.client(business.tenant.admin)
    async with service.working():
        await service.publish(business.events)
        await service.rest()
        async with service.kit.database.begin_as_worker() as transaction:
            holding = asyncio.create_task(service.rebuild())
            while "the workers wait, reports go on" not in service.lines:
                assert not holding.done(), holding
                if any(line.startswith("the copy is filled") for line in service.lines):
                    await transaction.execute("LOCK TABLE rebuild.refused_records")  # the swap comes to it and waits
                await asyncio.sleep(0.01)
            now = datetime.now(UTC)
            await service.publish([*story.delete(), contact.erase()])
            assert require_ok(await client.get("/v1/reports/pipeline"))
            await asyncio.sleep(0.3)
            waiting = (await service.find_oldest_waiting())[service.topics["deal"]]
            assert waiting is not None
            assert waiting.timestamp() > now.timestamp() - 1
        await holding
        await service.rest()
        assert set((await service.find_oldest_waiting()).values()) == {None}
        rows = await service.read_rows()
    assert [row["is_deleted"] for row in rows["deal_facts"] if row["deal_id"] == story.id] == [True]
    assert [row["owner_id"] for row in rows["contacts"] if row["id"] == contact.id] == [None]
    assert count_changes(await service.rebuild()) == {}


@pytest.mark.parametrize("heard", ["before", "after"])
async def test_what_is_told_between_the_comparison_and_the_swap_counts_once(
    service: PublishedService, heard: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    business = await service.publish_tenant(11, deals=8)
    half = len(business.events) // 2
    await service.publish(business.events[:half])
    async with service.working():
        await service.rest()

    @asynccontextmanager
    async def hold_later(live: Database, say: Callable[[str], None]) -> AsyncIterator[Transaction]:
        await service.publish(business.events[half:])
        if heard == "before":
            async with service.working():
                await service.rest()
        async with holding_writers(live, say) as transaction:
            yield transaction

    monkeypatch.setattr("crm_reporting.rebuild.run.holding_writers", hold_later)
    changes = count_changes(await service.rebuild())
    assert bool(changes) is (heard == "after")
    monkeypatch.undo()
    async with service.working():
        await service.rest()
    assert count_changes(await service.rebuild()) == {}
