"""What all reports share, by docs/reports.md: what is asked, who sees what, what a deal was at a moment, and money.

What is asked stands in variables: viewer_id, sees_all, owners, pipeline_id, zone, currency, digits, first_day,
last_day, since, moment (now, or the one that is asked about; `since` is the one before it in a comparison), group_by.

Money is counted in HUGEINTs of 10^-18: amounts in their own currency are exact, and so are quotients that end. It is
rounded half-even to the currency's smallest unit, and then written.
"""

from typing import Final

DAYS: Final = (
    "CREATE MACRO asked(of_name) AS getvariable(of_name)",
    "CREATE MACRO day_of(of_moment) AS CAST(of_moment AT TIME ZONE asked('zone') AS DATE)",
    "CREATE MACRO end_of(of_day) AS (CAST(of_day AS TIMESTAMP) + INTERVAL 1 DAY) AT TIME ZONE asked('zone')",
    "CREATE MACRO in_window(of_day) AS of_day BETWEEN asked('first_day') AND asked('last_day')",
    "CREATE MACRO month_of(of_day) AS strftime(of_day, '%Y-%m')",
    "CREATE MACRO days_between(began, ended) AS date_diff('microsecond', began, ended) / 86400e6",
)

# The last rate on or before a day, for each day; in 10^-8.
RATES: Final = """
    CREATE TABLE rates AS
    SELECT d.day, d.code, CAST(r.rate * 100000000 AS HUGEINT) AS rate
      FROM (SELECT c.code, CAST(t.day AS DATE) AS day
              FROM currencies c, generate_series(DATE '2025-12-01', DATE '2028-12-31', INTERVAL 1 DAY) t (day)) d
      ASOF LEFT JOIN (FROM told_rates UNION ALL SELECT 'EUR', DATE '1900-01-01', 1) r
        ON r.currency = d.code AND r.since <= d.day
"""

# Of a currency and of the report's on a day; one that is missing is named.
QUOTED: Final = """
    CREATE VIEW quoted AS
    SELECT r.day, r.code, r.rate, own.rate AS own_rate,
           CASE WHEN r.rate IS NULL THEN [r.code] ELSE [] END
           || CASE WHEN own.rate IS NULL THEN [own.code] ELSE [] END AS lacks
      FROM rates r
      JOIN rates own ON own.day = r.day AND own.code = asked('currency')
"""

MONEY: Final = (
    # 10^-3 x 10^-8 x 10^15 / 10^-8. NULL where a rate is missing.
    """
    CREATE MACRO worth(of_amount, of_code, rate, own_rate) AS CASE
        WHEN coalesce(of_amount, 0) = 0 THEN 0::HUGEINT
        WHEN of_code = asked('currency') THEN CAST(of_amount * 1000 AS HUGEINT) * 1000000000000000
        ELSE CAST(of_amount * 1000 AS HUGEINT) * rate * 1000000000000000 // own_rate END
    """,
    """
    CREATE MACRO lacking(of_amount, of_code, lacks) AS
        CASE WHEN coalesce(of_amount, 0) <> 0 AND of_code <> asked('currency') THEN lacks END
    """,
    "CREATE MACRO unit() AS CAST(pow(10, 18 - asked('digits')) AS HUGEINT)",
    # One more if the rest is more than a half, or a half and the whole odd.
    """
    CREATE MACRO half_even(whole, part) AS
        sign(whole) * (abs(whole) // part
                       + CASE WHEN 2 * (abs(whole) % part) + abs(whole) // part % 2 > part THEN 1 ELSE 0 END)
    """,
    """
    CREATE MACRO written(units) AS CASE WHEN units < 0 THEN '-' ELSE '' END
        || CASE WHEN asked('digits') = 0 THEN CAST(abs(units) AS VARCHAR)
                ELSE CAST(abs(units) // CAST(pow(10, asked('digits')) AS HUGEINT) AS VARCHAR) || '.'
                     || lpad(CAST(abs(units) % CAST(pow(10, asked('digits')) AS HUGEINT) AS VARCHAR),
                             CAST(asked('digits') AS INTEGER), '0') END
    """,
)

OWNERS: Final = """
    CREATE MACRO is_asked_owner(of_owner) AS
        len(asked('owners')) = 0 OR coalesce(list_contains(asked('owners'), of_owner), false)
"""

