"""Sums that an earlier release let infinity into are made anew by the upgrade."""

from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from crm_shared.database.time_range_checks import list_unchecked_times
from crm_testing.upgrades import upgrading

MIGRATIONS = Path(__file__).parents[2] / "migrations" / "versions"
ADD_FACT = """
    INSERT INTO deal_facts (tenant_id, deal_id, version, pipeline_id, stage_id, status, amount, currency, close_date,
                            created_at, stage_changed_at, is_deleted)
    VALUES ($1, gen_random_uuid(), 1, $1, $1, 'OPEN', $2, 'EUR', '2026-12-15', $3::text::timestamptz,
            '2026-11-02 09:30:00+00', $4::text::boolean)
"""
ADD_SUM = """
    INSERT INTO deal_rollup (tenant_id, pipeline_id, stage_id, currency, close_month, status, deal_count, total_amount,
                             created_epoch_s, stage_changed_epoch_s)
    VALUES ($1, $1, $1, 'EUR', '2026-12-01', 'OPEN', 1, 'NaN', '-Infinity', 'NaN')
"""
ADD_RATE = """
    INSERT INTO exchange_rates (tenant_id, id, base_currency, currency, effective_on, rate, version, created_at,
                                updated_at)
    VALUES ($1, gen_random_uuid(), 'EUR', $2, $3::text::date, $4, 1, now(), now())
"""


async def test_an_upgrade_makes_poisoned_sums_anew(postgres_admin_dsn: str) -> None:
    async with upgrading("reporting", MIGRATIONS, admin_dsn=postgres_admin_dsn, until="0003") as upgrade:
        tenant_id = uuid4()
        await upgrade.admin.execute(ADD_FACT, tenant_id, Decimal(5), "-infinity", "true")
        await upgrade.admin.execute(ADD_FACT, tenant_id, Decimal(7), "2026-11-02 09:30:00+00", "false")
        await upgrade.admin.execute(ADD_SUM, tenant_id)
        for currency, day, rate in (
            ("USD", "-infinity", 1), ("USD", "0001-01-01", 2), ("USD", "2026-01-01", 3), ("USD", "9999-12-31", 4),
            ("CHF", "1800-01-01", 5), ("CHF", "1900-01-01", 6),
        ):  # fmt: skip
            await upgrade.admin.execute(ADD_RATE, tenant_id, currency, day, Decimal(rate))

        await upgrade.finish()

        sums = await upgrade.admin.fetch("SELECT deal_count, total_amount, created_epoch_s FROM deal_rollup")
        assert [tuple(row) for row in sums] == [(1, Decimal(7), Decimal("1793611800.000000"))]
        rates = await upgrade.admin.fetch("SELECT currency, effective_on::text, rate FROM exchange_rates ORDER BY 1, 2")
        assert [tuple(row) for row in rates] == [
            ("CHF", "1900-01-01", 6), ("USD", "1900-01-01", 2), ("USD", "2026-01-01", 3),
        ]  # fmt: skip
        assert await upgrade.admin.fetchval("SELECT count(*) FROM pg_policy WHERE polname = 'owner_repairs'") == 0
        assert await list_unchecked_times(upgrade.admin) == []
        with pytest.raises(asyncpg.CheckViolationError):
            await upgrade.admin.execute(ADD_SUM, tenant_id)
