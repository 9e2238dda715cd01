"""The upgrades that bring sums of activities and what answers e-mails make them of the activities there are."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

import pytest

from crm_reporting.verification import find_differences
from crm_testing.upgrades import upgrading

pytestmark = pytest.mark.engines

MIGRATIONS: Final = Path(__file__).parents[2] / "migrations" / "versions"
ADD_FACTS: Final = """
    INSERT INTO activity_facts (tenant_id, activity_id, version, type, user_id, contact_ids, occurred_at, completed_at,
                                reference_keys, is_automatic, is_system, is_deleted)
    SELECT $1, gen_random_uuid(), 1, (ARRAY['CALL', 'EMAIL', 'MEETING', 'NOTE', 'TASK'])[1 + number % 5],
           CASE WHEN number <> 8 THEN $2::uuid END, '{}', '2026-11-02 22:00Z'::timestamptz + number * interval '1 hour',
           CASE WHEN number IN (4, 19) THEN '2026-11-05Z'::timestamptz END, '{}', number = 6, number = 7, number = 5
      FROM generate_series(0, 19) AS number
"""


ADD_EMAILS: Final = """
    INSERT INTO activity_facts (tenant_id, activity_id, version, type, user_id, contact_ids, direction, occurred_at,
                                thread_id, in_reply_to, reference_keys, is_automatic, is_system, is_deleted)
    SELECT $1, ('00000000-0000-4000-8000-00000000000' || number)::uuid, 1, 'EMAIL', $2, ARRAY[$1::uuid],
           CASE WHEN sent THEN 'OUTBOUND' ELSE 'INBOUND' END, '2026-11-02Z'::timestamptz + hours * interval '1 hour',
           CASE WHEN number < 4 THEN $1::uuid ELSE $2::uuid END,
           CASE WHEN number = 6 THEN '00000000-0000-4000-8000-000000000003'::uuid END, '{}', false, false, false
      FROM (VALUES (1, false, 0), (2, false, 1), (3, true, 2), (4, true, 3), (5, false, 4), (6, false, 400))
           AS told (number, sent, hours)
"""


def email(number: int) -> UUID:
    return UUID(f"00000000-0000-4000-8000-00000000000{number}")


async def test_an_upgrade_sums_up_what_was_done_before(postgres_admin_dsn: str) -> None:
    async with upgrading("reporting", MIGRATIONS, admin_dsn=postgres_admin_dsn, until="0022") as upgrade:
        tenant_id = uuid4()
        await upgrade.admin.execute(ADD_FACTS, tenant_id, uuid4())

        await upgrade.finish()

        days = await upgrade.admin.fetch(
            "SELECT done_day::text, calls, emails, meetings, notes, tasks_done FROM activity_rollup ORDER BY 1"
        )
        assert [tuple(row) for row in days] == [
            ("2026-11-02", 1, 1, 0, 0, 0),
            ("2026-11-03", 2, 2, 3, 3, 0),
            ("2026-11-05", 0, 0, 0, 0, 2),
        ]
        assert await find_differences(upgrade.admin, tenant_id) == []
        assert await upgrade.admin.fetchval("SELECT count(*) FROM pg_policy WHERE polname = 'owner_repairs'") == 0


async def test_an_upgrade_finds_what_answers_each_email(postgres_admin_dsn: str) -> None:
    async with upgrading("reporting", MIGRATIONS, admin_dsn=postgres_admin_dsn, until="0022") as upgrade:
        tenant_id, user_id = uuid4(), uuid4()
        await upgrade.admin.execute(ADD_EMAILS, tenant_id, user_id)

        await upgrade.finish()

        received = await upgrade.admin.fetch(
            "SELECT email_id, reply_id, reply_user_id, is_seen_alike FROM received_emails ORDER BY 1"
        )
        assert [tuple(row) for row in received] == [
            (email(1), email(3), user_id, True),
            (email(2), email(3), user_id, True),
            (email(5), None, None, False),
            (email(6), None, None, False),
        ]
        sent = await upgrade.admin.fetch("SELECT email_id, answer_id, block_began_at FROM sent_emails ORDER BY 1")
        assert [tuple(row) for row in sent] == [
            (email(3), email(5), datetime(2026, 11, 2, tzinfo=UTC)),
            (email(4), email(5), None),
        ]
        assert await find_differences(upgrade.admin, tenant_id) == []
