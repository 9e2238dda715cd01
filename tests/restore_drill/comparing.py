"""Holds what services keep of others' records against the owners' own rows: which there are, and their versions."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import asyncpg

from crm_local.plan import Plan


@dataclass(frozen=True, slots=True)
class Copy:
    """`kept` of `service` must give the very rows that `owned` gives at the owner."""

    name: str
    owner: str
    owned: str
    service: str
    kept: str


def _records(table: str) -> str:
    return f"SELECT tenant_id, id, version FROM {table} WHERE deleted_at IS NULL"  # noqa: S608


def _replicas(aggregate: str) -> str:
    return (
        "SELECT tenant_id, id, version FROM replica_records "  # noqa: S608
        f"WHERE aggregate = '{aggregate}' AND NOT is_deleted"
    )


def _documents(kind: str) -> str:
    return f"SELECT tenant_id, id, version FROM search_records WHERE type = '{kind}' AND NOT is_hidden"  # noqa: S608


DEAL: Final = "tenant_id, {id}, version, stage_id, owner_id, status, amount, currency"
COPIES: Final = (
    Copy("contacts in deals", "contacts", _records("contacts"), "deals", _replicas("contact")),
    Copy("contacts in activities", "contacts", _records("contacts"), "activities", _replicas("contact")),
    Copy("contacts in search", "contacts", _records("contacts"), "search", _documents("contact")),
    Copy(
        *("contacts in reporting", "contacts", _records("contacts"), "reporting"),
        "SELECT tenant_id, id, version FROM contacts WHERE NOT is_deleted",
    ),
    Copy("companies in search", "contacts", _records("companies"), "search", _documents("company")),
    Copy("deals in activities", "deals", _records("deals"), "activities", _replicas("deal")),
    Copy("deals in search", "deals", _records("deals"), "search", _documents("deal")),
    Copy(
        *("deals in reports", "deals"),
        f"SELECT {DEAL.format(id='id')} FROM deals WHERE deleted_at IS NULL",  # noqa: S608
        "reporting",
        f"SELECT {DEAL.format(id='deal_id')} FROM deal_facts WHERE NOT is_deleted",  # noqa: S608
    ),
    Copy(
        *("moves in reports", "deals"),
        """
        SELECT h.tenant_id, h.deal_id, h.version, h.to_stage_id, h.changed_at
          FROM deal_stage_history h JOIN deals d ON d.id = h.deal_id WHERE d.deleted_at IS NULL
        """,
        "reporting",
        """
        SELECT t.tenant_id, t.deal_id, t.version, t.to_stage_id, t.changed_at
          FROM stage_transitions t JOIN deal_facts d USING (tenant_id, deal_id) WHERE NOT d.is_deleted
        """,
    ),
    Copy(
        *("moves in timelines", "deals"),
        """
        SELECT h.tenant_id, h.deal_id, h.version
          FROM deal_stage_history h JOIN deals d ON d.id = h.deal_id
         WHERE d.deleted_at IS NULL AND h.from_stage_id IS NOT NULL
        """,
        "activities",
        """
        SELECT a.tenant_id, a.deal_id, a.deal_version
          FROM activities a JOIN replica_records d ON d.id = a.deal_id AND d.aggregate = 'deal' AND NOT d.is_deleted
         WHERE a.system AND a.deal_version IS NOT NULL AND a.deleted_at IS NULL
        """,
    ),
    Copy("activities in search", "activities", _records("activities"), "search", _documents("activity")),
    Copy(
        *("activities in reports", "activities", _records("activities"), "reporting"),
        "SELECT tenant_id, activity_id, version FROM activity_facts WHERE NOT is_deleted",
    ),
)


async def compare(plan: Plan) -> Mapping[str, tuple[int, int]]:
    """Return, by copy, how many rows the owner has and how many differ: are there alone, or twice at one of them."""
    databases = {
        service: await asyncpg.connect(plan.postgres.admin_dsn, database=f"crm_{service}")
        for service in sorted({copy.owner for copy in COPIES} | {copy.service for copy in COPIES})
    }
    try:
        found: dict[str, tuple[int, int]] = {}
        for copy in COPIES:
            owned = Counter(tuple(row) for row in await databases[copy.owner].fetch(copy.owned))
            kept = Counter(tuple(row) for row in await databases[copy.service].fetch(copy.kept))
            found[copy.name] = owned.total(), ((owned - kept) + (kept - owned)).total()
        return found
    finally:
        for database in databases.values():
            await database.close()
