"""The facts: deals, their past, activities, quotas."""

from typing import Final

from crm_warehouse.star.columns import Column
from crm_warehouse.star.dimensions import TENANT_ID
from crm_warehouse.star.tables import TENANT, Key, StarTable, Unit, Written

DEAL: Final = (TENANT, Key("deal_id", "uuid"))

# A rate from a day on concerns open deals and those that closed since; a day more, as the day is the tenant's.
RATED_DEALS: Final = """
    SELECT d.tenant_id, d.deal_id
      FROM deal_facts d
      JOIN unnest(%(rated_tenants)s::uuid[], %(rated_currencies)s::text[], %(rated_since)s::date[])
           AS r (tenant_id, currency, since)
        ON r.tenant_id = d.tenant_id AND (r.currency IS NULL OR r.currency = d.currency)
     WHERE NOT d.is_deleted AND (r.since IS NULL OR d.status = 'OPEN' OR d.closed_at >= r.since - interval '1 day')
"""
RATED_QUOTAS: Final = """
    SELECT q.tenant_id, q.id
      FROM quotas q
      JOIN unnest(%(rated_tenants)s::uuid[], %(rated_currencies)s::text[], %(rated_since)s::date[])
           AS r (tenant_id, currency, since)
        ON r.tenant_id = q.tenant_id AND (r.currency IS NULL OR r.currency = q.currency)
     WHERE r.since IS NULL OR q.first_day >= r.since
"""
DEALS: Final = Unit("deals", DEAL, (Written("deal_facts", "w.tenant_id, w.deal_id"),), RATED_DEALS)
# Apart from the deals themselves: a rate changes what a deal is worth today, and nothing of its past.
PASTS: Final = Unit(
    "deals' pasts",
    DEAL,
    tuple(Written(table, "w.tenant_id, w.deal_id") for table in ("deal_facts", "deal_periods", "stage_transitions")),
)
ACTIVITIES: Final = Unit(
    "activities", (TENANT, Key("activity_id", "uuid")), (Written("activity_facts", "w.tenant_id, w.activity_id"),)
)
QUOTAS: Final = Unit(
    "quotas", (TENANT, Key("quota_id", "uuid")), (Written("quotas", "w.tenant_id, w.id"),), RATED_QUOTAS
)

# The last rate on or before the day. Where there is none, or what comes out is beyond all sense, there is no base
# amount: one tenant's odd rate must not hold up all others.
TO_BASE: Final = """
    LEFT JOIN LATERAL (
        SELECT e.rate
          FROM exchange_rates e
         WHERE e.tenant_id = f.tenant_id AND e.base_currency = n.base_currency AND e.currency = f.currency
           AND e.effective_on <= o.day
         ORDER BY e.effective_on DESC
         LIMIT 1
    ) r ON f.currency <> n.base_currency
"""
BASE_AMOUNT: Final = """
    CASE WHEN f.currency = n.base_currency THEN f.amount
         WHEN f.amount * r.rate < 1e22 THEN f.amount * r.rate END
"""
WITH_TENANT: Final = "LEFT JOIN directory_tenants n ON n.tenant_id = f.tenant_id"
CLOSING_DAY: Final = """
    CROSS JOIN LATERAL (
        SELECT ((CASE WHEN f.status <> 'OPEN' AND f.closed_at IS NOT NULL THEN f.closed_at ELSE now() END)
                AT TIME ZONE n.time_zone)::date AS day
    ) o
"""
QUOTA_DAY: Final = "CROSS JOIN LATERAL (SELECT f.first_day AS day) o"

AMOUNT: Final = "In the row's currency, exactly; null: none was given"
CURRENCY: Final = "ISO 4217: what amount is in"
BASE_CURRENCY: Final = "ISO 4217: what amount_base is in, the tenant's at the last change"
DEAL_ID: Final = "The deal"

