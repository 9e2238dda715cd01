"""A whole day is due when it ends where its user is, also when they move."""

import asyncio
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from services.deals.tests.integration.planning import hear, to_do
from services.deals.tests.integration.sales import Sales

from crm_deals.deals import day_ends
from crm_deals.deals.day_ends import date_anew, due_at

pytestmark = pytest.mark.engines

DAY = date(2026, 11, 22)
READ_DUE = "SELECT next_due_at FROM deals WHERE tenant_id = $1 AND id = $2"
MOVE_USER = "UPDATE directory_users SET time_zone = $3 WHERE tenant_id = $1 AND id = $2"
MOVE_TENANT = "UPDATE directory_tenants SET time_zone = $2 WHERE tenant_id = $1"
COPY_USER = """
    INSERT INTO directory_users (tenant_id, id, email, full_name, role, active, time_zone, version, created_at,
                                 updated_at)
    SELECT tenant_id, $3, 'new@example.com', full_name, role, active, 'Asia/Tokyo', 1, created_at, updated_at
      FROM directory_users WHERE tenant_id = $1 AND id = $2
"""
INSERT_TASK = """
    INSERT INTO deal_activities (tenant_id, activity_id, version, deal_id, occurred_at, counts, is_open, user_id,
                                 scheduled_on, time_zone, due_at)
    VALUES ($1, $2, 1, $3, now(), false, true, $4, $5, 'Europe/Berlin', $6)
"""


async def read_due(sales: Sales, deal: dict[str, Any]) -> datetime:
    async with sales.kit.database.read_as_worker() as connection:
        due: datetime = await connection.fetchval(READ_DUE, sales.tenant.id, UUID(deal["id"]))
    return due


async def do(sales: Sales, statement: str, *values: Any) -> None:
    async with sales.kit.database.begin_as_worker() as transaction:
        await transaction.execute(statement, sales.tenant.id, *values)


async def settle(sales: Sales) -> None:
    while await date_anew(sales.kit.database):
        pass


@pytest.mark.parametrize(
    ("day", "zone", "end"),
    [
        ("2026-11-22", "UTC", "2026-11-23T00:00Z"),
        ("2026-11-22", "Europe/Berlin", "2026-11-22T23:00Z"),
        ("2026-03-29", "Europe/Berlin", "2026-03-29T22:00Z"),  # 23 hours
        ("2026-10-25", "Europe/Berlin", "2026-10-25T23:00Z"),  # 25 hours
        ("2026-09-05", "America/Santiago", "2026-09-06T04:00Z"),  # midnight is left out: the day ends at the gap
        ("2026-10-31", "America/Havana", "2026-11-01T04:00Z"),  # midnight comes twice: the day ends at the first
        ("2200-12-31", "Pacific/Honolulu", "2200-12-31T23:59:59.999999Z"),  # the end of time
        ("1900-01-01", "Pacific/Kiritimati", "1900-01-02T10:29:20Z"),  # local mean time
    ],
)
def test_a_day_ends_where_the_next_begins(day: str, zone: str, end: str) -> None:
    assert due_at(date.fromisoformat(day), zone) == datetime.fromisoformat(end)


async def test_a_day_ends_in_the_users_zone_else_the_tenants_and_follows_both(sales: Sales) -> None:
    mine, nobodys = await sales.create(), await sales.create()
    await do(sales, MOVE_USER, sales.tenant.rep.id, "America/New_York")
    task, open_one = to_do(sales, mine, scheduled_on=DAY), to_do(sales, nobodys, scheduled_on=DAY, user_id=None)
    done = to_do(sales, mine, scheduled_on=date(2026, 1, 1), completed_at=datetime(2026, 1, 1, tzinfo=UTC))
    await hear(sales, task.publish(), open_one.publish(), done.publish())
    assert await read_due(sales, mine) == datetime(2026, 11, 23, 5, tzinfo=UTC)
    assert await read_due(sales, nobodys) == datetime(2026, 11, 22, 23, tzinfo=UTC)
    await settle(sales)
    for move, values, ends in (
        (MOVE_USER, (sales.tenant.rep.id, "Asia/Tokyo"), (22, 15, 22, 23)),
        (MOVE_TENANT, ("Asia/Kolkata",), (22, 15, 22, 18)),
        (MOVE_USER, (sales.tenant.rep.id, None), (22, 18, 22, 18)),
        (MOVE_TENANT, ("UTC",), (23, 0, 23, 0)),
    ):
        await do(sales, move, *values)
        await settle(sales)
        due = [await read_due(sales, deal) for deal in (mine, nobodys)]
        assert [part for at in due for part in (at.day, at.hour)] == list(ends)


