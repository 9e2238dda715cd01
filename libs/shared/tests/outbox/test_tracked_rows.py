"""An event that waits in the outbox is found there by its id."""

import pytest

from crm_shared.clock import new_id
from crm_shared.database import Database
from crm_shared.features.event_tracking.outbox import find_row
from crm_shared.publishing import publish
from crm_testing.outboxes import OutboxDatabase, make_deal_event

pytestmark = pytest.mark.engines


async def test_a_waiting_row_is_found_with_how_many_are_before_it(database: OutboxDatabase) -> None:
    events = [make_deal_event() for _ in range(3)]
    async with Database.opened(database.dsn("worker"), max_size=1) as pool:
        async with pool.begin_as_worker() as transaction:
            await publish(transaction, events, audited=False)
        row = await find_row(pool, events[2].id)
        assert row is not None
        assert (row.before, row.event.type, row.event.version) == (2, "crm.deal.created", 1)
        assert row.event.aggregate_id == str(events[2].aggregate_id)
        assert await find_row(pool, new_id()) is None
