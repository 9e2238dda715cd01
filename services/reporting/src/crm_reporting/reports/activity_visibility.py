"""Which activities a report counts, and for whose eyes: SQL over `activity_facts a`.

An activity is visible to whom its user, one of its contacts or its deal is visible. What a report makes of several
activities, such as a mail and its reply, it makes of those that the caller sees: nothing out of sight moves a figure.
The filters choose among these what is counted.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final, LiteralString, NamedTuple
from uuid import UUID

from crm_reporting.replica.sources import ReportSource
from crm_reporting.reports.schemas import WindowQuery
from crm_reporting.reports.scope import Window, load_pipeline_id, to_recent_window
from crm_shared.access import Caller
from crm_shared.database import Connection, Where
from crm_shared.local_days import day_of
from crm_shared.permissions import Permission

# What is seen is found by whose it is: by user, by contact and by deal, so that a report costs what its reader sees and
# not what there is. Each is looked up by an index, whatever the planner believes (OFFSET 0); no more is asked for than
# that index has, so that none of e-mails alone is taken for it. What a contact or a deal finds is left out where it
# is seen by its user.
SEEN_USERS: Final = "SELECT {viewer}::uuid AS id"
OF_TEAM: Final = """
     UNION
    SELECT v.owner_id FROM visible_owners v WHERE v.tenant_id = $1 AND v.viewer_id = {viewer}"""
SEEN: Final = """(
        WITH seen_users AS MATERIALIZED ({users})
        SELECT a.*
          FROM seen_users u
         CROSS JOIN LATERAL (
               SELECT *
                 FROM activity_facts a
                WHERE a.tenant_id = $1 AND a.user_id = u.id AND a.counts AND {of_time}
               OFFSET 0) a
         WHERE {kind}
         UNION ALL
        SELECT a.*
          FROM ({by_contact}
                 UNION
                SELECT a.activity_id
                  FROM ({deals}) AS d
                 CROSS JOIN LATERAL (
                       SELECT a.activity_id, a.user_id, a.type, a.direction
                         FROM activity_facts a
                        WHERE a.tenant_id = $1 AND a.deal_id = d.id AND a.counts AND {of_time}
                       OFFSET 0) a
                 WHERE {kind} AND {of_others}) AS found
         CROSS JOIN LATERAL (
               SELECT * FROM activity_facts a WHERE a.tenant_id = $1 AND a.activity_id = found.activity_id OFFSET 0) a
         WHERE {of_others})"""
# Who sees a good part of all there is has it gone through once: what decides is joined, never asked by IN in an OR, as
# deals that are too many for a hash in memory would there be gone through for each activity.
SEEN_OF_ALL: Final = """(
        WITH seen_users AS MATERIALIZED ({users}){named}
        SELECT a.*
          FROM activity_facts a
          LEFT JOIN ({contacts}) AS seen_contact ON seen_contact.id = a.contact_ids[1]
          LEFT JOIN ({deals}) AS seen_deal ON seen_deal.id = a.deal_id
         WHERE a.tenant_id = $1 AND a.counts AND {kind} AND {of_time}
           AND (a.user_id IN (SELECT u.id FROM seen_users u) OR seen_contact.id IS NOT NULL OR seen_deal.id IS NOT NULL
                OR cardinality(a.contact_ids) > 1 AND {by_other_contact}))"""
OF_OTHERS: Final = "a.user_id NOT IN (SELECT u.id FROM seen_users u) IS NOT FALSE"
OF_EITHER: Final = "(a.type <> 'TASK' AND {occurred} OR a.type = 'TASK' AND {completed})"
ALL: Final = "(SELECT a.* FROM activity_facts a WHERE a.tenant_id = $1 AND a.counts AND {kind} AND {of_time})"
# Few activities have a second contact: of these the others are looked up. Of e-mails all contacts are kept by time.
BY_CONTACT: Final = """
                SELECT a.activity_id
                  FROM ({contacts}) AS k
                 CROSS JOIN LATERAL (
                       SELECT a.activity_id, a.user_id
                         FROM activity_facts a
                        WHERE a.tenant_id = $1 AND a.contact_ids[1] = k.id AND a.counts AND {of_time}
                       OFFSET 0) a
                 WHERE {of_others}
                 UNION
                SELECT a.activity_id
                  FROM activity_facts a
                 WHERE a.tenant_id = $1 AND cardinality(a.contact_ids) > 1 AND a.counts AND {of_time} AND {of_others}
                   AND {by_other_contact}"""
BY_OTHER_CONTACT: Final = """EXISTS (
                SELECT FROM unnest(a.contact_ids[2:]) AS other (id) CROSS JOIN LATERAL (({others}) OFFSET 0) AS seen)"""
BY_EMAIL_CONTACT: Final = """
                SELECT a.email_id AS activity_id
                  FROM ({contacts}) AS k
                 CROSS JOIN LATERAL (
                       SELECT a.email_id
                         FROM email_contacts a
                        WHERE a.tenant_id = $1 AND a.contact_id = k.id AND {of_email_time}
                       OFFSET 0) a"""
FEW_OF: Final = 10
"""One of so many users is few: looking up costs then what going through all does (measured with 300,000 activities)."""
BRIEF: Final = timedelta(days=100)
"""Within so long a window, as a rule, fewer contacts and deals are named than somebody sees who sees much."""
ARE_FEW: Final = """
    SELECT (SELECT count(*) FROM visible_owners v WHERE v.tenant_id = $1 AND v.viewer_id = $2) * $3
           <= (SELECT count(*) FROM directory_users u WHERE u.tenant_id = $1)
