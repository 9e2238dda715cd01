"""Takes the values out of the audit of records that are erased. Who changed which field and when stays."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from crm_shared.database import Transaction

FORGET_VALUES: Final = """
    UPDATE record_changes r
       SET changed = (SELECT coalesce(jsonb_object_agg(field, '{"from": null, "to": null}'::jsonb), '{}')
                        FROM jsonb_object_keys(r.changed) AS field)
     WHERE r.tenant_id = $1 AND r.aggregate = $2 AND r.record_id = ANY ($3) AND r.changed IS NOT NULL
       AND ($4::text[] IS NULL OR r.verb = ANY ($4))
"""


async def forget_values(
    transaction: Transaction,
    tenant_id: UUID,
    aggregate: str,
    record_ids: Sequence[UUID],
    *,
    verbs: Sequence[str] | None = None,
) -> None:
    """Leave the names of the fields that changed, with null for what they were and became. `verbs` None: of all."""
    await transaction.execute(FORGET_VALUES, tenant_id, aggregate, record_ids, verbs)
