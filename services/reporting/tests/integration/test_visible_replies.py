"""Of a large team's response times what is kept is taken as far as one sees it: the same as going through all."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Final
from uuid import UUID

import pytest
from services.reporting.tests.integration.mail_stories import Office, Reporting

from crm_reporting.consumers import keep_shares, project_deals
from crm_reporting.emails.recount import relink_emails
from crm_reporting.reports.activity_visibility import ActivityScope
from crm_reporting.reports.response_times.queries import Measured, measure_seen, measure_visible
from crm_reporting.reports.scope import Window
from crm_reporting.verification import find_differences
from crm_shared.access import Caller
from crm_shared.database import Database
from crm_testing.people import Person, SeededTenant
from crm_testing.query_plans import Measuring

pytestmark = pytest.mark.engines

SEEDS: Final = 8
ACTIVITIES: Final = 260
ENDS: Final = datetime(2026, 6, 1, tzinfo=UTC)
EARLIER: Final = 3_000
OF_WINDOW: Final = 20
"""How many messages were replied to before the window, and in it."""
AT_MOST: Final = 12
"""How many rows may be read for a message of the window."""

# Messages $4, a minute apart, to one or the other of two users, and the replies that each wrote to them.
EXCHANGED: Final = """
    INSERT INTO activity_facts (tenant_id, activity_id, version, type, user_id, contact_ids, direction, occurred_at,
                                thread_id, reference_keys, is_automatic, is_system, is_deleted)
    SELECT $1, gen_random_uuid(), 1, 'EMAIL', ($2::uuid[])[1 + n % 2], ARRAY[md5('contact' || n)::uuid],
           (ARRAY['INBOUND', 'OUTBOUND'])[1 + reply], $3::timestamptz + (n + 60 * reply) * interval '1 minute',
           md5('thread' || $3::timestamptz || n)::uuid, '{}', false, false, false
      FROM generate_series(1, $4::integer) AS n
     CROSS JOIN generate_series(0, 1) AS reply
"""


def list_windows(chance: random.Random) -> list[Window]:
    """Return all time there is, and some days."""
    begins = datetime(2026, 3, 22, tzinfo=UTC) + timedelta(hours=chance.randrange(24 * 12))
    windows = []
    for begin, end in ((datetime(2026, 3, 1, tzinfo=UTC), ENDS), (begins, begins + timedelta(days=4))):
        windows.append(Window(date(2026, 3, 1), date(2026, 6, 1), begin, end))
    return windows


async def measure_both(
    reporting: Reporting, person: Person, window: Window, *, has_shares: bool, user_ids: list[UUID]
) -> tuple[list[Measured], list[Measured]]:
    """Return what is measured by what is kept, and by going through all."""
    caller = Caller(person.tenant_id, person.id, person.role, "EUR", "UTC", has_shares=has_shares)
    scope = replace(ActivityScope(caller, ENDS, None, user_ids, "UTC"), sees_little=False)
    async with (
        Database.opened(reporting.settings.dsn.get_secret_value(), max_size=1) as database,
        database.snapshot(person.tenant_id, reads_many=True) as connection,
    ):
        gone_through = await measure_seen(connection, scope, window)
        return await measure_visible(connection, scope, window), gone_through


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_what_is_kept_is_taken_as_far_as_it_is_seen(
    reporting: Reporting, tenant: SeededTenant, seed: int
) -> None:
    """E-mails come in any order, some twice, change and are deleted; then contacts and deals change hands."""
    office = await Office.publish(reporting, tenant, seed, activities=ACTIVITIES)
    found = 0
    for _ in range(2):
        async with reporting.database.read_as_worker() as connection:
            assert await find_differences(connection, tenant.id) == []
        for person in (tenant.manager, tenant.rep, tenant.other_rep):
            for window in list_windows(office.chance):
                for asked in ([], [tenant.rep.id]):
                    kept, gone_through = await measure_both(reporting, person, window, has_shares=True, user_ids=asked)
                    assert kept == gone_through
                    found += sum(one.answered for one in kept)
        await hand_over(reporting, office)
    assert found


async def test_what_was_replied_to_by_whom_it_came_to_is_not_read(reporting: Reporting, tenant: SeededTenant) -> None:
    """Of two users one is seen; what either replied to before the window is read for neither."""
    users, begin = [tenant.rep.id, tenant.other_rep.id], datetime(2026, 5, 1, tzinfo=UTC)
    async with reporting.database.begin_as_worker() as transaction:
        await transaction.execute(EXCHANGED, tenant.id, users, datetime(2026, 1, 1, tzinfo=UTC), EARLIER)
        await transaction.execute(EXCHANGED, tenant.id, users, begin, OF_WINDOW)
        await relink_emails(transaction)
    caller = Caller(tenant.id, tenant.manager.id, tenant.manager.role, "EUR", "UTC")
    scope = ActivityScope(caller, ENDS, None, [], "UTC", sees_little=False)
    async with (
        Database.opened(reporting.settings.dsn.get_secret_value(), max_size=1) as database,
        database.snapshot(tenant.id, reads_many=True) as connection,
    ):
        measuring = Measuring(connection)
        [found] = await measure_visible(measuring, scope, Window(begin.date(), ENDS.date(), begin, ENDS))
    assert (found.user_id, found.answered, found.unanswered) == (tenant.rep.id, OF_WINDOW // 2, 0)
    assert measuring.rows_read < AT_MOST * OF_WINDOW < EARLIER


async def hand_over(reporting: Reporting, office: Office) -> None:
    """Give every contact and deal to somebody; the e-mails stay as they are."""
    chance, people = office.chance, office.tenant.people
    present = [contact for contact in office.contacts.values() if contact.state["deleted_at"] is None]
    await keep_shares([contact.change(owner_id=chance.choice(people).id) for contact in present], reporting.database)
    edits = [deal.edit(owner_id=chance.choice(people).id) for deal in office.deals.values() if not deal.is_deleted]
    await project_deals([event for events in edits for event in events], reporting.database)
