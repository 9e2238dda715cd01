"""Timelines as SQL: first the keys of the page, from an index that has them in order, then the activities.

Without a clause for sight: who sees a contact or a deal sees all of its timeline. That it is seen, the caller of these
functions has made sure. A company's is made of the timelines of its contacts and deals that the caller sees.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from crm_activities.activities.activity import ActivityType
from crm_activities.activities.columns import ACTIVITY_COLUMNS
from crm_shared.access import Caller
from crm_shared.access.visibility import governed_by, shared_with
from crm_shared.database import Where
from crm_shared.features.replicas.references import CONTACT_OF_RECORD
from crm_shared.listing import ListStatement, Page
from crm_shared.listing.statements import first_rows, to_halves
from crm_shared.permissions import Permission

# What stands in a timeline, by one name for each column. The planner sees through to the table and its index.
OF_CONTACTS: Final = """(
    SELECT tenant_id, contact_id, activity_id AS id, type, occurred_at, deal_version
      FROM activity_contacts WHERE is_current AND NOT is_deleted) AS e"""
OF_DEALS: Final = """(
    SELECT tenant_id, deal_id, id, type, occurred_at, deal_version FROM activities WHERE deleted_at IS NULL) AS e"""

RANKED_MEMBERS: Final = "SELECT m.id, dense_rank() OVER "
FIRST_ENTRIES: Final = "SELECT e.* FROM "
SELECT_KEYS: Final = "SELECT e.id, e.occurred_at, e.deal_version FROM "
SELECT_ENTRIES: Final = "SELECT" + ACTIVITY_COLUMNS + ", a.deal_version FROM ("
OF_KEYS: Final = ") AS e JOIN activities a ON a.tenant_id = $1 AND a.id = e.id ORDER BY "

SELECT_MEMBERS: Final = """
    SELECT r.aggregate, r.id FROM replica_records r
     WHERE r.tenant_id = $1 AND NOT r.is_deleted AND r.aggregate IN ('contact', 'deal') AND r.company_id = """


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of a timeline is asked for: these types, if any, from `begin` to `end`, both included."""

    types: Sequence[ActivityType] = ()
    begin: datetime | None = None
    end: datetime | None = None

    def to_where(self, tenant_id: UUID) -> Where:
        where = Where(tenant_id).add("e.tenant_id = $1")
        if self.types:
            where.add("e.type = ANY({})", self.types)
        if self.begin is not None:
            where.add("e.occurred_at >= {}", self.begin)
        if self.end is not None:
            where.add("e.occurred_at <= {}", self.end)
        return where


def select_contact_timeline(tenant_id: UUID, contact_id: UUID, window: Window, page: Page) -> ListStatement:
    where = window.to_where(tenant_id).add("e.contact_id = {}", contact_id)
    return to_halves(where, page, _select_keys(OF_CONTACTS, page))


def select_deal_timeline(tenant_id: UUID, deal_id: UUID, window: Window, page: Page) -> ListStatement:
    where = window.to_where(tenant_id).add("e.deal_id = {}", deal_id)
    return to_halves(where, page, _select_keys(OF_DEALS, page))


def select_company_timeline(caller: Caller, company_id: UUID, window: Window, page: Page) -> ListStatement:
    """Return a page of what was done with the company's contacts and deals, as far as the caller sees them.

    Of each the newest entry is looked up; those whose newest are a page's can alone have entries in it. So the cost
    goes with the number of members and not with the number of their activities.
    """

    def to_sql(where: Where, count: str) -> str:
        members = SELECT_MEMBERS + where.number(company_id) + " AND " + _visible_members(where, caller)
        order = page.order.sql
        entries = [
            _of_members(source, f"{where.sql} AND e.{name}_id = m.id", name, order, count)
            for source, name in ((OF_CONTACTS, "contact"), (OF_DEALS, "deal"))
        ]
        # UNION: one that has two of the contacts, or a contact and a deal, is there once.
        keys = SELECT_KEYS + "(" + " UNION ".join(entries) + ") AS e" + first_rows(order, count)
        return "WITH members AS MATERIALIZED (" + members + ") " + SELECT_ENTRIES + keys + OF_KEYS + order

    return to_halves(window.to_where(caller.tenant_id), page, to_sql)


def _select_keys(source: LiteralString, page: Page) -> Callable[[Where, str], str]:
    def to_sql(where: Where, count: str) -> str:
        keys = SELECT_KEYS + source + " WHERE " + where.sql + first_rows(page.order.sql, count)
        return SELECT_ENTRIES + keys + OF_KEYS + page.order.sql

    return to_sql


def _of_members(source: LiteralString, conditions: str, aggregate: LiteralString, order: str, count: str) -> str:
    """Return the statement of the keys that members of one kind may have in the page.

    Of members with one and the same newest entry all are taken, and they count as one: the page has it once.
    """
    keys = SELECT_KEYS + source + " WHERE " + conditions + " ORDER BY " + order
    newest = " CROSS JOIN LATERAL (" + keys + " LIMIT 1) AS e WHERE m.aggregate = '" + aggregate + "'"
    ranked = RANKED_MEMBERS + "(ORDER BY " + order + ") AS place FROM members m" + newest
    of_member = ") AS m CROSS JOIN LATERAL (" + keys + " LIMIT " + count + ") AS e WHERE m.place <= " + count
    return FIRST_ENTRIES + "(" + ranked + of_member


def _visible_members(where: Where, caller: Caller) -> str:
    owned = governed_by(where, caller, "r.owner_id")
    if caller.can(Permission.SEE_ALL) or not caller.has_shares:
        return owned
    return "(" + owned + " OR " + shared_with(where, caller, CONTACT_OF_RECORD) + ")"
