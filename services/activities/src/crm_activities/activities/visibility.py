"""Which activities a caller may see: the one place of it. Every read of activities passes here.

An activity is visible to whom its user, its contact or its deal is visible. There are two ways to ask for that, for two
kinds of statement: from one activity to its owners by key, or, in a list, from the owners to the set of their records.
The worst list is that of a new colleague who sees nothing among 300,000: 0.15 s in the second way, 7 s in the first.
"""

from collections.abc import Sequence
from typing import Final, LiteralString
from uuid import UUID

from crm_shared.access import Caller
from crm_shared.access.visibility import add_visible
from crm_shared.database import Where

# For one activity by id. Outer joins by primary key: where no clause names `c` or `d`, as for an ADMIN, PostgreSQL
# leaves them out of the plan.
FROM_ONE: Final = """
      FROM activities a
      LEFT JOIN replica_records c ON c.tenant_id = a.tenant_id AND c.aggregate = 'contact' AND c.id = a.contact_id
                                 AND NOT c.is_deleted
      LEFT JOIN replica_records d ON d.tenant_id = a.tenant_id AND d.aggregate = 'deal' AND d.id = a.deal_id
                                 AND NOT d.is_deleted
     WHERE a.tenant_id = $1 AND a.deleted_at IS NULL AND """

# For lists.
FROM_MANY: Final = """
      FROM activities a
     WHERE a.tenant_id = $1 AND a.deleted_at IS NULL AND """


def add_one_in_sight(where: Where, caller: Caller, activity_id: UUID) -> Where:
    """Leave the activity if the caller sees it, in a statement that reads FROM_ONE."""
    where.add("a.id = {}", activity_id)
    contacts: LiteralString = "a.contact_id, d.contact_id"
    return add_visible(where, caller, "a.user_id", "c.owner_id", "d.owner_id", contact_id=contacts)


# In an OR, an IN (SELECT …) is hashed once a statement, however many contacts the owners have: a row costs a probe.
CONTACTS_OF: Final = """
    a.contact_id IN (SELECT c.id FROM replica_records c
                      WHERE c.tenant_id = $1 AND c.aggregate = 'contact' AND NOT c.is_deleted AND c.owner_id = ANY({}))
"""
DEALS_OF: Final = """
    a.deal_id IN (SELECT d.id FROM replica_records d
                   WHERE d.tenant_id = $1 AND d.aggregate = 'deal' AND NOT d.is_deleted AND d.owner_id = ANY({}))
"""
SHARED_CONTACTS: Final = """
    a.contact_id IN (SELECT s.contact_id FROM contact_shares s WHERE s.tenant_id = $1 AND s.user_id = {})
"""
DEALS_OF_SHARED: Final = """
    a.deal_id IN (SELECT d.id
                    FROM contact_shares s
                    JOIN replica_records d ON d.tenant_id = s.tenant_id AND d.contact_id = s.contact_id
                                          AND d.aggregate = 'deal' AND NOT d.is_deleted
                   WHERE s.tenant_id = $1 AND s.user_id = {})
"""


def add_in_sight(where: Where, caller: Caller, owner_ids: Sequence[UUID] | None) -> Where:
    """Leave what is visible to whom these owners' records are, in a statement that reads FROM_MANY.

    `owner_ids` are the caller's visible owners; None, an ADMIN's, leaves everything. What is shared with the caller
    stays as well.
    """
    if owner_ids is None:
        return where
    if not caller.has_shares:
        return where.add(f"(a.user_id = ANY({{}}) OR {CONTACTS_OF} OR {DEALS_OF})", owner_ids, owner_ids, owner_ids)
    return where.add(
        f"(a.user_id = ANY({{}}) OR {CONTACTS_OF} OR {DEALS_OF} OR {SHARED_CONTACTS} OR {DEALS_OF_SHARED})",
        *(owner_ids, owner_ids, owner_ids, caller.user_id, caller.user_id),
    )
