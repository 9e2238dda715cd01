"""What the system may merge by itself: no more than one person could have, and nothing that a person set apart."""

from typing import Final
from uuid import UUID

from crm_contacts.contacts.domain import Contact
from crm_contacts.merges.domain import are_shared_alike
from crm_shared.database import Transaction
from crm_shared.permissions import Permission, list_roles

# Whatever changes the directory holds the tenant's row (see directory.repository.lock_tenant): until the merge is
# committed nobody's role, manager or reach changes, nor the tenant's wish. A statement of its own, so that what is read
# next is as the wait for it left it.
HOLD_DIRECTORY: Final = "SELECT FROM directory_tenants WHERE tenant_id = $1 AND auto_merge FOR SHARE"

GOVERNS: Final = """
    SELECT EXISTS (
        SELECT FROM directory_users u
         WHERE u.tenant_id = $1 AND u.id = $2 AND u.active
           AND (u.role = ANY ($4) OR EXISTS (SELECT FROM visible_owners v
                                              WHERE v.tenant_id = $1 AND v.viewer_id = $2 AND v.owner_id = $3)))
"""

# With each of the two goes whoever was merged into it: A and B that were parted must not meet in C. UNION, not UNION
# ALL: should a cycle ever get in, the walk ends.
WERE_UNMERGED: Final = """
    WITH RECURSIVE ours AS (
        SELECT $2::uuid AS id
        UNION
        SELECT c.id FROM ours JOIN contacts c ON c.tenant_id = $1 AND c.merged_into = ours.id
    ), theirs AS (
        SELECT $3::uuid AS id
        UNION
        SELECT c.id FROM theirs JOIN contacts c ON c.tenant_id = $1 AND c.merged_into = theirs.id
    ), pairs AS (
        SELECT ours.id AS one_id, theirs.id AS other_id FROM ours CROSS JOIN theirs
    )
    SELECT EXISTS (SELECT FROM pairs p
                     JOIN merges m ON m.tenant_id = $1 AND m.undone_at IS NOT NULL
                                  AND (m.survivor_id, m.other_id) IN ((p.one_id, p.other_id), (p.other_id, p.one_id)))
        OR EXISTS (SELECT FROM pairs p
                     JOIN duplicate_candidates d ON d.tenant_id = $1 AND d.low_id = least(p.one_id, p.other_id)
                                                AND d.high_id = greatest(p.one_id, p.other_id)
                                                AND d.status <> 'MERGED' AND d.decided_at IS NOT NULL)
"""


async def hold_directory(transaction: Transaction, tenant_id: UUID) -> bool:
    """Keep rights as they are until the transaction ends, before any contact is locked.

    False when the tenant doesn't want the system to merge.
    """
    return await transaction.fetchrow(HOLD_DIRECTORY, tenant_id) is not None


async def may_merge(transaction: Transaction, tenant_id: UUID, survivor: Contact, other: Contact) -> bool:
    """Return whether the system may unite the two, which are locked and whose directory is held.

    They have one owner, or the survivor's governs the other's; the same people have the same shares of both, so that
    nobody sees more by it or loses what they were given; and no person has said of them, or of contacts that they were
    merged with, that they are two.
    """
    if not are_shared_alike(survivor, other):
        return False
    if survivor.owner_id != other.owner_id and not await transaction.fetchval(
        GOVERNS, tenant_id, survivor.owner_id, other.owner_id, list_roles(Permission.SEE_ALL)
    ):
        return False
    return not await transaction.fetchval(WERE_UNMERGED, tenant_id, survivor.id, other.id)
