"""Views for BI tools, and what their readers may see: one tenant each, told by the name of the login itself.

Readers are members of `reporting_bi`, which `provision` makes; `crm-reporting bi grant` makes them (decision 44). No
setting of a session says whose rows it sees: `tenant_isolation` goes by one, and is narrowed by a policy that does not.
"""

from alembic import op

revision = "0017"
down_revision = "0016"

REQUIRE_GROUP = """
    DO $$ BEGIN
        IF to_regrole('reporting_bi') IS NULL THEN
            RAISE EXCEPTION 'there is no role reporting_bi: run crm-reporting provision, then this again';
        END IF;
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO reporting_bi', current_database());
    END $$
"""

SCHEMA = """
    CREATE SCHEMA bi;
    COMMENT ON SCHEMA bi IS 'Views for BI tools: deals, their past, activities and quotas of one tenant';

    -- By the login's name, which nobody but an administrator can choose or change: not by current_user, which SET ROLE
    -- changes. Of any other login there is no tenant, and so no row.
    CREATE FUNCTION bi.reader_tenant() RETURNS uuid STABLE PARALLEL SAFE LANGUAGE sql
    RETURN CASE WHEN session_user ~ '^reporting_bi_[0-9a-f]{32}$' THEN right(session_user::text, 32)::uuid END;

    GRANT USAGE ON SCHEMA bi TO reporting_bi;
    GRANT EXECUTE ON FUNCTION bi.reader_tenant() TO reporting_bi;
"""

# What the views read of each table, and so what their readers may read: no e-mail addresses, no message ids.
COLUMNS = {
    "directory_tenants": "tenant_id, name, base_currency, time_zone",
    "directory_users": "tenant_id, id, full_name, role, manager_id, active, time_zone",
    "pipelines": "tenant_id, id, name, is_default, archived",
    "stages": "tenant_id, id, pipeline_id, name, win_probability, kind, position, is_removed",
    "contacts": "tenant_id, id, owner_id, source, is_deleted",
    "deal_facts": """
        tenant_id, deal_id, name, pipeline_id, stage_id, owner_id, contact_id, status, amount, currency, close_date,
        created_at, stage_changed_at, closed_at, lost_reason, is_deleted
    """,
    "stage_transitions": """
        tenant_id, deal_id, version, pipeline_id, from_stage_id, from_stage_name, to_stage_id, to_stage_name,
        changed_at, changed_by
    """,
    "deal_periods": """
        tenant_id, deal_id, valid_from, valid_to, pipeline_id, stage_id, status, owner_id, amount, currency,
        close_date, closed_at
    """,
    "activity_facts": """
        tenant_id, activity_id, type, user_id, contact_ids, deal_id, direction, occurred_at, completed_at, counts
    """,
    "quotas": "tenant_id, user_id, first_day, amount, currency",
    "exchange_rates": "tenant_id, base_currency, currency, effective_on, rate",
}


def let_read(table: str, columns: str) -> str:
    """Return the SQL that lets readers see their own tenant's rows of `table`, and of these the `columns`.

    Permissive policies are added up, so a reader who sets crm.tenant_id would pass `tenant_isolation`: the restrictive
    one holds whatever the others say.
    """
    return f"""
        CREATE POLICY bi_reads ON {table} FOR SELECT TO reporting_bi USING (tenant_id = bi.reader_tenant());
        CREATE POLICY bi_is_held ON {table} AS RESTRICTIVE TO reporting_bi USING (tenant_id = bi.reader_tenant());
        GRANT SELECT ({columns}) ON {table} TO reporting_bi;
    """


