"""The pipeline, the forecast, win rate, velocity and the leaderboard, recomputed from docs/reports.md."""

from typing import Final

PIPELINE: Final = """
    SELECT stage_id, stage_name, kind, deal_count, average_age_days, average_days_in_stage,
           written(half_even(money, unit())) AS total,
           written(half_even(money * probability, unit() * 100)) AS weighted
      FROM (SELECT s.position, s.stage_id, s.name AS stage_name, s.kind, s.probability, count(d.id) AS deal_count,
                   coalesce(sum(d.worth), 0) AS money,
                   avg(days_between(d.created_at, asked('moment'))) AS average_age_days,
                   avg(days_between(d.stage_changed_at, asked('moment'))) AS average_days_in_stage
              FROM stages_at(asked('moment')) s
              LEFT JOIN dated_deals d ON d.stage_id = s.stage_id
             WHERE s.pipeline_id = asked('pipeline_id')
             GROUP BY s.position, s.stage_id, s.name, s.kind, s.probability)
     ORDER BY position
"""
PIPELINE_LACKS: Final = "SELECT DISTINCT unnest(lacks) AS code FROM dated_deals ORDER BY code"

CLOSING: Final = """
    CREATE VIEW closing AS
    SELECT c.*
      FROM (SELECT d.*, s.probability,
                   CASE WHEN d.status = 'WON' THEN day_of(d.closed_at) ELSE d.close_date END AS closes_on
              FROM dated_deals d
              JOIN stages_at(asked('moment')) s ON s.pipeline_id = d.pipeline_id AND s.stage_id = d.stage_id
             WHERE d.status <> 'LOST') c
     WHERE in_window(c.closes_on)
"""
FORECAST: Final = """
    SELECT month, written(committed) AS committed, written(weighted) AS weighted, written(open) AS open,
           written(committed + weighted) AS total, deal_count
      FROM (SELECT month, deal_count, half_even(won, unit()) AS committed, half_even(open, unit()) AS open,
                   half_even(weighted, unit() * 100) AS weighted
              FROM (SELECT month_of(closes_on) AS month, count(*) AS deal_count,
                           coalesce(sum(worth) FILTER (status = 'WON'), 0) AS won,
                           coalesce(sum(worth) FILTER (status = 'OPEN'), 0) AS open,
                           coalesce(sum(worth * probability) FILTER (status = 'OPEN'), 0) AS weighted
                      FROM closing
                     GROUP BY month))
     ORDER BY month
"""
FORECAST_LACKS: Final = "SELECT DISTINCT unnest(lacks) AS code FROM closing ORDER BY code"

# By lost_reason lost deals alone are counted.
CLOSED_BY_GROUP: Final = """
    CREATE VIEW closed_by_group AS
    SELECT c.*, CASE asked('group_by') WHEN 'owner' THEN c.owner_id WHEN 'month' THEN month_of(c.day)
                                       WHEN 'source' THEN t.source WHEN 'lost_reason' THEN c.lost_reason END AS grouped
      FROM closed c
      LEFT JOIN contacts t ON t.id = c.contact_id
     WHERE NOT (c.is_won AND asked('group_by') IS NOT DISTINCT FROM 'lost_reason')
"""
# Owners by name, months as they follow, sources and reasons by how many closed; null last.
WIN_RATE: Final = """
    SELECT g.grouped AS "group", p.name AS owner_name, g.won, g.lost, g.won / (g.won + g.lost) AS rate,
           CASE WHEN g.valued > 0 THEN written(half_even(g.money, unit() * g.valued)) END AS average_won,
           g.median_cycle_days
      FROM (SELECT grouped, count(*) FILTER (is_won) AS won, count(*) FILTER (NOT is_won) AS lost,
                   sum(worth) AS money, count(worth) AS valued, median(cycle) FILTER (is_won) AS median_cycle_days
              FROM closed_by_group
             GROUP BY grouped) g
      LEFT JOIN people p ON p.id = g.grouped
     ORDER BY g.grouped IS NULL, CASE WHEN asked('group_by') IN ('source', 'lost_reason') THEN -g.won - g.lost END,
              p.name, g.grouped
"""
CLOSED_LACKS: Final = "SELECT DISTINCT unnest(lacks) AS code FROM closed_by_group ORDER BY code"

