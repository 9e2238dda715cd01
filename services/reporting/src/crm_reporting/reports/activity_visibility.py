"""Which activities a report counts, and for whose eyes: SQL over `activity_facts a`.

An activity is visible to whom its user, one of its contacts or its deal is visible. What a report makes of several
activities, such as a mail and its reply, it makes of those that the caller sees: nothing out of sight moves a figure.
The filters choose among these what is counted.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, LiteralString, NamedTuple
from uuid import UUID

from crm_reporting.replica.sources import ReportSource
from crm_reporting.reports.schemas import WindowQuery
from crm_reporting.reports.scope import Window, load_pipeline_id, to_recent_window
from crm_shared.access import Caller
from crm_shared.access.visibility import governed_by
from crm_shared.database import Connection, Where
from crm_shared.local_days import day_of
from crm_shared.permissions import Permission

# What decides is joined, never asked by IN in an OR: deals that are too many for a hash in memory would there be gone
# through for each activity. Few activities have a second contact: of these the others are looked up.
SEEN_BY: Final = """
      LEFT JOIN ({contacts}) AS seen_contact ON seen_contact.id = a.contact_ids[1]
      LEFT JOIN ({deals}) AS seen_deal ON seen_deal.id = a.deal_id"""
IS_VISIBLE: Final = """({of_user} OR seen_contact.id IS NOT NULL OR seen_deal.id IS NOT NULL
            OR cardinality(a.contact_ids) > 1
               AND EXISTS (SELECT
                             FROM unnest(a.contact_ids[2:]) AS other (id)
                            CROSS JOIN LATERAL ({others} OFFSET 0) AS seen))"""
OWNED_CONTACTS: Final = "SELECT c.id FROM contacts c WHERE c.tenant_id = $1 AND "
SHARED_CONTACTS: Final = """
    UNION
    SELECT s.contact_id FROM contact_shares s WHERE s.tenant_id = $1 AND s.user_id = {viewer}"""
OWNED_OTHER: Final = "SELECT c.id FROM contacts c WHERE c.tenant_id = $1 AND c.id = other.id AND "
SHARED_OTHER: Final = SHARED_CONTACTS + " AND s.contact_id = other.id"
OWNED_DEALS: Final = "SELECT d.deal_id AS id FROM deal_facts d WHERE d.tenant_id = $1 AND NOT d.is_deleted AND "
SHARED_DEALS: Final = """
    UNION
    SELECT d.deal_id
      FROM contact_shares s
      JOIN deal_facts d ON d.tenant_id = s.tenant_id AND d.contact_id = s.contact_id AND NOT d.is_deleted
     WHERE s.tenant_id = $1 AND s.user_id = {viewer}"""
OF_PIPELINE: Final = """
      LEFT JOIN deal_facts p ON p.tenant_id = $1 AND p.deal_id = a.deal_id AND NOT p.is_deleted
                            AND p.pipeline_id = {pipeline}"""


class Sought(NamedTuple):
    """What goes behind `FROM activity_facts a`, and the clauses for what is seen and for what is asked for."""

    joins: str
    is_seen: str
    is_asked_for: str


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
        return day_of(self.now, self.time_zone)

    @property
    def is_of_all(self) -> bool:
        """Whether nothing is out of sight, and no deal asked about: sums hold, and what answers what is known."""
        return self.pipeline_id is None and self.caller.can(Permission.SEE_ALL)

    def of_users(self, where: Where, column: LiteralString) -> str:
        """Return the clause for the users asked for, to whom sees all. `column` has its alias."""
        return f"{column} = ANY (" + where.number(list(self.user_ids)) + ")" if self.user_ids else "true"

    def seek(self, where: Where) -> Sought:
        """Return the SQL, its values numbered in `where`, for what the caller sees and asks for. $1 is the tenant."""
        joins, is_seen = self._see(where)
        asked = []
        if self.user_ids:
            asked.append("a.user_id = ANY (" + where.number(list(self.user_ids)) + ")")
        if self.pipeline_id is not None:
            joins += OF_PIPELINE.format(pipeline=where.number(self.pipeline_id))
            asked.append("p.deal_id IS NOT NULL")
        return Sought(joins, is_seen, " AND ".join(asked) or "true")

    def _see(self, where: Where) -> tuple[str, str]:
        caller = self.caller
        if caller.can(Permission.SEE_ALL):
            return "", "true"
        of_contact = governed_by(where, caller, "c.owner_id")
        contacts, others = OWNED_CONTACTS + of_contact, OWNED_OTHER + of_contact
        deals = OWNED_DEALS + governed_by(where, caller, "d.owner_id")
        if caller.has_shares:
            viewer = where.number(caller.user_id)
            contacts += SHARED_CONTACTS.format(viewer=viewer)
            others += SHARED_OTHER.format(viewer=viewer)
            deals += SHARED_DEALS.format(viewer=viewer)
        of_user = governed_by(where, caller, "a.user_id")
        return SEEN_BY.format(contacts=contacts, deals=deals), IS_VISIBLE.format(of_user=of_user, others=f"({others})")


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
