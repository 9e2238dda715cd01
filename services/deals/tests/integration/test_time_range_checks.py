"""What an earlier release let in is mended by the upgrade, and told of by the next republish."""

from datetime import UTC, date, datetime
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from crm_shared.database.time_range_checks import list_unchecked_times
from crm_testing.upgrades import upgrading

MIGRATIONS = Path(__file__).parents[2] / "migrations" / "versions"
ADD_DEAL = """
    INSERT INTO deals (tenant_id, id, version, name, owner_id, pipeline_id, stage_id, currency, status, close_date,
                       stage_changed_at, created_at, updated_at, custom_data)
    VALUES ($1, gen_random_uuid(), 3, $2, $1, $1, $1, 'EUR', 'OPEN', $3::text::date, $4::text::timestamptz,
            $4::text::timestamptz, '2026-11-22 03:51:54+00', '{}')
"""


async def test_an_upgrade_brings_moments_of_no_time_into_the_window(postgres_admin_dsn: str) -> None:
    async with upgrading("deals", MIGRATIONS, admin_dsn=postgres_admin_dsn, until="0010") as upgrade:
        tenant_id = uuid4()
        await upgrade.admin.execute("SET session_replication_role = replica")  # the deal stands alone: no foreign keys
        for name, close_date, created_at in (
            ("early", "-infinity", "-infinity"),
            ("late", "9999-12-31", "1899-12-31 23:00:00+00"),
            ("sound", "2026-12-15", "2026-11-02 09:30:00+00"),
            ("undated", None, "2026-11-02 09:30:00+00"),
        ):
            await upgrade.admin.execute(ADD_DEAL, tenant_id, name, close_date, created_at)

        await upgrade.finish()
        await upgrade.finish()

        rows = await upgrade.admin.fetch("SELECT name, version, close_date, created_at, stage_changed_at FROM deals")
        first, told_at = datetime(1900, 1, 1, tzinfo=UTC), datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
        assert {row["name"]: tuple(row)[1:] for row in rows} == {
            "early": (4, date(1900, 1, 1), first, first),
            "late": (4, date(2200, 12, 31), first, first),
            "sound": (3, date(2026, 12, 15), told_at, told_at),
            "undated": (3, None, told_at, told_at),
        }
        assert await upgrade.admin.fetchval("SELECT count(*) FROM pg_policy WHERE polname = 'owner_repairs'") == 0
        assert await list_unchecked_times(upgrade.admin) == []
        with pytest.raises(asyncpg.CheckViolationError):
            await upgrade.admin.execute(ADD_DEAL, tenant_id, "late", "infinity", "2026-11-02 09:30:00+00")


async def test_a_table_without_a_range_check_is_named(postgres_admin_dsn: str) -> None:
    async with upgrading("deals", MIGRATIONS, admin_dsn=postgres_admin_dsn, until="0011") as upgrade:
        await upgrade.admin.execute("CREATE TABLE forgotten (on_day date, at timestamptz)")
        await upgrade.admin.execute("ALTER TABLE deals DROP CONSTRAINT deals_in_time")
        await upgrade.admin.execute("ALTER TABLE deals ADD CONSTRAINT deals_in_time CHECK (close_date < 'infinity')")
        unchecked = await list_unchecked_times(upgrade.admin)
        assert unchecked[:2] == ["deals.close_date", "deals.stage_changed_at"]
        assert unchecked[-2:] == ["forgotten.on_day", "forgotten.at"]