FCT_DEAL: Final = StarTable(
    "fct_deal",
    DEALS,
    "A deal as it stands. Deleted ones have no row",
    "deal_facts f",
    (
        Column("tenant_id", "uuid", "f.tenant_id", TENANT_ID),
        Column("deal_id", "uuid", "f.deal_id", DEAL_ID),
        Column("version", "number", "f.version", "The deal's version: it grows by one with every change"),
        Column("name", "text", "f.name", "What the deal is called: free text"),
        Column("pipeline_id", "uuid", "f.pipeline_id", "dim_pipeline"),
        Column("stage_id", "uuid", "f.stage_id", "dim_stage"),
        Column("owner_id", "uuid", "f.owner_id", "dim_user: who answers for it; null: nobody"),
        Column("contact_id", "uuid", "f.contact_id", "dim_contact, if it is still there"),
        Column("status", "text", "f.status", "OPEN, WON or LOST"),
        Column("amount", "money", "f.amount", AMOUNT),
        Column("currency", "text", "f.currency", CURRENCY),
        Column(
            "amount_base",
            "base_money",
            BASE_AMOUNT,
            "amount at the rate of the closing's day, of an open deal at the last rate; not rounded; null: no rate",
        ),
        Column("base_currency", "text", "n.base_currency", BASE_CURRENCY),
        Column("close_date", "day", "f.close_date", "dim_date: when it is expected to close"),
        Column("created_at", "moment", "f.created_at", "UTC: when it came to be, in business time"),
        Column("stage_changed_at", "moment", "f.stage_changed_at", "UTC: when it came into its stage"),
        Column("closed_at", "moment", "f.closed_at", "UTC: when it was won or lost; null while open"),
        Column("lost_reason", "text", "f.lost_reason", "Why it was lost: free text; null: none given"),
    ),
    where="NOT f.is_deleted",
    lookup=WITH_TENANT + CLOSING_DAY + TO_BASE,
)
FCT_DEAL_HISTORY: Final = StarTable(
    "fct_deal_history",
    PASTS,
    "What a deal was and when: type 2 history in business time. From valid_from up to before valid_to",
    "deal_periods p JOIN deal_facts f ON (f.tenant_id, f.deal_id) = (p.tenant_id, p.deal_id)",
    (
        Column("tenant_id", "uuid", "p.tenant_id", TENANT_ID),
        Column("deal_id", "uuid", "p.deal_id", DEAL_ID),
        Column("valid_from", "moment", "p.valid_from", "UTC: from when on; with deal_id the row's key"),
        Column("valid_to", "moment", "p.valid_to", "UTC: until before when; null: still so"),
        Column("is_current", "flag", "p.valid_to IS NULL", "Whether it is what the deal is now"),
        Column("pipeline_id", "uuid", "p.pipeline_id", "dim_pipeline"),
        Column("stage_id", "uuid", "p.stage_id", "dim_stage; its probability then: dim_stage_history"),
        Column("owner_id", "uuid", "p.owner_id", "dim_user: who answered for it then"),
        Column("status", "text", "p.status", "OPEN, WON or LOST"),
        Column("amount", "money", "p.amount", AMOUNT),
        Column("currency", "text", "p.currency", CURRENCY),
        Column("close_date", "day", "p.close_date", "dim_date: when it was then expected to close"),
        Column("stage_changed_at", "moment", "p.stage_changed_at", "UTC: when it had come into that stage"),
        Column("closed_at", "moment", "p.closed_at", "UTC: when it had been won or lost"),
    ),
    where="NOT f.is_deleted",
)
FCT_STAGE_MOVE: Final = StarTable(
    "fct_stage_move",
    PASTS,
    "Every entry of a deal into a stage, its creation included",
    "stage_transitions s JOIN deal_facts f ON (f.tenant_id, f.deal_id) = (s.tenant_id, s.deal_id)",
    (
        Column("tenant_id", "uuid", "s.tenant_id", TENANT_ID),
        Column("deal_id", "uuid", "s.deal_id", DEAL_ID),
        Column("version", "number", "s.version", "The deal's version after it; with deal_id the row's key"),
        Column("pipeline_id", "uuid", "s.pipeline_id", "dim_pipeline; null: not known"),
        Column("from_stage_id", "uuid", "s.from_stage_id", "dim_stage: where it came from; null: it was created"),
        Column("to_stage_id", "uuid", "s.to_stage_id", "dim_stage: where it went"),
        Column("moved_at", "moment", "s.changed_at", "UTC: when, in business time"),
        Column("moved_by", "uuid", "s.changed_by", "dim_user: who moved it; null: the system, or not known"),
        Column("owner_id", "uuid", "s.owner_id", "dim_user: who answered for it then; null: nobody, or not known"),
        Column("amount", "money", "s.amount", "As it was then, in currency; null: none, or not known"),
        Column("currency", "text", "s.currency", "ISO 4217; null: not known"),
    ),
    where="NOT f.is_deleted",
)
FCT_ACTIVITY: Final = StarTable(
    "fct_activity",
    ACTIVITIES,
    "An e-mail, call, meeting, note or task, without any text of it",
    "activity_facts a",
    (
        Column("tenant_id", "uuid", "a.tenant_id", TENANT_ID),
        Column("activity_id", "uuid", "a.activity_id", "The activity"),
        Column("type", "text", "a.type", "EMAIL, CALL, MEETING, NOTE or TASK"),
        Column("user_id", "uuid", "a.user_id", "dim_user: who did it, or got it"),
        Column("deal_id", "uuid", "a.deal_id", "fct_deal, if it is still there"),
        Column("direction", "text", "a.direction", "INBOUND or OUTBOUND; null where there is none"),
        Column("occurred_at", "moment", "a.occurred_at", "UTC: when it was, or is due"),
        Column("completed_at", "moment", "a.completed_at", "UTC: when a task was done"),
        Column("thread_id", "uuid", "a.thread_id", "What e-mails of one conversation share"),
        Column("in_reply_to", "uuid", "a.in_reply_to", "fct_activity: the message that it answers"),
        Column("is_automatic", "flag", "a.is_automatic", "Sent by a machine: reports leave it out"),
        Column("is_system", "flag", "a.is_system", "Written by the suite itself: reports leave it out"),
    ),
    where="NOT a.is_deleted",
)
BRG_ACTIVITY_CONTACT: Final = StarTable(
    "brg_activity_contact",
    ACTIVITIES,
    "Whom an activity was with: a row for each contact",
    "activity_facts a CROSS JOIN LATERAL unnest(a.contact_ids) WITH ORDINALITY AS c (contact_id, place)",
    (
        Column("tenant_id", "uuid", "a.tenant_id", TENANT_ID),
        Column("activity_id", "uuid", "a.activity_id", "fct_activity"),
        Column("position", "number", "c.place - 1", "From 0, which is the main one; with activity_id the row's key"),
        Column("contact_id", "uuid", "c.contact_id", "dim_contact, if it is still there"),
    ),
    where="NOT a.is_deleted",
)
FCT_QUOTA: Final = StarTable(
    "fct_quota",
    QUOTAS,
    "What a user is to win in a month",
    "quotas f",
    (
        Column("tenant_id", "uuid", "f.tenant_id", TENANT_ID),
        Column("quota_id", "uuid", "f.id", "The quota"),
        Column("user_id", "uuid", "f.user_id", "dim_user: whose it is, also once they have left"),
        Column("month", "day", "f.first_day", "dim_date: the first day of the month"),
        Column("amount", "money", "f.amount", "In currency, exactly"),
        Column("currency", "text", "f.currency", CURRENCY),
        Column("amount_base", "base_money", BASE_AMOUNT, "amount at the rate of month; not rounded; null: no rate"),
        Column("base_currency", "text", "n.base_currency", BASE_CURRENCY),
    ),
    lookup=WITH_TENANT + " " + QUOTA_DAY + TO_BASE,
)

FACTS: Final = (FCT_DEAL, FCT_DEAL_HISTORY, FCT_STAGE_MOVE, FCT_ACTIVITY, BRG_ACTIVITY_CONTACT, FCT_QUOTA)