"""
EMAIL: Final = "a.type = 'EMAIL' AND a.direction IS NOT NULL"
ANY_KIND: Final = "true"
DONE_AT: Final = "CASE WHEN a.type = 'TASK' THEN a.completed_at ELSE a.occurred_at END"
"""As indexes by user, contact and deal have it."""
EVER: Final = "true"
SINCE: Final = "{at} >= $2"
IN_WINDOW: Final = "{at} >= $2 AND {at} < $3"
OWNED_CONTACTS: Final = """
    SELECT c.id
      FROM seen_users u
     CROSS JOIN LATERAL (SELECT c.id FROM contacts c WHERE c.tenant_id = $1 AND c.owner_id = u.id OFFSET 0) c"""
# Who sees much has more contacts and deals than a short window has activities, so those are asked for that its
# activities name: all at once, as one by one each might be sought in an index that has all of the tenant's in a row.
NAMED: Final = """, named AS MATERIALIZED (
            SELECT a.contact_ids[1] AS contact_id, a.deal_id
              FROM activity_facts a
             WHERE a.tenant_id = $1 AND a.counts AND {kind} AND {of_time} AND {of_others})"""
NAMED_CONTACTS: Final = """
    SELECT c.id
      FROM contacts c
     WHERE c.tenant_id = $1 AND c.id = ANY (ARRAY(SELECT DISTINCT n.contact_id FROM named n))
       AND c.owner_id IN (SELECT u.id FROM seen_users u)"""
NAMED_DEALS: Final = """
    SELECT d.deal_id AS id
      FROM deal_facts d
     WHERE d.tenant_id = $1 AND NOT d.is_deleted AND d.deal_id = ANY (ARRAY(SELECT DISTINCT n.deal_id FROM named n))
       AND d.owner_id IN (SELECT u.id FROM seen_users u)"""
SHARED_CONTACTS: Final = """
    UNION
    SELECT s.contact_id FROM contact_shares s WHERE s.tenant_id = $1 AND s.user_id = {viewer}"""
OWNED_OTHER: Final = """
        SELECT c.id
          FROM contacts c
         WHERE c.tenant_id = $1 AND c.id = other.id AND c.owner_id IN (SELECT u.id FROM seen_users u)"""
SHARED_OTHER: Final = SHARED_CONTACTS + " AND s.contact_id = other.id"
OWNED_DEALS: Final = """
    SELECT d.deal_id AS id
      FROM seen_users u
     CROSS JOIN LATERAL (
           SELECT d.deal_id FROM deal_facts d WHERE d.tenant_id = $1 AND d.owner_id = u.id AND NOT d.is_deleted OFFSET 0
           ) d"""
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
    """What goes behind a query of activities `a`, and the clause for what is asked for."""

    joins: str
    is_asked_for: str


@dataclass(frozen=True, slots=True)
class ActivityScope:
    """`pipeline_id`: that of the activities' deals; None: all activities, of a deal or of none.

    No `user_ids` means everybody. `sees_little`: what the caller sees is looked up, as it is a small part of all.
    `is_brief`: the window has fewer activities, as a rule, than one who sees much has deals.
    """

    caller: Caller
    now: datetime
    pipeline_id: UUID | None
    user_ids: Sequence[UUID]
    time_zone: str
    sees_little: bool = True
    is_brief: bool = True

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

    def select_seen(self, where: Where, kind: LiteralString, of_time: LiteralString) -> str:
        """Return a query, in brackets, of the activities `a` that the caller sees: EMAIL or ANY_KIND.

        $1 is the tenant, $2 and $3 what `of_time` (EVER, SINCE, IN_WINDOW) has.
        """
        caller = self.caller
        occurred, completed = of_time.format(at="a.occurred_at"), of_time.format(at="a.completed_at")
        of_either = occurred if kind == EMAIL else OF_EITHER.format(occurred=occurred, completed=completed)
        if caller.can(Permission.SEE_ALL):
            return ALL.format(kind=kind, of_time=of_either)
        viewer = where.number(caller.user_id)
        asks_each = not self.sees_little and self.is_brief and of_time != EVER
        contacts, deals = (NAMED_CONTACTS, NAMED_DEALS) if asks_each else (OWNED_CONTACTS, OWNED_DEALS)
        others = OWNED_OTHER
        if caller.has_shares:
            contacts += SHARED_CONTACTS.format(viewer=viewer)
            others += SHARED_OTHER.format(viewer=viewer)
            deals += SHARED_DEALS.format(viewer=viewer)
        users = self.select_seen_users(viewer)
        by_other = BY_OTHER_CONTACT.format(others=others)
        seen = {"users": users, "contacts": contacts, "deals": deals, "by_other_contact": by_other, "kind": kind}
        if not self.sees_little:
            named = NAMED.format(kind=kind, of_time=of_either, of_others=OF_OTHERS) if asks_each else ""
            return SEEN_OF_ALL.format(**seen, named=named, of_time=of_either)
        clauses = {**seen, "of_time": of_time.format(at=DONE_AT), "of_email_time": occurred, "of_others": OF_OTHERS}
        by_contact = BY_EMAIL_CONTACT if kind == EMAIL else BY_CONTACT
        return SEEN.format(**clauses, by_contact=by_contact.format(**clauses))

    def select_seen_users(self, viewer: str) -> str:
        """Return a query of those whose records the caller, as a parameter, sees. $1 is the tenant."""
        users = SEEN_USERS + OF_TEAM if self.caller.can(Permission.SEE_TEAM) else SEEN_USERS
        return users.format(viewer=viewer)

    def seek(self, where: Where) -> Sought:
        """Return the SQL, its values numbered in `where`, for what is asked for of activities `a`. $1 is the tenant."""
        joins, asked = "", []
        if self.user_ids:
            asked.append("a.user_id = ANY (" + where.number(list(self.user_ids)) + ")")
        if self.pipeline_id is not None:
            joins = OF_PIPELINE.format(pipeline=where.number(self.pipeline_id))
            asked.append("p.deal_id IS NOT NULL")
        return Sought(joins, " AND ".join(asked) or "true")


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
        sees_little = await _sees_little(connection, caller)
        scope = ActivityScope(caller, now, query.pipeline_id, query.owner_id, zone, sees_little)
        window = to_recent_window(query, scope)
        yield connection, replace(scope, is_brief=window.end - window.begin < BRIEF), window


async def _sees_little(connection: Connection, caller: Caller) -> bool:
    """Return whether the caller's people are few of all. Who sees all, or their own alone, has no such people."""
    if caller.can(Permission.SEE_ALL) or not caller.can(Permission.SEE_TEAM):
        return True
    found: bool = await connection.fetchval(ARE_FEW, caller.tenant_id, caller.user_id, FEW_OF)
    return found
