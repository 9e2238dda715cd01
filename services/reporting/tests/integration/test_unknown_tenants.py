"""Reports cost what a tenant's rows cost, whatever PostgreSQL knows of them: one that was just loaded is unknown.

Statistics come minutes later, and name the largest tenants alone. A plan for a few rows then meets thousands, and one
that looks at all of them for each of them takes half a minute for a small tenant.
"""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final
from uuid import UUID

import asyncpg
import pytest
from services.reporting.tests.integration.conftest import MIGRATIONS

from crm_reporting.activities.sums import recount_days
from crm_reporting.app import make_app
from crm_reporting.closings.losses import recount_losses
from crm_reporting.closings.store import recount_closings
from crm_reporting.consumers import keep_pipelines
from crm_reporting.conversions.store import remake_conversions
from crm_reporting.emails.recount import relink_emails
from crm_reporting.history.forecasts import recount_forecasts
from crm_reporting.history.sums import recount_periods
from crm_reporting.settings import ReportingSettings
from crm_reporting.stays.store import remake_stays
from crm_reporting.store import SUM_UP
from crm_reporting.wins.store import remake_wins
from crm_shared.database.pool import TenantConnection
from crm_testing.answers import require_ok
from crm_testing.deal_stories import PublishedPipeline
from crm_testing.people import SeededTenant
from crm_testing.query_plans import list_nodes
from crm_testing.service_kit import ServiceKit, running_service

pytestmark = pytest.mark.engines

Reporting = ServiceKit[ReportingSettings]
DEALS: Final = 1500
ROWS: Final = 5 * DEALS
"""Of the largest tables: entries, periods and activities."""

AT_MOST: Final = 60
"""How often a statement may touch each of them, with all that it sorts, joins and counts. Each with each is 7,500."""

FILL: Final = """
    WITH told AS MATERIALIZED (
        SELECT uuidv7() AS deal_id, n, ($3::uuid[])[1 + n % cardinality($3::uuid[])] AS owner_id,
               now() - make_interval(days => 40 + n % 300) AS at
          FROM generate_series(1, $4::integer) AS n
    ), entered AS MATERIALIZED (
        SELECT t.deal_id, t.owner_id, t.n, number, t.at + number * interval '5 days' AS at,
               CASE WHEN number < 4 THEN t.at + (number + 1) * interval '5 days' END AS until,
               ($2::uuid[])[1 + number] AS stage_id, CASE WHEN number < 4 THEN 'OPEN' ELSE 'WON' END AS status
          FROM told t
         CROSS JOIN generate_series(0, CASE WHEN t.n % 3 = 0 THEN 3 ELSE 4 END) AS number
    ), facts AS (
        INSERT INTO deal_facts (tenant_id, deal_id, version, pipeline_id, stage_id, owner_id, status, amount, currency,
                                close_date, created_at, stage_changed_at, closed_at, is_deleted, name)
        SELECT $1, deal_id, 9, $5, stage_id, owner_id, status, 100, (ARRAY['EUR', 'USD'])[1 + n % 2],
               current_date, at - number * interval '5 days', at, CASE WHEN status = 'WON' THEN at END, false, 'Deal'
          FROM entered
         WHERE number = CASE WHEN n % 3 = 0 THEN 3 ELSE 4 END
    ), periods AS (
        INSERT INTO deal_periods (tenant_id, deal_id, valid_from, valid_to, pipeline_id, stage_id, stage_changed_at,
                                  status, closed_at, amount, currency, owner_id, close_date)
        SELECT $1, deal_id, at, CASE WHEN n % 3 = 0 AND number = 3 THEN NULL ELSE until END, $5, stage_id, at, status,
               CASE WHEN status = 'WON' THEN at END, 100, (ARRAY['EUR', 'USD'])[1 + n % 2], owner_id, current_date
          FROM entered
    )
    INSERT INTO stage_transitions (tenant_id, deal_id, version, pipeline_id, from_stage_id, to_stage_id, changed_at,
                                   changed_by, owner_id, amount, currency)
    SELECT $1, deal_id, 1 + number, $5, NULL, stage_id, at, owner_id, owner_id, 100, 'EUR' FROM entered
"""
ACTIVITIES: Final = """
    WITH deals AS (
        SELECT array_agg(deal_id ORDER BY deal_id) AS ids FROM deal_facts WHERE tenant_id = $1
    ), owned AS (
        INSERT INTO contacts (tenant_id, id, version, owner_id)
        SELECT $1, md5('contact' || n)::uuid, 1, ($2::uuid[])[1 + n % cardinality($2::uuid[])]
          FROM generate_series(0, $3::integer / 20) AS n
    )
    INSERT INTO activity_facts (tenant_id, activity_id, version, type, user_id, contact_ids, deal_id, direction,
                                occurred_at, thread_id, reference_keys, is_automatic, is_system, is_deleted)
    SELECT $1, uuidv7(), 1, (ARRAY['EMAIL', 'CALL'])[1 + (n % 4 = 0)::int],
           ($2::uuid[])[1 + n / 2 % cardinality($2::uuid[])],
           ARRAY[md5('contact' || n / 20)::uuid], CASE WHEN n % 3 = 0 THEN d.ids[1 + n % cardinality(d.ids)] END,
           (ARRAY['INBOUND', 'OUTBOUND'])[1 + n % 2],
           now() - make_interval(hours => n), md5('thread' || n / 6)::uuid, '{}', false, false, false
      FROM generate_series(1, $3::integer) AS n, deals d
"""
TABLES: Final = (
    *("deal_facts", "deal_periods", "stage_transitions", "activity_facts"),
    *("deal_rollup", "closing_rollup", "stage_stays", "stay_rollup", "activity_rollup"),
    *("handed_over_wins", "loss_rollup", "forecast_rollup", "stage_conversions"),
    *("email_contacts", "received_emails", "sent_emails", "contacts"),
)
EVER: Final = {"from": "1900-01-01", "to": "2200-12-31"}
CALLS: Final[tuple[tuple[str, Mapping[str, str]], ...]] = (
    ("pipeline", {}),
    ("pipeline", {"as_of": "now"}),
    ("forecast", EVER),
    ("forecast", {**EVER, "as_of": "now"}),
    ("movement", {"from": "1900-01-01T00:00:00Z"}),
    ("movement/deals", {"from": "1900-01-01T00:00:00Z", "bucket": "created"}),
    ("movement/deals", {"from": "1900-01-01T00:00:00Z", "bucket": "fx"}),
    ("conversion", EVER),
    ("stage-age", {}),
    *(("win-rate", {**EVER, "group_by": group}) for group in ("owner", "month", "source", "lost_reason")),
    *(("velocity", {"from": "2025-01-01", "group_by": group}) for group in ("owner", "month")),
    ("leaderboard", EVER),
    ("attainment", {"from": "1900-01", "to": "2200-12"}),
    ("activity-metrics", EVER),
    ("response-times", EVER),
)