# security_invoker: else a view reads with its owner's rights.
VIEWS = {
    "tenant": """
        SELECT t.tenant_id, t.name, t.base_currency, t.time_zone FROM directory_tenants t
    """,
    "users": """
        SELECT u.id AS user_id, u.full_name, u.role, u.manager_id, u.active AS is_active,
               COALESCE(u.time_zone, t.time_zone) AS time_zone
          FROM directory_users u
          JOIN directory_tenants t ON t.tenant_id = u.tenant_id
    """,
    "pipelines": """
        SELECT p.id AS pipeline_id, p.name, p.is_default, p.archived AS is_archived FROM pipelines p
    """,
    "stages": """
        SELECT s.id AS stage_id, s.pipeline_id, s.name, s.kind, s.win_probability, s.position, s.is_removed
          FROM stages s
    """,
    "contacts": """
        SELECT c.id AS contact_id, c.owner_id, c.source FROM contacts c WHERE NOT c.is_deleted
    """,
    "deals": """
        SELECT d.deal_id, d.name, d.pipeline_id, p.name AS pipeline_name, d.stage_id, s.name AS stage_name, d.status,
               s.win_probability, d.owner_id, u.full_name AS owner_name, d.contact_id, c.source AS contact_source,
               d.amount, d.currency, d.amount * r.rate AS amount_base, t.base_currency, d.close_date, d.created_at,
               d.stage_changed_at, d.closed_at, d.lost_reason
          FROM deal_facts d
          JOIN directory_tenants t ON t.tenant_id = d.tenant_id
          LEFT JOIN pipelines p ON (p.tenant_id, p.id) = (d.tenant_id, d.pipeline_id)
          LEFT JOIN stages s ON (s.tenant_id, s.id) = (d.tenant_id, d.stage_id)
          LEFT JOIN directory_users u ON (u.tenant_id, u.id) = (d.tenant_id, d.owner_id)
          LEFT JOIN contacts c ON (c.tenant_id, c.id) = (d.tenant_id, d.contact_id)
          LEFT JOIN LATERAL (
                SELECT 1::numeric AS rate WHERE d.currency = t.base_currency
                UNION ALL
                (SELECT e.rate
                   FROM exchange_rates e
                  WHERE e.tenant_id = d.tenant_id AND e.base_currency = t.base_currency AND e.currency = d.currency
                    AND d.currency <> t.base_currency
                    AND e.effective_on <= (COALESCE(d.closed_at, now()) AT TIME ZONE t.time_zone)::date
                  ORDER BY e.effective_on DESC LIMIT 1)
               ) r ON true
         WHERE NOT d.is_deleted
    """,
    "stage_moves": """
        SELECT m.deal_id, m.version, m.pipeline_id, m.from_stage_id, m.from_stage_name, m.to_stage_id, m.to_stage_name,
               m.changed_at, m.changed_by
          FROM stage_transitions m
          JOIN deal_facts d ON (d.tenant_id, d.deal_id) = (m.tenant_id, m.deal_id) AND NOT d.is_deleted
    """,
    "deal_history": """
        SELECT h.deal_id, h.valid_from, h.valid_to, h.pipeline_id, h.stage_id, h.status, h.owner_id, h.amount,
               h.currency, h.close_date, h.closed_at
          FROM deal_periods h
    """,
    "activities": """
        SELECT a.activity_id, a.type, a.user_id, u.full_name AS user_name, a.contact_ids[1] AS contact_id, a.deal_id,
               a.direction, a.occurred_at, a.completed_at
          FROM activity_facts a
          LEFT JOIN directory_users u ON (u.tenant_id, u.id) = (a.tenant_id, a.user_id)
         WHERE a.counts
    """,
    "quotas": """
        SELECT q.user_id, q.first_day AS month, q.amount, q.currency FROM quotas q
    """,
    "exchange_rates": """
        SELECT e.currency, e.base_currency, e.effective_on, e.rate FROM exchange_rates e
    """,
}

