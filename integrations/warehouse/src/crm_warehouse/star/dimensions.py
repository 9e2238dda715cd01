"""The dimensions: who and what a fact is about."""

from typing import Final

from crm_shared.permissions import Role
from crm_warehouse.star.columns import Column
from crm_warehouse.star.tables import TENANT, Key, StarTable, Unit, Written

TENANTS: Final = Unit("tenants", (TENANT,), (Written("directory_tenants", "w.tenant_id"),))
USERS: Final = Unit("users", (TENANT, Key("user_id", "uuid")), (Written("directory_users", "w.tenant_id, w.id"),))
CONTACTS: Final = Unit("contacts", (TENANT, Key("contact_id", "uuid")), (Written("contacts", "w.tenant_id, w.id"),))
PIPELINES: Final = Unit(
    "pipelines",
    (TENANT, Key("pipeline_id", "uuid")),
    (
        Written("pipelines", "w.tenant_id, w.id"),
        Written("stages", "w.tenant_id, w.pipeline_id"),
        Written("stage_versions", "w.tenant_id, w.pipeline_id"),
    ),
)
RATES: Final = Unit(
    "exchange rates",
    (TENANT, Key("base_currency", "text"), Key("currency", "text")),
    (Written("exchange_rates", "w.tenant_id, w.base_currency, w.currency"),),
)

TENANT_ID: Final = "The tenant whose row it is; in every key"

