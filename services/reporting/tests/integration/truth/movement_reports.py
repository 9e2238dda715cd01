"""Movement and the lists of its deals, recomputed from docs/reports.md."""

from typing import Final

NAMES: Final = (
    *("created", "restored", "reopened", "moved_in", "won", "lost", "deleted", "moved_out"),
    *("increased", "decreased", "fx"),
)

# A deal at either end, wherever it is; `is_in`: open, in the pipeline, and of the owners that were asked for.
ENDS: Final = """
    CREATE MACRO end_at(at_moment) AS TABLE
    SELECT d.*, s.probability, q.rate, q.own_rate,
           d.status = 'OPEN' AND d.pipeline_id = asked('pipeline_id') AND is_asked_owner(d.owner_id) AS is_in
      FROM deals_at(at_moment) d
      LEFT JOIN stages_at(at_moment) s ON s.pipeline_id = d.pipeline_id AND s.stage_id = d.stage_id
      JOIN quoted q ON q.code = d.currency AND q.day = day_of(at_moment)
"""

# What a currency is at both ends; NULL at both where it, or the report's, lacks a rate at either.
BOTH_RATES: Final = """
    CREATE VIEW both_rates AS
    SELECT b.code, CASE WHEN len(b.lacks || e.lacks) = 0 THEN b.rate END AS rate_before,
           CASE WHEN len(b.lacks || e.lacks) = 0 THEN e.rate END AS rate_after,
           b.own_rate AS own_before, e.own_rate AS own_after, list_distinct(b.lacks || e.lacks) AS lacks
      FROM quoted b
      JOIN quoted e ON e.code = b.code
     WHERE b.day = day_of(asked('since')) AND e.day = day_of(asked('moment'))
"""

MOVED: Final = """
    CREATE VIEW moved AS
    SELECT v.id, v.created_at, b.id IS NOT NULL AS was, e.id IS NOT NULL AS is_now,
           coalesce(b.is_in, false) AS was_in, coalesce(e.is_in, false) AS is_in, b.status AS old_status,
           e.status AS new_status, b.probability AS old_probability, e.probability AS new_probability,
           b.stage_id AS old_stage_id, e.stage_id AS new_stage_id, b.amount AS old_amount, e.amount AS new_amount,
           b.currency AS old_currency, e.currency AS new_currency,
           worth(b.amount, b.currency, rb.rate_before, rb.own_before) AS worth_before,
           worth(e.amount, e.currency, re.rate_after, re.own_after) AS worth_after,
           worth(e.amount, e.currency, re.rate_before, re.own_before) AS new_at_old_rates,
           lacking(b.amount, b.currency, rb.lacks) AS lacks_before,
           lacking(e.amount, e.currency, re.lacks) AS lacks_after
      FROM visible v
      LEFT JOIN end_at(asked('since')) b ON b.id = v.id
      LEFT JOIN both_rates rb ON rb.code = b.currency
      LEFT JOIN end_at(asked('moment')) e ON e.id = v.id
      LEFT JOIN both_rates re ON re.code = e.currency
     WHERE coalesce(b.is_in, false) OR coalesce(e.is_in, false)
"""
ENDINGS: Final = """
    SELECT a."end", a.deal_count, written(half_even(a.money, unit())) AS amount,
           written(half_even(a.weighted, unit() * 100)) AS weighted
      FROM (SELECT 'start' AS "end", count(*) AS deal_count, coalesce(sum(worth_before), 0) AS money,
                   coalesce(sum(worth_before * old_probability), 0) AS weighted
              FROM moved WHERE was_in
             UNION ALL
            SELECT 'end', count(*), coalesce(sum(worth_after), 0), coalesce(sum(worth_after * new_probability), 0)
              FROM moved WHERE is_in) a
     ORDER BY 1 DESC
"""
LACKS: Final = """
    SELECT DISTINCT code
      FROM (SELECT unnest(lacks_before) AS code FROM moved WHERE was_in
             UNION ALL
            SELECT unnest(lacks_after) AS code FROM moved WHERE is_in)
     ORDER BY code
"""

# A deal's parts. Amounts without a rate are nothing at both ends.
PARTS: Final = """
    CREATE VIEW parts AS
    WITH m AS MATERIALIZED (
        SELECT *, coalesce(worth_before, 0) AS old, coalesce(worth_after, 0) AS new,
               coalesce(new_at_old_rates, 0) AS new_at_start
          FROM moved)
    SELECT *, CASE WHEN NOT was AND created_at > asked('since') THEN 'created'
                   WHEN NOT was THEN 'restored'
                   WHEN old_status <> 'OPEN' THEN 'reopened'
                   ELSE 'moved_in' END AS bucket, new AS part
      FROM m WHERE is_in AND NOT was_in
     UNION ALL
    SELECT *, CASE WHEN NOT is_now THEN 'deleted'
                   WHEN new_status = 'WON' THEN 'won'
                   WHEN new_status = 'LOST' THEN 'lost'
                   ELSE 'moved_out' END AS bucket, -old AS part
      FROM m WHERE was_in AND NOT is_in
     UNION ALL
    SELECT *, CASE WHEN new_at_start > old THEN 'increased' ELSE 'decreased' END AS bucket, new_at_start - old AS part
      FROM m WHERE was_in AND is_in AND new_at_start <> old
     UNION ALL
    SELECT *, 'fx' AS bucket, new - new_at_start AS part
      FROM m WHERE was_in AND is_in AND new <> new_at_start
"""

# Rounded down; what is left goes, a unit each, to those with the largest remainders. Nothing stays nothing.
BUCKETS: Final = """
    WITH sums AS MATERIALIZED (
        SELECT bucket, count(*) AS deal_count, sum(part) AS money FROM parts GROUP BY bucket),
    floors AS MATERIALIZED (
        SELECT *, money // unit() - CASE WHEN money % unit() < 0 THEN 1 ELSE 0 END AS units,
               (money % unit() + unit()) % unit() AS rest
          FROM sums),
    ends AS (
        SELECT coalesce(sum(worth_before) FILTER (was_in), 0) AS began,
               coalesce(sum(worth_after) FILTER (is_in), 0) AS ended
          FROM moved),
    spare AS (
        SELECT half_even(ended, unit()) - half_even(began, unit())
               - coalesce((SELECT sum(units) FROM floors), 0) AS units
          FROM ends),
    ranked AS (
        SELECT *, row_number() OVER (ORDER BY rest DESC) AS rank FROM floors WHERE money <> 0)
    SELECT f.bucket, f.deal_count,
           written(f.units + CASE WHEN r.rank <= (SELECT units FROM spare) THEN 1 ELSE 0 END) AS amount
      FROM floors f
      LEFT JOIN ranked r ON r.bucket = f.bucket
     ORDER BY f.bucket
"""
DEALS: Final = """
    SELECT bucket, id AS deal_id, written(half_even(part, unit())) AS amount,
           old_stage_id, old_status, old_amount, old_currency, new_stage_id, new_status, new_amount, new_currency
      FROM parts
     ORDER BY bucket, created_at DESC, id DESC
"""

VIEWS: Final = (ENDS, BOTH_RATES, MOVED, PARTS)