def measure(plan: Mapping[str, Any]) -> int:
    """Count the rows that the plan's nodes gave and threw away, each time they ran."""
    return sum(
        int(
            node["Actual Loops"]
            * (
                node["Actual Rows"]
                + sum(node.get(name, 0) for name in ("Rows Removed by Filter", "Rows Removed by Join Filter"))
            )
        )
        for node in list_nodes(plan)
    )


@pytest.fixture
async def unknown(postgres_admin_dsn: str) -> AsyncIterator[Reporting]:
    """Run the service on a database of each test's own, in which nothing is ever analysed by itself."""
    async with running_service(
        ReportingSettings, make_app, MIGRATIONS, admin_dsn=postgres_admin_dsn, kafka_bootstrap="127.0.0.1:9"
    ) as kit:
        owner = await asyncpg.connect(kit.settings.owner_dsn.get_secret_value())
        for table in TABLES:
            await owner.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = false)")
        await owner.close()
        yield kit


async def load(kit: Reporting) -> tuple[SeededTenant, PublishedPipeline]:
    """Make a tenant with rows in every table."""
    tenant = await kit.seed_tenant()
    pipeline = PublishedPipeline.sales(tenant.id)
    await keep_pipelines([pipeline.publish()], kit.database)
    owners: list[UUID] = [person.id for person in tenant.people]
    stages = [stage.id for stage in pipeline.stages]
    async with kit.database.begin_as_worker() as transaction:
        await transaction.execute(FILL, tenant.id, stages, owners, DEALS, pipeline.id)
        await transaction.execute(ACTIVITIES, tenant.id, owners, ROWS)
        await transaction.execute("DELETE FROM deal_rollup")
        await transaction.execute(SUM_UP)
        await recount_closings(transaction)
        await recount_losses(transaction)
        await recount_periods(transaction)
        await recount_forecasts(transaction)
        await remake_stays(transaction)
        await remake_conversions(transaction)
        await remake_wins(transaction)
        await recount_days(transaction)
        await relink_emails(transaction)
    return tenant, pipeline


@pytest.fixture
def costs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str]]:
    """Return what each statement of a report has cost, and its text, while the test runs."""
    measured: list[tuple[int, str]] = []
    fetch = TenantConnection.fetch

    async def explained(connection: TenantConnection, query: str, *args: Any, **options: Any) -> Any:
        if any(f" {table} " in query for table in TABLES):
            [found] = json.loads((await fetch(connection, f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", *args))[0][0])
            measured.append((measure(found["Plan"]), query))
        return await fetch(connection, query, *args, **options)

    monkeypatch.setattr(TenantConnection, "fetch", explained)
    return measured


@pytest.mark.parametrize("statistics", ["of nothing", "of another tenant"])
async def test_no_report_looks_at_each_row_for_each_row(
    unknown: Reporting, costs: list[tuple[int, str]], statistics: str
) -> None:
    if statistics == "of another tenant":
        await load(unknown)
        owner = await asyncpg.connect(unknown.settings.owner_dsn.get_secret_value())
        await owner.execute("ANALYZE")
        await owner.close()
    tenant, _ = await load(unknown)
    costly: dict[str, int] = {}
    for person in (tenant.admin, tenant.manager, tenant.rep):
        client = unknown.client(person)
        now = require_ok(await client.get("/v1/reports/pipeline"))["as_of"]
        for path, asked in CALLS:
            del costs[:]
            parameters = {name: now if value == "now" else value for name, value in asked.items()}
            require_ok(await client.get(f"/v1/reports/{path}", params=parameters))
            assert costs, path
            worst, _text = max(costs)
            if worst > AT_MOST * ROWS:
                costly[f"{person.role} {path} {dict(asked)}"] = worst // ROWS
    assert costly == {}