DIM_TENANT: Final = StarTable(
    "dim_tenant",
    TENANTS,
    "A customer of the suite, whose data stands alone",
    "directory_tenants t",
    (
        Column("tenant_id", "uuid", "t.tenant_id", TENANT_ID),
        Column("name", "text", "t.name", "What the tenant calls itself"),
        Column("base_currency", "text", "t.base_currency", "ISO 4217: what amount_base is in"),
        Column("time_zone", "text", "t.time_zone", "IANA name: what a day is by default, and the day of a rate"),
    ),
)
DIM_USER: Final = StarTable(
    "dim_user",
    USERS,
    "Somebody who works with the CRM: owners, actors, managers. Without their e-mail address",
    "directory_users u",
    (
        Column("tenant_id", "uuid", "u.tenant_id", TENANT_ID),
        Column("user_id", "uuid", "u.id", "What owner_id, moved_by and the like name"),
        Column("full_name", "text", "u.full_name", "The user's name"),
        Column("role", "text", "u.role", "What they may do: " + ", ".join(Role)),
        Column("manager_id", "uuid", "u.manager_id", "Whom they report to now: a user; null for none"),
        Column("is_active", "flag", "u.active", "False once they have left"),
        Column("time_zone", "text", "u.time_zone", "IANA name; null: the tenant's"),
    ),
)
DIM_CONTACT: Final = StarTable(
    "dim_contact",
    CONTACTS,
    "A person the tenant deals with, without anything that names them. Erased, deleted and merged ones have no row",
    "contacts c",
    (
        Column("tenant_id", "uuid", "c.tenant_id", TENANT_ID),
        Column("contact_id", "uuid", "c.id", "What contact_id in facts names, if the contact is still there"),
        Column("owner_id", "uuid", "c.owner_id", "The user who answers for the contact"),
        Column("source", "text", "c.source", "Where the contact came from, in the API's words"),
    ),
    where="NOT c.is_deleted",
)
DIM_PIPELINE: Final = StarTable(
    "dim_pipeline",
    PIPELINES,
    "An ordered list of stages that deals go through",
    "pipelines p",
    (
        Column("tenant_id", "uuid", "p.tenant_id", TENANT_ID),
        Column("pipeline_id", "uuid", "p.id", "What pipeline_id names"),
        Column("name", "text", "p.name", "As it is called now"),
        Column("is_default", "flag", "p.is_default", "Whether reports mean it where none is named"),
        Column("is_archived", "flag", "p.archived", "Whether it takes no new deals"),
    ),
)
DIM_STAGE: Final = StarTable(
    "dim_stage",
    PIPELINES,
    "A stage as it is now. One that left its pipeline stays, marked, as deals of the past stood in it",
    "stages s",
    (
        Column("tenant_id", "uuid", "s.tenant_id", TENANT_ID),
        Column("pipeline_id", "uuid", "s.pipeline_id", "The pipeline it is or was part of"),
        Column("stage_id", "uuid", "s.id", "What stage_id names"),
        Column("name", "text", "s.name", "As it is called now"),
        Column("kind", "text", "s.kind", "OPEN, WON or LOST: what a deal in it is"),
        Column("win_probability", "number", "s.win_probability", "Percent, 0 to 100; weighted = amount x it / 100"),
        Column("position", "number", "s.position", "Its place in the pipeline, from 0"),
        Column("is_removed", "flag", "s.is_removed", "Whether its pipeline has it no more"),
    ),
)
STAGE_HISTORY: Final = """
    stage_versions v
    JOIN (SELECT d.tenant_id, d.pipeline_id, d.version,
                 lead(d.changed_at) OVER (PARTITION BY d.tenant_id, d.pipeline_id ORDER BY d.version) AS valid_to
            FROM (SELECT DISTINCT x.tenant_id, x.pipeline_id, x.version, x.changed_at FROM stage_versions x) d) n
      ON (n.tenant_id, n.pipeline_id, n.version) = (v.tenant_id, v.pipeline_id, v.version)
"""
DIM_STAGE_HISTORY: Final = StarTable(
    "dim_stage_history",
    PIPELINES,
    "A stage as each version of its pipeline had it: type 2 history. From valid_from up to before valid_to",
    STAGE_HISTORY,
    (
        Column("tenant_id", "uuid", "v.tenant_id", TENANT_ID),
        Column("pipeline_id", "uuid", "v.pipeline_id", "The pipeline"),
        Column("stage_id", "uuid", "v.stage_id", "The stage"),
        Column("version", "number", "v.version", "The pipeline's version that had it so; with stage_id the row's key"),
        Column("valid_from", "moment", "v.changed_at", "UTC: from when on"),
        Column("valid_to", "moment", "n.valid_to", "UTC: until before when; null: still so"),
        Column("name", "text", "v.name", "As it was called then"),
        Column("kind", "text", "v.kind", "OPEN, WON or LOST"),
        Column("win_probability", "number", "v.win_probability", "Percent, 0 to 100"),
        Column("position", "number", "v.position", "Its place in the pipeline, from 0"),
    ),
)
RATE_HISTORY: Final = """
    (SELECT e.tenant_id, e.base_currency, e.currency, e.effective_on, e.rate,
            lead(e.effective_on) OVER (PARTITION BY e.tenant_id, e.base_currency, e.currency
                                           ORDER BY e.effective_on) AS next_on
       FROM exchange_rates e) r
"""
DIM_EXCHANGE_RATE: Final = StarTable(
    "dim_exchange_rate",
    RATES,
    "What one unit of a currency was worth, day by day: joins any day to the one rate that counts then",
    RATE_HISTORY,
    (
        Column("tenant_id", "uuid", "r.tenant_id", TENANT_ID),
        Column("base_currency", "text", "r.base_currency", "ISO 4217: what the rate converts to"),
        Column("currency", "text", "r.currency", "ISO 4217: what the rate converts from"),
        Column("valid_from", "day", "r.effective_on", "The first day that it counts for; with the currencies the key"),
        Column("valid_to", "day", "r.next_on", "The first day that it counts for no more; null: still counts"),
        Column("rate", "rate", "r.rate", "Base units for 1 unit of the currency"),
    ),
)

DIMENSIONS: Final = (
    DIM_TENANT,
    DIM_USER,
    DIM_CONTACT,
    DIM_PIPELINE,
    DIM_STAGE,
    DIM_STAGE_HISTORY,
    DIM_EXCHANGE_RATE,
)
