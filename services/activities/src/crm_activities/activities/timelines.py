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


@dataclass(frozen=True, slots=True)
class Source:
    """What stands in the timelines of one kind of record, by one name for each column.

    The planner sees through to the table and its indexes: one has all entries in order, another those of each type.
    """

    aggregate: LiteralString
    entries: LiteralString


OF_CONTACTS: Final = Source(
    "contact",
    """(
    SELECT tenant_id, contact_id, activity_id AS id, type, occurred_at, deal_version
      FROM activity_contacts WHERE is_current AND NOT is_deleted) AS e""",
)
OF_DEALS: Final = Source(
    "deal",
    """(
    SELECT tenant_id, deal_id, id, type, occurred_at, deal_version FROM activities WHERE deleted_at IS NULL) AS e""",
)

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
        """Return what is asked of the times; of the types `number_types`."""
        where = Where(tenant_id).add("e.tenant_id = $1")
        if self.begin is not None:
            where.add("e.occurred_at >= {}", self.begin)
        if self.end is not None:
            where.add("e.occurred_at <= {}", self.end)
        return where

    def number_types(self, where: Where) -> str | None:
        """Return the placeholder of the types, each once; None if all are asked for."""
        return where.number(list(dict.fromkeys(self.types))) if self.types else None


def select_contact_timeline(tenant_id: UUID, contact_id: UUID, window: Window, page: Page) -> ListStatement:
    where = window.to_where(tenant_id).add("e.contact_id = {}", contact_id)
    return to_halves(where, page, _select_entries(OF_CONTACTS, window, page))


def select_deal_timeline(tenant_id: UUID, deal_id: UUID, window: Window, page: Page) -> ListStatement:
    where = window.to_where(tenant_id).add("e.deal_id = {}", deal_id)
    return to_halves(where, page, _select_entries(OF_DEALS, window, page))


def select_company_timeline(caller: Caller, company_id: UUID, window: Window, page: Page) -> ListStatement:
    """Return a page of what was done with the company's contacts and deals, as far as the caller sees them.

    Of each the newest entry is looked up; those whose newest are a page's can alone have entries in it. So the cost
    goes with the number of members and not with the number of their activities.
    """

    def to_sql(where: Where, count: str) -> str:
        members = SELECT_MEMBERS + where.number(company_id) + " AND " + _visible_members(where, caller)
        order, types = page.order.sql, window.number_types(where)
        entries = [_of_members(source, where.sql, types, order, count) for source in (OF_CONTACTS, OF_DEALS)]
        # UNION: one that has two of the contacts, or a contact and a deal, is there once.
        keys = SELECT_KEYS + "(" + " UNION ".join(entries) + ") AS e" + first_rows(order, count)
        return "WITH members AS MATERIALIZED (" + members + ") " + SELECT_ENTRIES + keys + OF_KEYS + order

    return to_halves(window.to_where(caller.tenant_id), page, to_sql)


def _select_entries(source: Source, window: Window, page: Page) -> Callable[[Where, str], str]:
    def to_sql(where: Where, count: str) -> str:
        order = page.order.sql
        keys = _select_keys(source, where.sql, window.number_types(where), order, count)
        return SELECT_ENTRIES + keys + OF_KEYS + order

    return to_sql


def _select_keys(source: Source, conditions: str, types: str | None, order: str, count: str) -> str:
    """Return the statement of the first keys, `count` at most; of some types, the first of each of them.

    A record may have 100,000 entries: they are not looked through for a type that few or none of them have.
    """
    keys, first = SELECT_KEYS + source.entries + " WHERE " + conditions, first_rows(order, count)
    if types is None:
        return keys + first
    wanted = "unnest(" + types + "::text[]) AS wanted (type) CROSS JOIN LATERAL ("
    return SELECT_KEYS + wanted + keys + " AND e.type = wanted.type" + first + ") AS e" + first


def _of_members(source: Source, conditions: str, types: str | None, order: str, count: str) -> str:
    """Return the statement of the keys that members of one kind may have in the page.

    Of members with one and the same newest entry all are taken, and they count as one: the page has it once.
    """
    of_member = conditions + " AND e." + source.aggregate + "_id = m.id"
    newest, first = (_select_keys(source, of_member, types, order, most) for most in ("1", count))
    ranked = RANKED_MEMBERS + "(ORDER BY " + order + ") AS place FROM members m CROSS JOIN LATERAL (" + newest
    ranked += ") AS e WHERE m.aggregate = '" + source.aggregate + "'"
    taken = ") AS m CROSS JOIN LATERAL (" + first + ") AS e WHERE m.place <= " + count
    return FIRST_ENTRIES + "(" + ranked + taken


def _visible_members(where: Where, caller: Caller) -> str:
    owned = governed_by(where, caller, "r.owner_id")
    if caller.can(Permission.SEE_ALL) or not caller.has_shares:
        return owned
    return "(" + owned + " OR " + shared_with(where, caller, CONTACT_OF_RECORD) + ")"
