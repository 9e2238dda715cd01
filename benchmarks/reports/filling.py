"""Fills the reporting database with deals as years of events would have left them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import asyncpg

from benchmarks.arena import Arena
from benchmarks.restoring import restoring
from benchmarks.size import sized
from crm_reporting.activities.sums import SUM_UP as SUM_UP_DAYS
from crm_reporting.closings.losses import SUM_UP as SUM_UP_LOSSES
from crm_reporting.closings.store import SUM_UP as SUM_UP_CLOSINGS
from crm_reporting.consumers import keep_pipelines
from crm_reporting.conversions.store import REMAKE as REMAKE_CONVERSIONS
from crm_reporting.emails.recount import REMAKE as LINK_EMAILS
from crm_reporting.history.forecasts import SUM_UP as SUM_UP_FORECASTS
from crm_reporting.history.sums import SUM_UP as SUM_UP_PERIODS
from crm_reporting.stays.store import REMAKE
from crm_reporting.store import SUM_UP
from crm_reporting.wins.store import REMAKE as REMAKE_WINS
from crm_shared.access import Role
from crm_shared.database import Database
from crm_testing.deal_stories import PublishedPipeline
from crm_testing.people import Person, make_person, seed_people

OWNERS, REPORTS = 100, 50
NEIGHBOURS, DEALS_OF_A_NEIGHBOUR = sized((1_000, 100), tiny=(10, 10))

# Of ten deals three are open, four won and three lost. Each has passed up to four stages, from a day to three weeks in
# each, few as long as another; one in five carries another currency. A deal of the last days stands where it could have
# come to by now.
PUBLISH: Final = """
    CREATE TABLE told AS
    SELECT d.n, uuidv7() AS deal_id, d.tenant_id,
           ($3::uuid[])[1 + (d.n * 7 % cardinality($3::uuid[]))::int] AS owner_id,
           d.created_at, CASE WHEN d.n % 10 BETWEEN 3 AND 6 THEN 3 ELSE (d.n % 4)::int END AS last_open,
           CASE WHEN d.n % 10 < 3 THEN 'OPEN' WHEN d.n % 10 < 7 THEN 'WON' ELSE 'LOST' END AS status,
           least(interval '7 days' * (0.2 + d.n * 7919 % 100003 / 35717.0), (now() - d.created_at) / 6) AS step,
           (d.n % 100000)::numeric / 100 AS amount,
           (ARRAY['EUR','EUR','EUR','EUR','USD','EUR','EUR','EUR','EUR','GBP'])[1 + (d.n % 10)::int] AS currency,
           (d.created_at + make_interval(days => 60 + (d.n % 90)::int))::date AS close_date
      FROM (SELECT $1::uuid AS tenant_id, n, now() - interval '3 years' * (1 - n / $2::float8) AS created_at
              FROM generate_series(1, $2::bigint) AS n) d
"""
FACTS: Final = """
    INSERT INTO deal_facts (tenant_id, deal_id, version, pipeline_id, stage_id, owner_id, contact_id, status, amount,
                            currency, close_date, created_at, stage_changed_at, closed_at, is_deleted, name,
                            lost_reason)
    SELECT t.tenant_id, t.deal_id, 9, $2, ($1::uuid[])[1 + e.position], t.owner_id, NULL, t.status, t.amount,
           t.currency, t.close_date, t.created_at, e.at, CASE WHEN t.status <> 'OPEN' THEN e.at END, false, 'Deal',
           CASE WHEN t.status = 'LOST' THEN 'Reason ' || t.n % 11 END
      FROM told t
     CROSS JOIN LATERAL (
           SELECT CASE t.status WHEN 'OPEN' THEN t.last_open WHEN 'WON' THEN 4 ELSE 5 END AS position,
                  t.created_at + t.step * (t.last_open + (t.status <> 'OPEN')::int) AS at) e
"""
# Every entry into a stage, and the period that it begins; the last one has no end.
ENTRIES: Final = """
    CREATE TABLE entered AS
    SELECT t.tenant_id, t.deal_id, t.owner_id, t.amount, t.currency, t.close_date, e.number + 1 AS version,
           t.created_at + t.step * e.number AS at,
           CASE WHEN e.number < e.total THEN t.created_at + t.step * (e.number + 1) END AS until,
           CASE WHEN e.number <= t.last_open THEN 'OPEN' ELSE t.status END AS status,
           ($1::uuid[])[1 + CASE WHEN e.number <= t.last_open THEN e.number WHEN t.status = 'WON' THEN 4 ELSE 5 END]
               AS stage_id,
           CASE WHEN e.number > 0 THEN ($1::uuid[])[e.number] END AS from_stage_id
      FROM told t
     CROSS JOIN LATERAL (SELECT number, t.last_open + (t.status <> 'OPEN')::int AS total
                           FROM generate_series(0, t.last_open + (t.status <> 'OPEN')::int) AS number) e
"""
TRANSITIONS: Final = """
    INSERT INTO stage_transitions (tenant_id, deal_id, version, pipeline_id, from_stage_id, to_stage_id, changed_at,
                                   changed_by, owner_id, amount, currency)
    SELECT tenant_id, deal_id, version, $1, from_stage_id, stage_id, at, owner_id, owner_id, amount, currency
      FROM entered
"""
PERIODS: Final = """
    INSERT INTO deal_periods (tenant_id, deal_id, valid_from, valid_to, pipeline_id, stage_id, stage_changed_at, status,
                              closed_at, amount, currency, owner_id, close_date)
    SELECT tenant_id, deal_id, at, until, $1, stage_id, at, status, CASE WHEN status <> 'OPEN' THEN at END, amount,
           currency, owner_id, close_date
      FROM entered
