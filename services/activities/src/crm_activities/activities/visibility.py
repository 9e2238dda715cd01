"""Which activities a caller may see: the one place of it. Every read of activities passes here.

An activity is visible to whom its user, its contact or its deal is visible.
"""

from typing import Final

from crm_shared.access import Caller
from crm_shared.access.visibility import add_visible
from crm_shared.database import Where

# Outer joins by primary key: where no clause names `c` or `d`, as for an ADMIN, PostgreSQL leaves them out of the plan.
FROM_ACTIVITIES: Final = """
      FROM activities a
      LEFT JOIN replica_records c ON c.tenant_id = a.tenant_id AND c.aggregate = 'contact' AND c.id = a.contact_id
                                 AND NOT c.is_deleted
      LEFT JOIN replica_records d ON d.tenant_id = a.tenant_id AND d.aggregate = 'deal' AND d.id = a.deal_id
                                 AND NOT d.is_deleted
     WHERE a.tenant_id = $1 AND a.deleted_at IS NULL AND """


def add_visible_activities(where: Where, caller: Caller) -> Where:
    """Leave what the caller sees, in a statement that reads FROM_ACTIVITIES."""
    return add_visible(where, caller, "a.user_id", "c.owner_id", "d.owner_id")
