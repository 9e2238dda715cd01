"""Which activities a report counts, and for whose eyes: SQL over `activity_facts a`.

An activity is visible to whom its user, one of its contacts or its deal is visible. What a report makes of several
activities, such as a mail and its reply, it makes of those that the caller sees: nothing out of sight moves a figure.
The filters choose among these what is counted.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from crm_reporting.parts import ReportSource
from crm_reporting.reports.schemas import WindowQuery
from crm_reporting.reports.scope import Window, load_pipeline_id, to_recent_window
from crm_shared.access import Caller
from crm_shared.access.permissions import Permission
from crm_shared.access.visibility import governed_by
from crm_shared.database import Connection, Where
from crm_shared.local_days import day_at

# In an OR, an IN (SELECT …) is hashed once a statement, however many contacts the owners have; IS TRUE keeps PostgreSQL
# from joining them anew for each row. Few activities have a second contact, so that most rows are done with one probe.
OF_CONTACTS: Final = """
    (a.contact_ids[1] IN ({contacts})
     OR (cardinality(a.contact_ids) > 1
         AND EXISTS (SELECT FROM unnest(a.contact_ids[2:]) AS other (id) WHERE (other.id IN ({contacts})) IS TRUE)))
"""
OWNED_CONTACTS: Final = "SELECT c.id FROM contacts c WHERE c.tenant_id = $1 AND "
SHARED_CONTACTS: Final = """
    UNION ALL
    SELECT s.contact_id FROM contact_shares s WHERE s.tenant_id = $1 AND s.user_id = {viewer}"""
OF_DEALS: Final = "a.deal_id IN ({deals})"
OWNED_DEALS: Final = "SELECT d.deal_id FROM deal_facts d WHERE d.tenant_id = $1 AND NOT d.is_deleted AND "
SHARED_DEALS: Final = """
    UNION ALL
    SELECT d.deal_id
      FROM contact_shares s
      JOIN deal_facts d ON d.tenant_id = s.tenant_id AND d.contact_id = s.contact_id AND NOT d.is_deleted
     WHERE s.tenant_id = $1 AND s.user_id = {viewer}"""
OF_PIPELINE: Final = """
    a.deal_id IN (SELECT p.deal_id FROM deal_facts p
                   WHERE p.tenant_id = $1 AND NOT p.is_deleted AND p.pipeline_id = {pipeline})"""


@dataclass(frozen=True, slots=True)
class ActivityScope:
    """`pipeline_id`: that of the activities' deals; None: all activities, of a deal or of none.

    No `user_ids` means everybody.
    """

    caller: Caller
    now: datetime
    pipeline_id: UUID | None
    user_ids: Sequence[UUID]
    time_zone: str

    @property
    def today(self) -> date:
        return day_at(self.now, self.time_zone)

    def in_sight(self, where: Where) -> str:
        """Return the clause, its values numbered in `where`, for what the caller sees. $1 is the tenant."""
        caller = self.caller
        if caller.can(Permission.SEE_ALL):
            return "true"
        contacts = OWNED_CONTACTS + governed_by(where, caller, "c.owner_id")
        deals = OWNED_DEALS + governed_by(where, caller, "d.owner_id")
        if caller.has_shares:
            viewer = where.number(caller.user_id)
            contacts += SHARED_CONTACTS.format(viewer=viewer)
            deals += SHARED_DEALS.format(viewer=viewer)
        ways = (
            governed_by(where, caller, "a.user_id"),
            OF_CONTACTS.format(contacts=contacts),
            OF_DEALS.format(deals=deals),
        )
        return "(" + " OR ".join(ways) + ")"

    def asked_for(self, where: Where) -> str:
        """Return the clause for the activities of the users and of the pipeline that were named, if any were."""
        clauses = []
        if self.user_ids:
            clauses.append("a.user_id = ANY (" + where.number(list(self.user_ids)) + ")")
        if self.pipeline_id is not None:
            clauses.append(OF_PIPELINE.format(pipeline=where.number(self.pipeline_id)))
        return " AND ".join(clauses) or "true"


@asynccontextmanager
async def open_activity_scope(
    source: ReportSource, caller: Caller, query: WindowQuery, *, now: datetime
) -> AsyncIterator[tuple[Connection, ActivityScope, Window]]:
    """Read under one moment's view, whatever is written meanwhile. Raises NotFound for an unknown pipeline.

    Raises InvalidField for a window that ends before it begins.
    """
    async with source.database.snapshot(caller.tenant_id, reads_many=True) as connection:
        if query.pipeline_id is not None:
            await load_pipeline_id(connection, caller, query.pipeline_id)
        zone = query.time_zone or caller.time_zone
        scope = ActivityScope(caller, now, query.pipeline_id, query.owner_id, zone)
        yield connection, scope, to_recent_window(query, scope)
