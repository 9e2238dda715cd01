"""The upgrades that bring sums of closings, stays and periods, and wins of others, make them of the deals there are."""

from decimal import Decimal
from pathlib import Path
from typing import Final
from uuid import uuid4

import pytest

from crm_reporting.verification import find_differences
from crm_testing.upgrades import upgrading

pytestmark = pytest.mark.engines

MIGRATIONS: Final = Path(__file__).parents[2] / "migrations" / "versions"
ADD_FACTS: Final = """
    INSERT INTO deal_facts (tenant_id, deal_id, version, pipeline_id, stage_id, owner_id, status, amount, currency,
                            created_at, stage_changed_at, closed_at, is_deleted)
    SELECT $1, gen_random_uuid(), 1, $2::uuid, $2::uuid, CASE WHEN number % 3 > 0 THEN $2::uuid END,
           (ARRAY['OPEN', 'WON', 'LOST'])[1 + number % 3], nullif(number, 5), 'EUR', '2026-11-01Z', '2026-11-02Z',
           CASE WHEN number % 3 > 0 THEN '2026-11-02 23:30Z'::timestamptz + number * interval '20 minutes' END,
           number = 7
      FROM generate_series(1, 9) AS number
"""
ADD_ENTRIES: Final = """
    INSERT INTO stage_transitions (tenant_id, deal_id, version, to_stage_id, changed_at)
    SELECT d.tenant_id, d.deal_id, number, d.stage_id, d.created_at + (number * number - 1) * interval '1 hour'
      FROM deal_facts d
     CROSS JOIN generate_series(1, 3) AS number
     WHERE d.tenant_id = $1
"""
ADD_PERIODS: Final = """
    INSERT INTO deal_periods (tenant_id, deal_id, valid_from, valid_to, pipeline_id, stage_id, stage_changed_at, status,
                              closed_at, amount, currency, owner_id, close_date)
    SELECT d.tenant_id, d.deal_id, p.valid_from, p.valid_to, d.pipeline_id, d.stage_id, d.created_at, p.status,
           CASE WHEN p.status <> 'OPEN' THEN d.closed_at END, d.amount, d.currency, d.pipeline_id, '2026-12-24'
      FROM deal_facts d
     CROSS JOIN LATERAL (
        VALUES ('OPEN', d.created_at, d.closed_at), (d.status, d.closed_at, d.closed_at + interval '40 days')
        ) AS p (status, valid_from, valid_to)
     WHERE d.tenant_id = $1 AND p.valid_from IS NOT NULL
"""


async def test_an_upgrade_sums_up_what_closed_before(postgres_admin_dsn: str) -> None:
    async with upgrading("reporting", MIGRATIONS, admin_dsn=postgres_admin_dsn, until="0015") as upgrade:
        tenant_id = uuid4()
        await upgrade.admin.execute(ADD_FACTS, tenant_id, uuid4())

        await upgrade.admin.execute(ADD_ENTRIES, tenant_id)
        await upgrade.admin.execute(ADD_PERIODS, tenant_id)
        await upgrade.admin.execute("UPDATE deal_facts SET owner_id = tenant_id WHERE amount = 4")

        await upgrade.finish()

        of_all = await upgrade.admin.fetch(
            """SELECT closed_day::text, status, deal_count, valued_count, total_amount
                 FROM closing_rollup WHERE is_of_all ORDER BY 1, 2"""
        )
        assert [tuple(row) for row in of_all] == [
            ("2026-11-02", "WON", 1, 1, Decimal(1)),
            ("2026-11-03", "LOST", 3, 2, Decimal(10)),
            ("2026-11-03", "WON", 1, 1, Decimal(4)),
        ]
        losses = await upgrade.admin.fetch(
            "SELECT closed_day::text, lost_reason, deal_count FROM loss_rollup WHERE is_of_all"
        )
        assert [tuple(row) for row in losses] == [("2026-11-03", None, 3)]
        stays = await upgrade.admin.fetch(
            "SELECT version, lasted_s, count(*) FROM stage_stays GROUP BY 1, 2 ORDER BY 1, 2"
        )
        assert [tuple(row) for row in stays] == [(1, 3 * 3600.0, 8), (2, 5 * 3600.0, 8)]
        conversions = await upgrade.admin.fetch(
            """SELECT c.elapsed_s, count(*)
                 FROM stage_conversions c
                 JOIN deal_facts d USING (tenant_id, deal_id)
                WHERE c.entered_at = d.created_at AND c.from_stage_id = d.stage_id AND c.to_stage_id = d.stage_id
                GROUP BY 1"""
        )
        assert [tuple(row) for row in conversions] == [(0.0, 8)]
        different = {one.table for one in await find_differences(upgrade.admin, tenant_id)}
        assert different == {"deal_rollup", "deal_periods"}
        wins = await upgrade.admin.fetch(
            """SELECT h.amount, h.owner_id, h.winner_id = d.pipeline_id, h.closed_at = d.closed_at
                 FROM handed_over_wins h
                 JOIN deal_facts d USING (tenant_id, deal_id)"""
        )
        assert [tuple(row) for row in wins] == [(Decimal(4), tenant_id, True, True)]
        [of_november] = await upgrade.admin.fetch(
            """SELECT sum(deal_count) AS deal_count, sum(total_amount) AS total_amount
                 FROM period_rollup WHERE is_of_all AND is_month AND is_open AND first_day = '2026-11-01'"""
        )
        assert tuple(of_november) == (3, Decimal(3 + 6 + 9))
        forecasts = await upgrade.admin.fetch(
            """SELECT closes_on::text, first_day::text, stage_id IS NULL, deal_count, total_amount
                 FROM forecast_rollup WHERE is_of_all AND is_month ORDER BY 1, 2, 3"""
        )
        assert [tuple(row) for row in forecasts] == [
            ("2026-11-02", "2026-11-01", True, 1, Decimal(1)),
            ("2026-11-02", "2026-12-01", True, -1, Decimal(-1)),
            ("2026-11-03", "2026-11-01", True, 2, Decimal(4 + 7)),
            ("2026-11-03", "2026-12-01", True, -2, Decimal(-4 - 7)),
            ("2026-12-01", "2026-11-01", False, 3, Decimal(3 + 6 + 9)),
        ]
        assert await upgrade.admin.fetchval("SELECT count(*) FROM pg_policy WHERE polname = 'owner_repairs'") == 0