"""
NEIGHBOURING: Final = """
    INSERT INTO deal_facts (tenant_id, deal_id, version, pipeline_id, stage_id, owner_id, contact_id, status, amount,
                            currency, close_date, created_at, stage_changed_at, closed_at, is_deleted)
    SELECT tenant.id, uuidv7(), 1, tenant.id, tenant.id, NULL, NULL, 'OPEN', n, 'EUR', current_date, now(), now(), NULL,
           false
      FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, $1::bigint)) tenant
     CROSS JOIN generate_series(1, $2::bigint) AS n
"""
RATES: Final = """
    INSERT INTO exchange_rates (tenant_id, id, base_currency, currency, effective_on, rate, version, created_at,
                                updated_at)
    SELECT $1, uuidv7(), 'EUR', c.currency, d.day::date, c.rate + extract(doy FROM d.day) / 10000, 1, now(), now()
      FROM (VALUES ('USD', 0.9), ('GBP', 1.1)) AS c (currency, rate)
     CROSS JOIN generate_series(now() - interval '4 years', now(), interval '7 days') AS d (day)
"""
ACTIVITIES: Final = """
    INSERT INTO activity_facts (tenant_id, activity_id, version, type, user_id, contact_ids, deal_id, direction,
                                occurred_at, completed_at, thread_id, in_reply_to, message_key, reference_keys,
                                is_automatic, is_system, is_deleted)
    SELECT $1, uuidv7(), 1, kind.type, ($3::uuid[])[1 + (n / 2 % cardinality($3::uuid[]))::int],
           ARRAY[md5('contact' || n / 20)::uuid], NULL,
           CASE WHEN kind.type IN ('EMAIL', 'CALL') THEN (ARRAY['OUTBOUND', 'INBOUND'])[1 + (n % 2)::int] END,
           now() - interval '3 years' * (1 - n / $2::float8),
           CASE WHEN kind.type = 'TASK' THEN now() - interval '3 years' * (1 - n / $2::float8) END,
           CASE WHEN kind.type = 'EMAIL' THEN md5('thread' || n / 8)::uuid END, NULL, NULL, '{}', false, false, false
      FROM generate_series(1, $2::bigint) AS n
     CROSS JOIN LATERAL (
           SELECT (ARRAY['EMAIL','EMAIL','CALL','TASK','EMAIL','EMAIL','MEETING','NOTE'])[1 + (n % 8)::int] AS type
           ) AS kind
"""
TABLES: Final = ("deal_facts", "stage_transitions", "deal_periods", "activity_facts")
SUMS: Final = (
    *(
        "deal_rollup",
        "closing_rollup",
        "period_rollup",
        "forecast_rollup",
        "stage_stays",
        "stay_rollup",
        "stage_conversions",
        "activity_rollup",
    ),
    *("loss_rollup", "handed_over_wins", "email_contacts", "received_emails", "sent_emails", "exchange_rates"),
)
LONG_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Filled:
    """The large tenant's pipeline and callers."""

    pipeline: PublishedPipeline
    callers: Mapping[str, Person]


async def fill(arena: Arena, database: Database, deals: int) -> Filled:
    """Tell of `deals` deals of one tenant and half as many activities, and of a thousand small tenants beside."""
    tenant = arena.tenant
    many = make_person(tenant.id, "Max Many", Role.MANAGER)
    owners = [
        make_person(tenant.id, f"Rep {n}", Role.REP, manager=many if n < REPORTS else None) for n in range(OWNERS)
    ]
    await seed_people(database, [many, *owners])
    pipeline = PublishedPipeline.sales(tenant.id)
    await keep_pipelines([pipeline.publish()], database)
    owner_ids = [owner.id for owner in owners]
    async with restoring(
        arena,
        "reporting",
        indexed=TABLES,
        triggered="deal_facts",
        vacuumed=(*TABLES, *SUMS),
    ) as loader:
        await _fill(loader, arena.environment["CRM_REPORTING_OWNER_DSN"], tenant.id, owner_ids, pipeline, deals)
    return Filled(pipeline, {"ADMIN": tenant.admin, f"MANAGER of {REPORTS}": many, "REP": owners[0]})


async def _fill(
    loader: asyncpg.Connection,
    owner_dsn: str,
    tenant_id: UUID,
    owner_ids: Sequence[UUID],
    pipeline: PublishedPipeline,
    deals: int,
) -> None:
    stage_ids = [stage.id for stage in pipeline.stages]
    owner = await asyncpg.connect(owner_dsn)  # a worker makes no tables
    await owner.execute(PUBLISH, tenant_id, deals, owner_ids, timeout=LONG_S)
    await owner.execute(ENTRIES, stage_ids, timeout=LONG_S)
    await owner.execute("GRANT SELECT ON told, entered TO PUBLIC")
    await loader.execute(FACTS, stage_ids, pipeline.id, timeout=LONG_S)
    for statement in (TRANSITIONS, PERIODS):
        await loader.execute(statement, pipeline.id, timeout=LONG_S)
    await owner.execute("DROP TABLE told, entered")
    await owner.close()
    await loader.execute(NEIGHBOURING, NEIGHBOURS, DEALS_OF_A_NEIGHBOUR, timeout=LONG_S)
    await loader.execute(ACTIVITIES, tenant_id, deals // 2, owner_ids, timeout=LONG_S)
    await loader.execute(RATES, tenant_id)
    await loader.execute(SUM_UP, timeout=LONG_S)
    sums = (SUM_UP_CLOSINGS, SUM_UP_LOSSES, SUM_UP_PERIODS, SUM_UP_FORECASTS, SUM_UP_DAYS)
    for statement in (*sums, *REMAKE, *REMAKE_CONVERSIONS, *REMAKE_WINS, *LINK_EMAILS):
        await loader.execute(statement, None, timeout=LONG_S)
