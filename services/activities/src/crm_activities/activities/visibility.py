"""Which activities a caller may see: the one place of it. Every read of activities passes here.

An activity is visible to whom its user, one of its contacts or its deal is visible. There are two ways to ask for that,
for two kinds of statement: from one activity to its owners by key, or, in a list, from the owners to the set of their
records. The worst list is that of a new colleague who sees nothing among 300,000: 0.15 s in the second way, 7 s in the
first. The second reads all records of the owners for any page, 30 ms for those of a team that sees most of a million
activities, of which the first way needs to look at seventy. So a team's list begins with that, and does not go far.
"""

from collections.abc import Collection, Sequence
from typing import Final, LiteralString
from uuid import UUID

from crm_shared.access import Caller
from crm_shared.access.visibility import governed_by, shared_with
from crm_shared.database import Where
from crm_shared.permissions import Permission

# For one activity by id. An outer join by primary key: where no clause names `d`, as for an ADMIN, PostgreSQL leaves it
# out of the plan.
FROM_ONE_OR_DELETED: Final = """
      FROM activities a
      LEFT JOIN replica_records d ON d.tenant_id = a.tenant_id AND d.aggregate = 'deal' AND d.id = a.deal_id
                                 AND NOT d.is_deleted
     WHERE a.tenant_id = $1 AND """
FROM_ONE: Final = FROM_ONE_OR_DELETED + "a.deleted_at IS NULL AND "

# A value and not EXISTS, which PostgreSQL would rather answer from a hash of all links that there are.
CONTACT_IS_VISIBLE: Final = """(
    SELECT true
      FROM activity_contacts l
      LEFT JOIN replica_records c ON c.tenant_id = l.tenant_id AND c.aggregate = 'contact' AND c.id = l.contact_id
                                 AND NOT c.is_deleted
     WHERE l.tenant_id = a.tenant_id AND l.activity_id = a.id AND l.is_current AND """

# For rows that were found already, called `a`: each asked about by key. LIMIT: a join would read all deals for them.
OF_FOUND: Final = """
      LEFT JOIN LATERAL (SELECT r.owner_id, r.contact_id
                           FROM replica_records r
                          WHERE r.tenant_id = a.tenant_id AND r.aggregate = 'deal' AND r.id = a.deal_id
                            AND NOT r.is_deleted
                          LIMIT 1) AS d ON true
     WHERE """

# For lists.
FROM_MANY: Final = """
      FROM activities a
     WHERE a.tenant_id = $1 AND a.deleted_at IS NULL AND """


def add_one_visible(where: Where, caller: Caller, activity_id: UUID) -> Where:
    """Leave the activity if the caller sees it, in a statement that reads FROM_ONE or FROM_ONE_OR_DELETED."""
    return _add_visibility(where.add("a.id = {}", activity_id), caller)


def add_some_visible(where: Where, caller: Caller, activity_ids: Collection[UUID]) -> Where:
    """Leave those of the activities that the caller sees, in a statement that reads FROM_ONE."""
    return _add_visibility(where.add("a.id = ANY({})", list(activity_ids)), caller)


def add_seen(where: Where, caller: Caller, column: LiteralString) -> Where:
    """Leave rows whose `column` is the id of an activity that the caller sees, in any statement."""
    if caller.can(Permission.SEE_ALL):
        return where
    visibility = to_visibility(where, caller)
    return where.add_sql("EXISTS (SELECT 1" + FROM_ONE + "a.id = " + column + " AND " + visibility + ")")


def _add_visibility(where: Where, caller: Caller) -> Where:
    return where if caller.can(Permission.SEE_ALL) else where.add_sql(to_visibility(where, caller))


def to_visibility(where: Where, caller: Caller) -> str:
    """Return the clause, its values numbered in `where`, of what a caller sees who does not see all."""
    ways = [governed_by(where, caller, "a.user_id", "d.owner_id")]
    of_contact = [governed_by(where, caller, "c.owner_id")]
    if caller.has_shares:
        ways.append(shared_with(where, caller, "d.contact_id"))
        of_contact.append(shared_with(where, caller, "l.contact_id"))
    ways.append(CONTACT_IS_VISIBLE + "(" + " OR ".join(of_contact) + ") LIMIT 1)")
    return "(" + " OR ".join(ways) + ")"


# In an OR, an IN (SELECT …) is hashed once a statement, however many contacts the owners have: a row costs a probe.
# Few activities have a second contact, so that most rows are done with one probe of one column.
ANY_CONTACT_IN: LiteralString = """
    (a.contact_id IN ({contacts})
     OR (cardinality(a.contact_ids) > 1
         AND EXISTS (SELECT FROM unnest(a.contact_ids[2:]) AS other (id) WHERE other.id IN ({contacts}))))
"""
CONTACTS_OF: Final[LiteralString] = ANY_CONTACT_IN.format(
    contacts="""
        SELECT c.id FROM replica_records c
         WHERE c.tenant_id = $1 AND c.aggregate = 'contact' AND NOT c.is_deleted AND c.owner_id = ANY({owners})"""
)
DEALS_OF: Final = """
    a.deal_id IN (SELECT d.id FROM replica_records d
                   WHERE d.tenant_id = $1 AND d.aggregate = 'deal' AND NOT d.is_deleted AND d.owner_id = ANY({owners}))
"""
SHARED_CONTACTS: Final[LiteralString] = ANY_CONTACT_IN.format(
    contacts="SELECT s.contact_id FROM contact_shares s WHERE s.tenant_id = $1 AND s.user_id = {viewer}"
)
DEALS_OF_SHARED: Final = """
    a.deal_id IN (SELECT d.id
                    FROM contact_shares s
                    JOIN replica_records d ON d.tenant_id = s.tenant_id AND d.contact_id = s.contact_id
                                          AND d.aggregate = 'deal' AND NOT d.is_deleted
                   WHERE s.tenant_id = $1 AND s.user_id = {viewer})
"""


def add_visible_of(where: Where, caller: Caller, owner_ids: Sequence[UUID] | None) -> Where:
    """Leave what is visible to whom these owners' records are, in a statement that reads FROM_MANY.

    `owner_ids` are the caller's visible owners; None, an ADMIN's, leaves everything. What is shared with the caller
    stays as well.
    """
    if owner_ids is None:
        return where
    ways = "a.user_id = ANY({owners}) OR " + CONTACTS_OF + " OR " + DEALS_OF
    numbers = {"owners": where.number(owner_ids)}
    if caller.has_shares:
        ways += " OR " + SHARED_CONTACTS + " OR " + DEALS_OF_SHARED
        numbers["viewer"] = where.number(caller.user_id)
    return where.add_sql("(" + ways.format_map(numbers) + ")")
