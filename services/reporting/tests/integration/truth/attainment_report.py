"""Attainment, recomputed from docs/reports.md. The window's days are those of its months."""

from typing import Final

# The owner of a won deal is the one that it had when it closed.
AMOUNTS: Final = """
    CREATE VIEW amounts AS
    SELECT m.user_id, m.figure, worth(m.amount, m.currency, q.rate, q.own_rate) AS worth,
           lacking(m.amount, m.currency, q.lacks) AS lacks
      FROM (SELECT user_id, 'quota' AS figure, amount, currency, month AS day FROM quotas WHERE in_window(month)
             UNION ALL
            SELECT nullif((SELECT arg_max(t.value, t.version)
                             FROM told_values t
                            WHERE t.deal_id = d.id AND t.field = 'owner_id' AND t.told_at <= d.closed_at), ''),
                   'won', d.amount, d.currency, day_of(d.closed_at)
              FROM visible d
             WHERE d.status = 'WON' AND d.deleted_at IS NULL AND d.pipeline_id = asked('pipeline_id')
               AND in_window(day_of(d.closed_at))
             UNION ALL
            SELECT d.owner_id, 'open', d.amount, d.currency, day_of(asked('moment'))
              FROM visible d
             WHERE d.status = 'OPEN' AND d.deleted_at IS NULL AND d.pipeline_id = asked('pipeline_id')
               AND in_window(d.close_date)) m
      JOIN quoted q ON q.code = m.currency AND q.day = m.day
     WHERE is_asked_owner(m.user_id)
       AND (asked('sees_all') OR m.user_id IN (SELECT owner_id FROM sight WHERE viewer_id = asked('viewer_id')))
"""
STANDINGS: Final = """
    CREATE VIEW standings AS
    SELECT user_id, half_even(quota, unit()) AS quota, half_even(won, unit()) AS won, half_even(open, unit()) AS open
      FROM (SELECT user_id, coalesce(sum(worth) FILTER (figure = 'quota'), 0) AS quota,
                   coalesce(sum(worth) FILTER (figure = 'won'), 0) AS won,
                   coalesce(sum(worth) FILTER (figure = 'open'), 0) AS open
              FROM amounts
             WHERE user_id IS NOT NULL
             GROUP BY user_id)
"""
ROWS: Final = """
    SELECT s.user_id, p.name AS user_name, written(s.quota) AS quota, written(s.won) AS won, written(s.open) AS open,
           CASE WHEN s.quota > 0 THEN s.won / s.quota END AS attainment,
           CASE WHEN s.quota > s.won THEN s.open / (s.quota - s.won) END AS coverage
      FROM standings s
      JOIN people p ON p.id = s.user_id
     ORDER BY round(CASE WHEN s.quota > 0 THEN s.won / s.quota END, 4) DESC NULLS LAST, s.won DESC, p.name
"""
TOTAL: Final = """
    SELECT written(t.quota) AS quota, written(t.won) AS won, written(t.open) AS open,
           CASE WHEN t.quota > 0 THEN t.won / t.quota END AS attainment,
           CASE WHEN t.quota > t.won THEN t.open / (t.quota - t.won) END AS coverage
      FROM (SELECT coalesce(sum(quota), 0) AS quota, coalesce(sum(won), 0) AS won, coalesce(sum(open), 0) AS open
              FROM standings) t
"""
LACKS: Final = "SELECT DISTINCT unnest(lacks) AS code FROM amounts WHERE user_id IS NOT NULL ORDER BY code"

VIEWS: Final = (AMOUNTS, STANDINGS)
