"""Conversion and stage age, recomputed from docs/reports.md."""

from typing import Final

# Deals that count: those that stand today, whichever pipeline they have gone on to.
STANDING: Final = """
    CREATE VIEW standing AS
    SELECT * FROM visible WHERE deleted_at IS NULL AND is_asked_owner(owner_id)
"""

# The first entry ever of a deal into a stage that the pipeline has today.
FIRST_ENTRIES: Final = """
    CREATE VIEW first_entries AS
    SELECT e.deal_id, d.status, s.position, e.stage_id, e.version, e.entered_at
      FROM entries e
      JOIN standing d ON d.id = e.deal_id
      JOIN stages_at(asked('moment')) s ON s.pipeline_id = asked('pipeline_id') AND s.stage_id = e.stage_id
   QUALIFY row_number() OVER (PARTITION BY e.deal_id, e.stage_id ORDER BY e.entered_at, e.version) = 1
"""

# Each deal of the cohort of each stage, with each other stage, and its first entry into that one afterwards.
FOLLOWED: Final = """
    CREATE VIEW followed AS
    SELECT a.deal_id, a.status, a.position AS from_position, a.stage_id AS from_stage_id, a.entered_at AS began,
           b.position AS to_position, b.stage_id AS to_stage_id,
           (SELECT min(e.entered_at)
              FROM entries e
             WHERE e.deal_id = a.deal_id AND e.stage_id = b.stage_id
               AND (e.entered_at > a.entered_at OR e.entered_at = a.entered_at AND e.version > a.version)) AS arrived
      FROM first_entries a
      JOIN stages_at(asked('moment')) b ON b.pipeline_id = asked('pipeline_id') AND b.stage_id <> a.stage_id
     WHERE in_window(day_of(a.entered_at))
"""
CONVERSION: Final = """
    SELECT a.position AS from_position, b.position AS to_position, a.stage_id AS from_stage_id,
           b.stage_id AS to_stage_id, count(f.deal_id) AS entered, count(f.arrived) AS converted,
           CASE WHEN count(f.deal_id) > 0 THEN count(f.arrived) / count(f.deal_id) END AS rate,
           median(days_between(f.began, f.arrived)) FILTER (f.arrived IS NOT NULL) AS median_days,
           count(f.deal_id) FILTER (f.arrived IS NULL AND f.status = 'OPEN') AS open
      FROM stages_at(asked('moment')) a
      JOIN stages_at(asked('moment')) b ON b.pipeline_id = a.pipeline_id AND b.stage_id <> a.stage_id
      LEFT JOIN followed f ON f.from_stage_id = a.stage_id AND f.to_stage_id = b.stage_id
     WHERE a.pipeline_id = asked('pipeline_id')
     GROUP BY ALL
     ORDER BY from_position, to_position
"""

# One stay for each entry; it ended with the deal's next one.
STAYS: Final = """
    CREATE VIEW stays AS
    SELECT d.id, d.status, e.stage_id, e.entered_at,
           lead(e.entered_at) OVER (PARTITION BY e.deal_id ORDER BY e.entered_at, e.version) AS left_at
      FROM entries e
      JOIN standing d ON d.id = e.deal_id
"""
# What has left the pipeline stands behind the others, if anything stayed in it.
STAGE_AGE: Final = """
    WITH days AS MATERIALIZED (
        SELECT stage_id, left_at IS NOT NULL AS has_left,
               days_between(entered_at, coalesce(left_at, asked('moment'))) AS days
          FROM stays
         WHERE left_at IS NOT NULL OR status = 'OPEN')
    SELECT s.stage_id, s.name AS stage_name,
           count(d.days) FILTER (NOT d.has_left) AS open_count,
           avg(d.days) FILTER (NOT d.has_left) AS open_average_days,
           quantile_cont(d.days, 0.5) FILTER (NOT d.has_left) AS open_median_days,
           quantile_cont(d.days, 0.9) FILTER (NOT d.has_left) AS open_p90_days,
           count(d.days) FILTER (d.has_left) AS left_count,
           avg(d.days) FILTER (d.has_left) AS left_average_days,
           quantile_cont(d.days, 0.5) FILTER (d.has_left) AS left_median_days,
           quantile_cont(d.days, 0.9) FILTER (d.has_left) AS left_p90_days
      FROM (SELECT stage_id, arg_max(name, version) AS name, max(version) AS version,
                   arg_max(position, version) AS position
              FROM stage_versions
             WHERE pipeline_id = asked('pipeline_id')
             GROUP BY stage_id) s
      LEFT JOIN days d ON d.stage_id = s.stage_id
     GROUP BY s.stage_id, s.name, s.version, s.position
    HAVING count(d.days) > 0 OR s.version = (SELECT max(version) FROM stage_versions
                                              WHERE pipeline_id = asked('pipeline_id'))
     ORDER BY s.version DESC, s.position
"""

VIEWS: Final = (STANDING, FIRST_ENTRIES, FOLLOWED, STAYS)