# What the viewer may see, by today's rights: by today's owner, or by a share of the contact.
VISIBLE: Final = """
    CREATE VIEW visible AS
    SELECT d.*
      FROM deals d
     WHERE asked('sees_all')
        OR d.owner_id IN (SELECT s.owner_id FROM sight s WHERE s.viewer_id = asked('viewer_id'))
        OR d.contact_id IN (SELECT s.contact_id FROM shares s WHERE s.user_id = asked('viewer_id'))
"""

# Each value is that of the last version among those that had happened by then.
DEALS_AT: Final = """
    CREATE MACRO deals_at(at_moment) AS TABLE
    SELECT v.id, v.created_at, t.* EXCLUDE (deal_id)
      FROM visible v
      JOIN (SELECT deal_id,
                   max(value) FILTER (field = 'pipeline_id') AS pipeline_id,
                   max(value) FILTER (field = 'stage_id') AS stage_id,
                   CAST(max(value) FILTER (field = 'stage_changed_at') AS TIMESTAMPTZ) AS stage_changed_at,
                   max(value) FILTER (field = 'status') AS status,
                   CAST(nullif(max(value) FILTER (field = 'closed_at'), '') AS TIMESTAMPTZ) AS closed_at,
                   CAST(nullif(max(value) FILTER (field = 'amount'), '') AS DECIMAL(18, 3)) AS amount,
                   max(value) FILTER (field = 'currency') AS currency,
                   nullif(max(value) FILTER (field = 'owner_id'), '') AS owner_id,
                   CAST(nullif(max(value) FILTER (field = 'close_date'), '') AS DATE) AS close_date
              FROM (SELECT deal_id, field, arg_max(value, version) AS value
                      FROM told_values
                     WHERE told_at <= at_moment
                     GROUP BY deal_id, field)
             GROUP BY deal_id
            HAVING max(value) FILTER (field = 'deleted_at') = '') t ON t.deal_id = v.id
"""

# A pipeline's stages of a moment; before its first version those of that one.
STAGES_AT: Final = """
    CREATE MACRO stages_at(at_moment) AS TABLE
    SELECT s.*
      FROM stage_versions s
      JOIN (SELECT pipeline_id, coalesce(max(version) FILTER (told_at <= at_moment), 1) AS version
              FROM stage_versions
             GROUP BY pipeline_id) v USING (pipeline_id, version)
"""

# The pipeline at the moment asked about. Money is of the day of a closing, while a deal is open of the day asked about.
DATED_DEALS: Final = """
    CREATE VIEW dated_deals AS
    SELECT d.*, worth(d.amount, d.currency, q.rate, q.own_rate) AS worth,
           lacking(d.amount, d.currency, q.lacks) AS lacks
      FROM deals_at(asked('moment')) d
      JOIN quoted q ON q.code = d.currency
       AND q.day = CASE WHEN d.status = 'OPEN' THEN day_of(asked('moment')) ELSE day_of(d.closed_at) END
     WHERE d.pipeline_id = asked('pipeline_id') AND is_asked_owner(d.owner_id)
"""

# What closed in the window, by its present closing, for its present owner.
CLOSED: Final = """
    CREATE VIEW closed AS
    SELECT d.*, d.status = 'WON' AS is_won, q.day, days_between(d.created_at, d.closed_at) AS cycle,
           CASE WHEN d.status = 'WON' THEN worth(d.amount, d.currency, q.rate, q.own_rate) END AS worth,
           CASE WHEN d.status = 'WON' THEN lacking(d.amount, d.currency, q.lacks) END AS lacks
      FROM visible d
      JOIN quoted q ON q.code = d.currency AND q.day = day_of(d.closed_at)
     WHERE d.status <> 'OPEN' AND d.deleted_at IS NULL AND d.pipeline_id = asked('pipeline_id')
       AND is_asked_owner(d.owner_id) AND in_window(q.day)
"""

DEFINITIONS: Final = (
    "SET TimeZone = 'UTC'",
    *DAYS,
    RATES,
    QUOTED,
    *MONEY,
    OWNERS,
    VISIBLE,
    DEALS_AT,
    STAGES_AT,
    DATED_DEALS,
    CLOSED,
)
