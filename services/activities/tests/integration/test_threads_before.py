"""E-mails that were there before threads were: the upgrade gives each its own, over chains of answers and circles."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import pytest

from crm_testing.upgrades import upgrading

pytestmark = pytest.mark.engines

MIGRATIONS: Final = Path(__file__).parents[2] / "migrations" / "versions"
TENANTS: Final = (UUID(int=1), UUID(int=2))
USER: Final = UUID(int=3)
BEGIN: Final = datetime(2026, 11, 2, 9, tzinfo=UTC)

INSERT: Final = """
    INSERT INTO activities (tenant_id, id, version, type, user_id, occurred_at, system, created_at, updated_at,
                            deleted_at, in_reply_to)
    VALUES ($1, $2, 1, $3, $4, $5, false, $5, $5, $6, $7)
"""
ANSWER: Final = "UPDATE activities SET in_reply_to = $3 WHERE tenant_id = $1 AND id = $2"

# What answers what, by number. 5 answers a note; 6, 7 and 8 are a circle, to which 9 leads; 20 to 39 are a chain whose
# ids go backwards.
ANSWERS: Final = {2: 1, 3: 2, 5: 4, 6: 7, 7: 8, 8: 6, 9: 7, **{number: number + 1 for number in range(20, 39)}}
NOTE: Final = 4
DELETED: Final = 2
EXPECTED: Final = {1: 1, 2: 1, 3: 1, NOTE: None, 5: 5, 6: 6, 7: 6, 8: 6, 9: 6, **dict.fromkeys(range(20, 40), 39)}


async def test_every_email_has_its_thread_after_the_upgrade(postgres_admin_dsn: str) -> None:
    async with upgrading("activities", MIGRATIONS, admin_dsn=postgres_admin_dsn, until="0012") as upgrade:
        for tenant_id in TENANTS:
            for number in EXPECTED:
                at = BEGIN + timedelta(hours=number)
                type_ = "NOTE" if number == NOTE else "EMAIL"
                deleted_at = at if number == DELETED else None
                await upgrade.admin.execute(INSERT, tenant_id, UUID(int=number), type_, USER, at, deleted_at, None)
            await upgrade.admin.executemany(
                ANSWER, [(tenant_id, UUID(int=one), UUID(int=other)) for one, other in ANSWERS.items()]
            )
        await upgrade.finish()
        rows = await upgrade.admin.fetch("SELECT tenant_id, id, thread_id, version FROM activities")
        for tenant_id in TENANTS:
            threads = {row["id"].int: row["thread_id"] and row["thread_id"].int for row in rows}
            assert threads == EXPECTED, tenant_id
        assert {row["version"] for row in rows} == {1}
        left = await upgrade.admin.fetch("SELECT FROM pg_policies WHERE policyname = 'owner_threads'")
        assert left == []
        late = UUID(int=50)  # by a process of the release before, which knows of no threads
        await upgrade.admin.execute(INSERT, TENANTS[0], late, "EMAIL", USER, BEGIN, None, UUID(int=3))
        assert await upgrade.admin.fetchval("SELECT thread_id FROM activities WHERE id = $1", late) == UUID(int=1)