async def test_a_day_passed_on_is_due_where_the_new_user_is(sales: Sales) -> None:
    deal = await sales.create()
    await do(sales, MOVE_USER, sales.tenant.other_rep.id, "Asia/Tokyo")
    task = to_do(sales, deal, scheduled_on=DAY)
    await hear(sales, task.publish())
    await hear(sales, task.change(user_id=sales.tenant.other_rep.id))
    assert await read_due(sales, deal) == datetime(2026, 11, 22, 15, tzinfo=UTC)


async def test_a_user_who_is_heard_of_later_dates_the_days_that_were_there(sales: Sales) -> None:
    deal, user_id = await sales.create(), uuid4()
    await hear(sales, to_do(sales, deal, scheduled_on=DAY, user_id=user_id).publish())
    assert await read_due(sales, deal) == datetime(2026, 11, 22, 23, tzinfo=UTC)
    await do(sales, COPY_USER, sales.tenant.rep.id, user_id)
    await settle(sales)
    assert await read_due(sales, deal) == datetime(2026, 11, 22, 15, tzinfo=UTC)


async def test_an_event_that_is_taken_in_while_the_user_moves_is_dated_right(sales: Sales) -> None:
    """Who has read the old zone commits before the days are looked through: no day is missed in between."""
    deal = await sales.create()
    await settle(sales)
    database = sales.kit.database
    async with database.begin_as_worker() as consumer:
        zones = await day_ends.load_zones(consumer, [(sales.tenant.id, sales.tenant.rep.id)])
        assert set(zones.values()) == {"Europe/Berlin"}
        await do(sales, MOVE_USER, sales.tenant.rep.id, "Asia/Tokyo")
        following = asyncio.create_task(date_anew(database))
        for _ in range(5):
            await asyncio.sleep(0.02)
            assert not following.done()
        task = to_do(sales, deal, scheduled_on=DAY)
        await consumer.execute(
            INSERT_TASK,
            *(sales.tenant.id, task.id, UUID(deal["id"]), sales.tenant.rep.id, DAY, due_at(DAY, "Europe/Berlin")),
        )
    await following
    assert await read_due(sales, deal) == datetime(2026, 11, 22, 15, tzinfo=UTC)


async def test_many_days_are_dated_page_by_page_and_again_after_an_end_in_between(
    sales: Sales, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(day_ends, "BATCH_ROWS", 3)
    deals = [await sales.create() for _ in range(4)]
    await hear(sales, *(to_do(sales, deal, scheduled_on=DAY).publish() for deal in deals for _ in range(2)))
    await settle(sales)
    await do(sales, MOVE_TENANT, "Asia/Tokyo")
    dated = 0

    async def die(*arguments: Any) -> UUID | None:
        nonlocal dated
        dated += 1
        if dated == 2:
            raise ConnectionError("killed")
        return await page(*arguments)

    page = day_ends.date_page
    monkeypatch.setattr(day_ends, "date_page", die)
    with pytest.raises(ConnectionError):
        await date_anew(sales.kit.database)
    await settle(sales)
    assert {await read_due(sales, deal) for deal in deals} == {datetime(2026, 11, 22, 15, tzinfo=UTC)}
    async with sales.kit.database.read_as_worker() as connection:
        assert await connection.fetchval("SELECT count(*) FROM moved_time_zones") == 0