# BI tools show these beside the names.
COMMENTS = {
    "tenant": {
        "": "The one tenant that this login sees: always one row",
        "tenant_id": "Its id",
        "name": "Its name",
        "base_currency": "ISO 4217 code that amount_base and rates are in",
        "time_zone": "IANA name: days of rates and of reports are of this zone",
    },
    "users": {
        "": "Everybody who works or worked there",
        "user_id": "Id; owner_id, user_id, manager_id and changed_by elsewhere name it",
        "full_name": "As shown",
        "role": "ADMIN, MANAGER or REP",
        "manager_id": "Who they report to; null for none",
        "is_active": "False once they left",
        "time_zone": "IANA name: their own, else the tenant's",
    },
    "pipelines": {
        "": "Pipelines, archived ones too",
        "pipeline_id": "Id",
        "name": "As shown",
        "is_default": "True for the one that reports take where none is named",
        "is_archived": "True where nothing new goes in",
    },
    "stages": {
        "": "Stages of pipelines as they are now",
        "stage_id": "Id",
        "pipeline_id": "Its pipeline",
        "name": "As shown now",
        "kind": "OPEN, WON or LOST: what a deal that stands in it is",
        "win_probability": "Whole percent, 0 to 100",
        "position": "Order in the pipeline, lowest first",
        "is_removed": "True where it has left its pipeline, and past moves still name it",
    },
    "contacts": {
        "": "Contacts without anything that names a person",
        "contact_id": "Id",
        "owner_id": "The user who answers for it",
        "source": "INBOUND, OUTBOUND or REFERRAL; null where not known",
    },
    "deals": {
        "": "A row for each deal as it stands, deleted ones left out",
        "deal_id": "Id",
        "name": "As shown",
        "pipeline_id": "Its pipeline",
        "pipeline_name": "That pipeline's name",
        "stage_id": "The stage that it stands in",
        "stage_name": "That stage's name",
        "status": "OPEN, WON or LOST",
        "win_probability": "Whole percent of its stage: amount * win_probability / 100 is its weighted amount",
        "owner_id": "The user who answers for it",
        "owner_name": "That user's name",
        "contact_id": "Its contact, null for none",
        "contact_source": "Where that contact came from",
        "amount": "In currency; null where none is given, which counts as 0",
        "currency": "ISO 4217 code of amount",
        "amount_base": "In base_currency, at the rate of the closing day or, while open, of today; null without a rate",
        "base_currency": "ISO 4217 code of amount_base",
        "close_date": "When it is expected to close",
        "created_at": "When it began, UTC",
        "stage_changed_at": "When it came into its stage, UTC",
        "closed_at": "When it was won or lost, UTC; null while open",
        "lost_reason": "What was given as the reason; null for none",
    },
    "stage_moves": {
        "": "Every entry of a deal into a stage, its creation included; deleted deals left out",
        "deal_id": "The deal",
        "version": "Order of the deal's changes, where two are of one instant",
        "pipeline_id": "The pipeline of the stage entered; null where not known",
        "from_stage_id": "The stage left; null at the creation",
        "from_stage_name": "Its name at that time",
        "to_stage_id": "The stage entered",
        "to_stage_name": "Its name at that time",
        "changed_at": "When, UTC",
        "changed_by": "The user who moved it; null for the system or where not known",
    },
    "deal_history": {
        "": "What each deal was, from one moment until before another: the deals of a past moment are those with"
        " valid_from <= moment and (valid_to > moment or valid_to is null)",
        "deal_id": "The deal",
        "valid_from": "From when on, UTC",
        "valid_to": "Until before when, UTC; null: still so",
        "pipeline_id": "Its pipeline then",
        "stage_id": "Its stage then",
        "status": "OPEN, WON or LOST then",
        "owner_id": "Its owner then",
        "amount": "Its amount then, in currency",
        "currency": "ISO 4217 code of amount",
        "close_date": "When it was expected to close",
        "closed_at": "When it was won or lost, of a closed one",
    },
    "activities": {
        "": "E-mails, calls, meetings, notes and tasks that people did; automatic mail and the system's notes left out",
        "activity_id": "Id",
        "type": "EMAIL, CALL, MEETING, NOTE or TASK",
        "user_id": "Whose it is",
        "user_name": "That user's name",
        "contact_id": "The first of its contacts; null for none",
        "deal_id": "Its deal; null for none",
        "direction": "INBOUND or OUTBOUND, of e-mails and calls",
        "occurred_at": "When it happened or was written, UTC",
        "completed_at": "When it was done, UTC; of tasks and meetings",
    },
    "quotas": {
        "": "What a user is to win in a month",
        "user_id": "The user",
        "month": "The month's first day",
        "amount": "In currency",
        "currency": "ISO 4217 code of amount",
    },
    "exchange_rates": {
        "": "Dated rates; one counts from its day until the next one's",
        "currency": "ISO 4217 code",
        "base_currency": "ISO 4217 code",
        "effective_on": "The first day",
        "rate": "Units of base_currency for 1 unit of currency",
    },
}


def upgrade() -> None:
    op.execute(REQUIRE_GROUP)
    op.execute(SCHEMA)
    for table, columns in COLUMNS.items():
        op.execute(let_read(table, columns))
    for view, query in VIEWS.items():
        op.execute(f"CREATE VIEW bi.{view} WITH (security_invoker = true, security_barrier = true) AS {query}")
        op.execute(f"GRANT SELECT ON bi.{view} TO reporting_bi")
        for column, text in COMMENTS[view].items():
            subject = f"COLUMN bi.{view}.{column}" if column else f"VIEW bi.{view}"
            op.execute("COMMENT ON " + subject + " IS '" + text.replace("'", "''") + "'")
