"""The activities of whom little is visible to, found from their owners: the list's own way is long for those alone.

A list walks its order and asks of each activity whether it is in sight. Who sees many fills a page soon; who sees
nothing among a million walks past all of them. So a list looks first whether little is in sight (as lists with a tag
do, decision 17), which costs at most some thousand entries of indexes, whoever asks.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from crm_shared.access import Caller
from crm_shared.database import Connection

FEW: Final = 1000
"""Who sees more fills a page of 50 after 50,000 of a million activities, on average."""

MOST_OWNERS: Final = 20
"""A larger team sees little only while it is new."""

# Each part ends at FEW, and so does the whole: what is read does not grow with what there is. $3 is the viewer.
# A range of one user, and that order, are only the index of users': where one user has most of a tenant's activities,
# "= owner.id" is expected to find all of them, and another order's index is walked to its end for who has none.
FIND_FEW: Final = """
    WITH contacts AS MATERIALIZED (
        (SELECT c.id FROM replica_records c
          WHERE c.tenant_id = $1 AND c.aggregate = 'contact' AND c.owner_id = ANY($2) AND NOT c.is_deleted LIMIT $4)
         UNION ALL
        (SELECT s.contact_id FROM contact_shares s WHERE s.tenant_id = $1 AND s.user_id = $3 LIMIT $4)
    ), deals AS MATERIALIZED (
        (SELECT d.id FROM replica_records d
          WHERE d.tenant_id = $1 AND d.aggregate = 'deal' AND d.owner_id = ANY($2) AND NOT d.is_deleted LIMIT $4)
         UNION ALL
        (SELECT d.id
           FROM contact_shares s
           JOIN replica_records d ON d.tenant_id = s.tenant_id AND d.contact_id = s.contact_id AND d.aggregate = 'deal'
                                 AND NOT d.is_deleted
          WHERE s.tenant_id = $1 AND s.user_id = $3 LIMIT $4)
    )
    SELECT CASE WHEN (SELECT count(*) FROM contacts) < $4 AND (SELECT count(*) FROM deals) < $4
           THEN ARRAY(
               SELECT found.id
                 FROM ((SELECT own.id
                          FROM unnest($2::uuid[]) AS owner (id)
                         CROSS JOIN LATERAL (SELECT a.id FROM activities a
                                              WHERE a.tenant_id = $1 AND a.user_id BETWEEN owner.id AND owner.id
                                                AND a.deleted_at IS NULL
                                              ORDER BY a.user_id, a.created_at, a.id
                                              LIMIT $4) AS own)
                        UNION ALL
                       (SELECT l.activity_id
                          FROM contacts
                         CROSS JOIN LATERAL (SELECT l.activity_id FROM activity_contacts l
                                              WHERE l.tenant_id = $1 AND l.contact_id = contacts.id AND l.is_current
                                                AND NOT l.is_deleted
                                              LIMIT $4) AS l)
                        UNION ALL
                       (SELECT a.id
                          FROM deals
                         CROSS JOIN LATERAL (SELECT a.id FROM activities a
                                              WHERE a.tenant_id = $1 AND a.deal_id = deals.id AND a.deleted_at IS NULL
                                              LIMIT $4) AS a)) AS found
                LIMIT $4)
            END
"""


async def find_sparsely_visible(
    connection: Connection, caller: Caller, owner_ids: Sequence[UUID] | None
) -> list[UUID] | None:
    """Return the ids of all activities that the caller sees if these are few, some perhaps twice; else None.

    `owner_ids` are the caller's visible owners, None an ADMIN's.
    """
    if owner_ids is None or len(owner_ids) > MOST_OWNERS:
        return None
    found = await connection.fetchval(FIND_FEW, caller.tenant_id, owner_ids, caller.user_id, FEW)
    return None if found is None or len(found) >= FEW else list(found)