LEADERBOARD: Final = """
    SELECT owner_id, owner_name, won_count, written(units) AS won_amount
      FROM (SELECT owner_id, owner_name, won_count, half_even(money, unit()) AS units
              FROM (SELECT c.owner_id, p.name AS owner_name, count(*) AS won_count, coalesce(sum(c.worth), 0) AS money
                      FROM closed c
                      JOIN people p ON p.id = c.owner_id
                     WHERE c.is_won
                     GROUP BY c.owner_id, p.name))
     ORDER BY units DESC, won_count DESC, owner_name
"""
LEADERBOARD_LACKS: Final = """
    SELECT DISTINCT unnest(lacks) AS code FROM closed WHERE owner_id IS NOT NULL ORDER BY code
"""

# Each month of the window with the end of its last day in it; without months one period.
PERIODS: Final = """
    CREATE VIEW periods AS
    SELECT CASE WHEN asked('group_by') = 'month' THEN month_of(t.day) END AS month,
           end_of(CAST(max(t.day) AS DATE)) AS ends_at
      FROM generate_series(DATE '2025-12-01', DATE '2026-12-31', INTERVAL 1 DAY) t (day)
     WHERE in_window(CAST(t.day AS DATE))
     GROUP BY 1
"""
# What was open when a period ended, for whom it was then.
OPEN_BY_GROUP: Final = """
    CREATE VIEW open_by_group AS
    SELECT CASE asked('group_by') WHEN 'owner' THEN nullif(d.owner_id, '') WHEN 'month' THEN d.month END AS grouped,
           count(*) AS deals
      FROM (SELECT p.month, v.id,
                   arg_max(t.value, t.version) FILTER (t.field = 'status') AS status,
                   arg_max(t.value, t.version) FILTER (t.field = 'deleted_at') AS deleted_at,
                   arg_max(t.value, t.version) FILTER (t.field = 'pipeline_id') AS pipeline_id,
                   arg_max(t.value, t.version) FILTER (t.field = 'owner_id') AS owner_id
              FROM periods p
              JOIN told_values t ON t.told_at < p.ends_at
              JOIN visible v ON v.id = t.deal_id
             WHERE t.field IN ('status', 'deleted_at', 'pipeline_id', 'owner_id')
             GROUP BY p.month, v.id) d
     WHERE d.status = 'OPEN' AND d.deleted_at = '' AND d.pipeline_id = asked('pipeline_id')
       AND is_asked_owner(nullif(d.owner_id, ''))
     GROUP BY 1
"""
VELOCITY: Final = """
    WITH figures AS MATERIALIZED (
        SELECT grouped, count(*) FILTER (is_won) / count(*) AS win_rate, sum(worth) AS money, count(worth) AS valued,
               avg(cycle) FILTER (is_won) AS cycle
          FROM closed_by_group
         GROUP BY grouped),
    open_then AS MATERIALIZED (FROM open_by_group),
    groups AS (
        SELECT month AS grouped FROM periods WHERE asked('group_by') IS DISTINCT FROM 'owner'
         UNION
        SELECT grouped FROM figures
         UNION
        SELECT grouped FROM open_then)
    SELECT g.grouped AS "group", p.name AS owner_name, coalesce(o.deals, 0) AS deals, c.win_rate,
           CASE WHEN c.valued > 0 THEN written(half_even(c.money, unit() * c.valued)) END AS average_won,
           c.cycle AS average_cycle_days,
           CASE WHEN c.valued > 0 AND c.cycle > 0
                THEN coalesce(o.deals, 0) * c.win_rate * (c.money / c.valued / 1e18) / c.cycle END AS velocity_per_day
      FROM groups g
      LEFT JOIN figures c ON c.grouped IS NOT DISTINCT FROM g.grouped
      LEFT JOIN open_then o ON o.grouped IS NOT DISTINCT FROM g.grouped
      LEFT JOIN people p ON p.id = g.grouped
     ORDER BY g.grouped IS NULL, p.name, g.grouped
"""

VIEWS: Final = (CLOSING, CLOSED_BY_GROUP, PERIODS, OPEN_BY_GROUP)
